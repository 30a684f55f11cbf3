/** The suites of all stores once more, under a prefix and beside an application's tables. */
import { join } from "node:path"
import Sqlite from "better-sqlite3"
import { Effect, Layer } from "effect"
import * as PostgresStore from "../../src/sql/PostgresStore.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import {
  EventStoreConformance,
  JournalConformance,
  ProjectionConformance,
  ReactionConformance,
  SnapshotStoreConformance,
  SubscriptionConformance
} from "../../src/testing/Suites.ts"
import { isLong } from "../Random.ts"
import { client, schema } from "../sql/Postgres.ts"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"
import { onEach } from "./stores.ts"

/** Names that the statements of Daybook use too: one that missed its prefix would meet these. */
const tables = ["events", "commands", "snapshots", "projections", "migrations", "log_events", "log_entries"]
const hosts = tables.map((name) => `CREATE TABLE ${name} (mine INTEGER)`).join("; ")
const prefix = "daybook_"

const quick = { "sqlite::memory: under a prefix": SqliteStore.layer({ filename: ":memory:", prefix }) }
const all = {
  ...quick,
  "sqlite under a prefix": Layer.unwrapScoped(
    Effect.map(temporaryFolder, (folder) => {
      const filename = join(folder, "shop.db")
      new Sqlite(filename).exec(hosts).close()
      return SqliteStore.layer({ filename, prefix })
    })
  ),
  "postgres under a prefix": Layer.unwrapScoped(
    Effect.gen(function* () {
      const url = yield* schema
      yield* (yield* client(url)).unsafe(hosts)
      return PostgresStore.layer({ url, prefix })
    })
  )
}

const stores = isLong ? all : quick

/** They look at a table of Daybook's with a query of the application, which has to say the prefix. */
const withoutPrefix = /^a pause survives a restart|^a rebuild from 0 gives/

onEach("EventStore", stores, [...EventStoreConformance, ...JournalConformance])
onEach("SnapshotStore", stores, SnapshotStoreConformance)
onEach(
  "projections",
  stores,
  [...ProjectionConformance, ...SubscriptionConformance, ...ReactionConformance].filter(
    ({ name }) => !withoutPrefix.test(name)
  )
)
