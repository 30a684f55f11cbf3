/**
 * The databases of `stores.ts` with others on them: another program beside the store, and a hand that changes its rows.
 */
import Sqlite from "better-sqlite3"
import { Effect, Layer, Record } from "effect"
import * as NatsStore from "../../src/nats/NatsStore.ts"
import * as PostgresStore from "../../src/sql/PostgresStore.ts"
import { SqlDatabase } from "../../src/sql/SqlDatabase.ts"
import { Writer } from "../../src/sql/Writer.ts"
import { OtherSession } from "../../src/testing/projection/OtherSession.ts"
import * as Nats from "../nats/Nats.ts"
import { client, schema } from "../sql/Postgres.ts"
import * as Tampering from "../sql/Tampering.ts"
import { databases } from "./stores.ts"

/** Writes as the store does, since SQLite has one connection that may; reads a file through another. */
const besideFile = (file?: string) =>
  Layer.effect(
    OtherSession,
    Effect.gen(function* () {
      const { name } = yield* SqlDatabase
      const filename = file ?? name
      const writer = yield* Writer
      const within = yield* Effect.context<SqlDatabase | Writer>()
      return {
        kind: "sqlite",
        run: (sql) => writer.transact((connection) => connection.executeValues(sql, [])),
        reading: (sql) =>
          filename === ":memory:"
            ? Effect.void
            : Effect.acquireRelease(
                Effect.sync(() => {
                  const reader = new Sqlite(filename, { readonly: true })
                  reader.exec("BEGIN")
                  reader.prepare(sql).all()
                  return reader
                }),
                (reader) => Effect.sync(() => reader.close())
              ),
        cutLog: (position) => Effect.provide(Tampering.cut(position), within)
      }
    })
  )

const besidePostgres = (url: string) =>
  Layer.scoped(
    OtherSession,
    Effect.gen(function* () {
      const sql = yield* client(url)
      const within = yield* Effect.context<SqlDatabase | Writer>()
      return {
        kind: "postgres",
        run: (text) => sql.unsafe(text).values,
        reading: (text) =>
          Effect.gen(function* () {
            const connection = yield* sql.reserve
            yield* Effect.acquireRelease(connection.executeRaw("BEGIN", []), () =>
              Effect.orDie(connection.executeRaw("ROLLBACK", []))
            )
            yield* connection.executeRaw(text, [])
          }),
        cutLog: (position) => Effect.provide(Tampering.cut(position), within)
      }
    })
  )

const { nats: _, postgres: __, ...sqlite } = databases

const beside = {
  ...Record.map(sqlite, (layer) => Layer.provideMerge(besideFile(), layer)),
  postgres: Layer.unwrapScoped(
    Effect.map(schema, (url) => Layer.provideMerge(besidePostgres(url), PostgresStore.layer({ url })))
  ),
  nats: Layer.unwrapScoped(
    Effect.map(Nats.address, ({ file, of }) =>
      Layer.provideMerge(besideFile(file("local.db")), NatsStore.layer({ url: of() }))
    )
  )
}

const withHand = <A, E>(layer: Layer.Layer<A | SqlDatabase | Writer, E>) => Layer.provideMerge(Tampering.layer, layer)

/** The databases with a hand that changes their rows. */
export const tampered = Record.map(databases, withHand)

/** The same, with another program on them. */
export const shared = Record.map(beside, withHand)
