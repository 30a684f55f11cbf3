/** A client of PostgreSQL beside the store's own. Nothing here needs a test runner. */
import * as Reactivity from "@effect/experimental/Reactivity"
import type { SqlClient } from "@effect/sql/SqlClient"
import * as PgClient from "@effect/sql-pg/PgClient"
import { Effect, Redacted } from "effect"

/** A client of another program, in the schema of the address. */
export const client = (url: string) =>
  PgClient.make({ url: Redacted.make(url) }).pipe(
    Effect.provideServiceEffect(Reactivity.Reactivity, Reactivity.make),
    Effect.map((sql): SqlClient => sql)
  )
