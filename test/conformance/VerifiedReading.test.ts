/**
 * The suites of verified reading on every store. The event store in memory has no rows that anybody could change: there the
 * rows between it and its readers are changed. It has no read side.
 */
import { describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import * as EventStoreMemory from "../../src/core/EventStoreMemory.ts"
import * as SnapshotStoreMemory from "../../src/core/SnapshotStoreMemory.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import * as Tampering from "../../src/testing/Tampering.ts"
import { VerifiedLogConformance, VerifiedReadSideConformance } from "../../src/testing/VerifiedReadingConformance.ts"
import { postgresStore } from "../sql/Postgres.ts"
import * as SqlTampering from "../sql/Tampering.ts"
import { temporaryStore } from "../sql/TemporaryFolder.ts"

const memory = Layer.merge(
  Layer.effectContext(Tampering.overMemory).pipe(Layer.provide(EventStoreMemory.layer)),
  SnapshotStoreMemory.layer
)
const databases = {
  sqlite: Layer.provideMerge(SqlTampering.layer, temporaryStore),
  "sqlite::memory:": Layer.provideMerge(SqlTampering.layer, SqliteStore.layer({ filename: ":memory:" })),
  postgres: Layer.provideMerge(SqlTampering.layer, postgresStore())
}
/** The cases provoke errors that are logged. */
const quiet = Logger.remove(Logger.defaultLogger)

for (const [store, layer] of Object.entries({ memory, ...databases })) {
  describe(`verified reading on ${store}`, () => {
    for (const { name, run } of VerifiedLogConformance) {
      it(name, () => run.pipe(Effect.scoped, Effect.provide([layer, quiet]), Effect.runPromise), 30_000)
    }
  })
}

for (const [store, layer] of Object.entries(databases)) {
  describe(`the verified read side on ${store}`, () => {
    for (const { name, run } of VerifiedReadSideConformance) {
      it(name, () => run.pipe(Effect.scoped, Effect.provide([layer, quiet]), Effect.runPromise), 30_000)
    }
  })
}
