/** PostgreSQL for tests: a schema of its own for each, on the server that `globalSetup.ts` started. */
import { randomUUID } from "node:crypto"
import { Effect, Layer } from "effect"
import { inject } from "vitest"
import type { PostgresOptions } from "../../src/sql/PostgresDatabase.ts"
import * as PostgresStore from "../../src/sql/PostgresStore.ts"
import type { WriterOptions } from "../../src/sql/Writer.ts"
import { client } from "./PostgresClient.ts"

export { client }

/** The address of a new schema, which is gone with its scope. */
export const schema = Effect.gen(function* () {
  const server = inject("postgres")
  const schema = `test_${randomUUID().replaceAll("-", "")}`
  const sql = yield* client(server)
  yield* Effect.acquireRelease(sql.unsafe(`CREATE SCHEMA ${schema}`), () =>
    Effect.orDie(sql.unsafe(`DROP SCHEMA ${schema} CASCADE`))
  )
  const url = new URL(server)
  url.searchParams.set("options", `-c search_path=${schema}`)
  return url.href
})

/** The stores on a new schema. */
export const postgresStore = (options: Omit<PostgresOptions, "url"> & WriterOptions = {}) =>
  Layer.unwrapScoped(Effect.map(schema, (url) => PostgresStore.layer({ url, ...options })))
