/**
 * BY2 for the read side: what a projection or a reaction has in memory is bounded in bytes, however large its events
 * are.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { Deferred, Effect, Layer } from "effect"
import { EventStore, maxPage, maxPageBytes } from "../../core/EventStore.ts"
import * as ProjectionConfig from "../../projection/ProjectionConfig.ts"
import { Projections } from "../../projection/Projections.ts"
import * as Reaction from "../../projection/Reaction.ts"
import { caughtUp, fast, model, Noted, note, notes, running } from "../Notes.ts"
import type { ProjectionCase } from "./ProjectionCase.ts"

const large = "x".repeat(700_000)
const count = 24

const largeNotes = Effect.map(
  Effect.forEach(Array.from({ length: count }), () => note("a", large)),
  (positions) => positions.at(-1) ?? 0
)

export const Batches: ReadonlyArray<ProjectionCase> = [
  {
    name: "a batch of a projection ends with the event that reaches its bytes, and the batches together are all events (BY2)",
    run: Effect.gen(function* () {
      const end = yield* largeNotes
      const batches: Array<number> = []
      const projection = notes({
        before: (batch) =>
          Effect.sync(() => {
            batches.push(batch.reduce((sum, { stored }) => sum + stored.data.length, 0))
          })
      })
      yield* running([projection], caughtUp(end))
      const { maxBatchCharacters } = ProjectionConfig.defaults
      ok(Math.max(...batches) <= maxBatchCharacters + maxPageBytes, `batches of ${batches} characters`)
      deepStrictEqual(yield* model(), { a: `${count}: ${Array(count).fill(large).join(" ")}` })
    })
  },
  {
    name: "a batch of a rebuild takes as many pages of the log as it has room for (BY2)",
    run: Effect.gen(function* () {
      const texts = Array.from({ length: 5 * maxPage }, () => "small")
      const end = yield* note("a", ...texts)
      const batches: Array<number> = []
      const projection = notes({
        before: (batch) =>
          Effect.sync(() => {
            batches.push(batch.length)
          })
      })
      const config = ProjectionConfig.layer({ ...fast, maxBatch: 4 * maxPage })
      yield* running([projection], caughtUp(end), config)
      deepStrictEqual(batches, [4 * maxPage, maxPage])
    })
  },
  {
    name: "a reaction reads no further ahead of what it waits for than its bytes, and on when that is done (BY2)",
    run: Effect.gen(function* () {
      const end = yield* largeNotes
      const store = yield* EventStore
      const gate = yield* Deferred.make<void>()
      let read = 0
      let done = 0
      const watched = EventStore.of({
        ...store,
        readAll: (after, limit) =>
          Effect.tap(store.readAll(after, limit), ({ events }) =>
            Effect.sync(() => {
              for (const { data } of events) read += data.length
            })
          )
      })
      const reaction = Reaction.make({
        name: "waits",
        startFrom: "beginning",
        events: [Noted],
        react: () =>
          Effect.map(Deferred.await(gate), () => {
            done++
          })
      })
      const maxAheadCharacters = 2_000_000
      const layer = Reaction.layer(reaction).pipe(
        Layer.provide(ProjectionConfig.layer({ ...fast, maxAheadCharacters })),
        Layer.provide(Layer.succeed(EventStore, watched))
      )
      const program = Effect.gen(function* () {
        // It is woken by the same commits as the model, which has all of them.
        for (let more = 0; more < 5; more++) yield* caughtUp(yield* note("b", "small"))
        ok(read <= maxAheadCharacters + maxPageBytes, `${read} characters ahead`)
        yield* Deferred.succeed(gate, undefined)
        const projections = yield* Projections
        yield* projections.awaitPosition("waits", end + 5, "100 seconds")
      })
      yield* Effect.provide(running([notes()], program), layer)
      strictEqual(done, count + 5)
    })
  }
]
