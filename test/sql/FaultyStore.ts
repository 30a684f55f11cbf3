/** The event store on a real file whose connection, or whose dialect, fails where a test says so. */
import type { SqlClient } from "@effect/sql/SqlClient"
import type { Connection } from "@effect/sql/SqlConnection"
import { SqlError } from "@effect/sql/SqlError"
import { Effect, Layer } from "effect"
import { type Dialect, SqlDatabase } from "../../src/sql/SqlDatabase.ts"
import * as SqlEventStore from "../../src/sql/SqlEventStore.ts"
import * as SqliteDatabase from "../../src/sql/SqliteDatabase.ts"
import * as Writer from "../../src/sql/Writer.ts"

export const ioError = new SqlError({
  cause: Object.assign(new Error("disk I/O error"), { code: "SQLITE_IOERR_FSYNC" })
})

interface Faults {
  /** Asked before each statement of the connection that writes. When it throws, the statement dies. */
  readonly fault?: (sql: string) => SqlError | undefined
  readonly dialect?: Partial<Dialect>
}

export const faulty = (filename: string, { dialect, fault }: Faults) => {
  const wrap = (connection: Connection): Connection => ({
    ...connection,
    executeRaw: (sql, params) =>
      Effect.suspend(() => {
        const error = fault?.(sql)
        return error === undefined ? connection.executeRaw(sql, params) : Effect.fail(error)
      })
  })
  const database = Layer.effect(
    SqlDatabase,
    Effect.map(SqlDatabase, (inner) => {
      const client = inner.writeClient as SqlClient
      const writeClient = { ...client, reserve: Effect.map(client.reserve, wrap) }
      return { ...inner, dialect: { ...inner.dialect, ...dialect }, writeClient: writeClient as SqlClient }
    })
  ).pipe(Layer.provide(SqliteDatabase.layer({ filename })))
  return SqlEventStore.layer.pipe(Layer.provideMerge(Writer.layer()), Layer.provideMerge(database))
}
