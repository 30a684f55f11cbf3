/** A log that was restored under the read side is noticed, and positions may leave out any number. */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { Deferred, Effect, Layer } from "effect"
import * as EventHash from "../../core/EventHash.ts"
import { EventStore } from "../../core/EventStore.ts"
import * as ProjectionConfig from "../../projection/ProjectionConfig.ts"
import type { ProjectionStore } from "../../projection/ProjectionStore.ts"
import { Projections } from "../../projection/Projections.ts"
import * as Reaction from "../../projection/Reaction.ts"
import * as Status from "../../projection/Status.ts"
import { beside, caughtUp, fast, limits, model, Noted, note, notes, running, status, until } from "../Notes.ts"
import { Tampering } from "../Tampering.ts"
import { generationOf, type ReadSideCase, rebuilt } from "./Counting.ts"
import { OtherSession } from "./OtherSession.ts"

export const Restores: ReadonlyArray<ReadSideCase> = [
  {
    name: "a model whose log was restored to an earlier end is ahead, answers nothing, and is rebuilt (RD3)",
    run: Effect.gen(function* () {
      const other = yield* OtherSession
      const kept = yield* note("a", "one", "two")
      const lost = yield* note("b", "gone", "gone")
      yield* running([notes()], caughtUp(lost))
      yield* other.cutLog(kept + 1)
      const isAhead = Effect.gen(function* () {
        const now = yield* until(({ status }) => status === "ahead")
        deepStrictEqual([now.lag.events >= 0, now.lastError?.step, Status.stuckOf(now)], [true, "ahead", 1])
        const asked = yield* Projections
        for (const position of [0, kept, lost]) {
          const refused = yield* Effect.flip(asked.awaitPosition("notes", position, "100 seconds"))
          ok(refused._tag === "ViewBehind" && refused.isAhead, refused.message)
        }
      })
      yield* running([notes()], isAhead)
      // The log goes on beyond where the model was: what it has is still not of this log.
      let end = kept
      let added = 0
      while (end <= lost + 2) {
        end = yield* note("c", "new")
        added++
      }
      yield* running(
        [notes()],
        Effect.gen(function* () {
          yield* isAhead
          yield* rebuilt("notes")
          yield* caughtUp(end)
          deepStrictEqual([(yield* status()).status, (yield* model()).b], ["running", undefined])
          ok((yield* model()).c?.startsWith(`${added}: new`), JSON.stringify(yield* model()))
        })
      )
    })
  },
  {
    name: "a log that is restored under running models is seen at once, an empty one too (RD3)",
    run: Effect.gen(function* () {
      const other = yield* OtherSession
      const end = yield* note("a", "one", "two")
      yield* running(
        [notes()],
        Effect.gen(function* () {
          yield* caughtUp(end)
          yield* other.cutLog(1)
          yield* until(({ status }) => status === "ahead")
          yield* rebuilt("notes")
          deepStrictEqual(yield* model(), {})
          yield* caughtUp(yield* note("a", "new"))
          deepStrictEqual(yield* model(), { a: "1: new" })
        })
      )
    })
  },
  {
    name: "a reaction says what it had done beyond the end, does nothing, and goes on from the end when it is told to (RD3)",
    run: Effect.gen(function* () {
      const other = yield* OtherSession
      const done: Array<string> = []
      const last = yield* Deferred.make<void>()
      const reaction = Reaction.make({
        name: "welcome",
        startFrom: "beginning",
        events: [Noted],
        react: ({ event }) =>
          Effect.zipRight(
            Effect.sync(() => void done.push(event.text)),
            Effect.when(Deferred.succeed(last, undefined), () => event.text === "last")
          )
      })
      const reacting = <A, E>(effect: Effect.Effect<A, E, Projections | EventStore | ProjectionStore>) =>
        beside([], Effect.provide(effect, Layer.provide(Reaction.layer(reaction), limits)))
      const kept = yield* note("a", "one")
      const lost = yield* note("a", "two", "three")
      yield* reacting(caughtUp(lost, "welcome"))
      yield* other.cutLog(kept + 1)
      for (let count = 0; count < 3; count++) yield* note("b", "new")
      yield* reacting(
        Effect.gen(function* () {
          const now = yield* until(({ status }) => status === "ahead", "welcome")
          ok(now.lastError?.error.includes(`position ${lost}`), now.lastError?.error)
          deepStrictEqual(done, ["one", "two", "three"])
          const asked = yield* Projections
          yield* asked.resume("welcome")
          yield* until(({ status }) => status === "running", "welcome")
          yield* note("b", "last")
          yield* Deferred.await(last)
          deepStrictEqual(done, ["one", "two", "three", "last"])
        })
      )
    })
  },
  {
    name: "positions that leave out any number, up to 2^52, cost by events: first build, rebuild, count and lag (RD5)",
    run: Effect.gen(function* () {
      const tampering = yield* Tampering
      const store = yield* EventStore
      const positions = [3, 1_000_000_007, 2 ** 40, 2 ** 52 - 5]
      // One event in each stream, so that no other one hangs by its hash.
      for (const [index] of positions.entries()) yield* note(`s${index}`, "far")
      const { events } = yield* store.readAll(0)
      for (const [index, event] of [...events.entries()].reverse()) {
        const position = positions[index] as number
        const hash = EventHash.compute({ ...event, position })
        yield* tampering.edit(event.position, { hash, position })
      }
      const end = positions.at(-1) as number
      yield* running(
        [notes()],
        Effect.gen(function* () {
          yield* caughtUp(end)
          const asked = yield* Projections
          const plan = yield* asked.requestRebuild("notes")
          strictEqual(plan.events, positions.length)
          yield* asked.awaitRebuilt("notes")
          strictEqual(yield* generationOf("notes"), 2)
          const now = yield* status()
          deepStrictEqual([now.status, now.lag.events, now.position], ["running", 0, end])
          // What another process that has not looked before says of one that has taken nothing yet.
          yield* beside(
            [notes({ name: "late" })],
            Effect.map(status("late"), ({ lag }) => strictEqual(lag.events, positions.length))
          )
          deepStrictEqual(Object.keys(yield* model()).length, positions.length)
        }),
        ProjectionConfig.layer({ ...fast, maxBatch: 2 })
      )
    })
  }
]
