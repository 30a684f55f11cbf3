/** `verify` on PostgreSQL sees one moment of the database, also where a service swaps a read model meanwhile. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Logger, Option } from "effect"
import * as ModelVerification from "../../src/cli/ModelVerification.ts"
import { GenerationStore } from "../../src/projection/GenerationStore.ts"
import { Projections } from "../../src/projection/Projections.ts"
import { ReadModels } from "../../src/projection/ReadModels.ts"
import * as PostgresStore from "../../src/sql/PostgresStore.ts"
import * as ReadTransaction from "../../src/sql/ReadTransaction.ts"
import { caughtUp, model, note, notes, running } from "../../src/testing/Notes.ts"
import { schema } from "./Postgres.ts"

describe("verify on PostgreSQL", () => {
  it.scopedLive("compares the model that served when it began, whatever takes its place (RD2)", () =>
    Effect.gen(function* () {
      const url = yield* schema
      const service = yield* Layer.build(PostgresStore.layer({ url }))
      const first = yield* Effect.provide(note("a", "one", "two"), service)
      yield* Effect.provide(running([notes()], caughtUp(first)), service)
      const verifier = yield* Layer.build(PostgresStore.layer({ url, mode: "readOnly" }))

      const swap = Effect.gen(function* () {
        const end = yield* note("b", "three")
        yield* running(
          [notes()],
          Effect.gen(function* () {
            yield* Effect.flatMap(Projections, (asked) => asked.requestRebuild("notes"))
            const find = Effect.flatMap(GenerationStore, (store) => store.find("notes"))
            yield* find.pipe(
              Effect.zipLeft(Effect.sleep("2 millis")),
              Effect.repeat({ until: (row) => Option.getOrThrow(row).live?.generation === 2 })
            )
            yield* caughtUp(end)
          })
        )
        return yield* model()
      }).pipe(Effect.provide(service))

      const problem = yield* ReadTransaction.within(
        Effect.gen(function* () {
          yield* ModelVerification.hold([notes()])
          assert.deepStrictEqual(yield* swap, { a: "2: one two", b: "1: three" })
          return yield* ModelVerification.verify(notes())
        })
      ).pipe(Effect.provide(verifier))
      assert.isUndefined(problem)
      // Held no longer than that: the next look finds the model that serves.
      assert.isUndefined(yield* Effect.provide(ModelVerification.verify(notes()), verifier))
      const rows = Context.get(service, ReadModels).query("SELECT count(*) FROM notes", [])
      assert.deepStrictEqual((yield* rows).flat().map(Number), [2])
    }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger)))
  )
})
