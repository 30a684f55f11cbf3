/** What a projection says of itself: its lag, waiting for a position, a pause, and wake-ups that were lost. */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { Effect, Fiber, Stream } from "effect"
import { EventStore } from "../../core/EventStore.ts"
import type { ProjectionStore } from "../../projection/ProjectionStore.ts"
import { Projections } from "../../projection/Projections.ts"
import { ReadModels } from "../../projection/ReadModels.ts"
import * as Status from "../../projection/Status.ts"
import { appendRaw, beside, caughtUp, halted, note, notes, running, service, status, until } from "../Notes.ts"
import { poison } from "./Poison.ts"
import type { ProjectionCase } from "./ProjectionCase.ts"

/** A store whose wake-ups are lost. */
const deaf = <A, E>(effect: Effect.Effect<A, E, EventStore | ProjectionStore>) =>
  Effect.flatMap(EventStore, (store) =>
    Effect.provideService(effect, EventStore, EventStore.of({ ...store, commits: Stream.never }))
  )

export const Progress: ReadonlyArray<ProjectionCase> = [
  {
    name: "lag is 0 at rest, also after events that nobody wants, and grows while paused (PR11 PR17)",
    run: Effect.gen(function* () {
      const projections = [notes()]
      yield* note("a", "one")
      const irrelevant = yield* appendRaw("b", [
        { type: "Unheard", data: "not even JSON" },
        { type: "Unheard", data: "{}" }
      ])
      yield* running(
        projections,
        Effect.gen(function* () {
          yield* caughtUp(irrelevant)
          deepStrictEqual((yield* status()).lag, { events: 0, seconds: 0 })
          const asked = yield* Projections
          yield* asked.pause("notes")
          yield* until((now) => now.status === "paused")
          yield* note("a", "two", "three")
          // However many positions the log leaves free between them.
          strictEqual((yield* status()).lag.events, 2)
        })
      )
    })
  },
  {
    name: "a model that halted and is paused still waits for a human (RD2)",
    run: running(
      [notes(poison("bad"))],
      Effect.gen(function* () {
        yield* note("a", "bad")
        yield* until(halted)
        yield* Effect.flatMap(service, (asked) => asked.pause("notes"))
        const now = yield* until((seen) => seen.status === "paused")
        deepStrictEqual([now.isHalted, Status.stuckOf(now)], [true, 1])
      })
    )
  },
  {
    name: "waiting for a position ends when the model has it, or with ViewBehind (PR12)",
    run: Effect.gen(function* () {
      const projections = [notes()]
      yield* running(
        projections,
        Effect.gen(function* () {
          const asked = yield* Projections
          strictEqual(yield* asked.awaitPosition("notes", 0, "100 seconds"), 0)
          const waiting = yield* Effect.fork(asked.awaitPosition("notes", 2, "100 seconds"))
          const position = yield* note("a", "one", "two")
          strictEqual(yield* Fiber.join(waiting), position)
          const late = yield* Effect.flip(asked.awaitPosition("notes", 3, "1 second"))
          ok(late._tag === "ViewBehind" && late.position === position && late.minPosition === 3)
        })
      )
      const none = yield* Effect.flip(
        beside(
          [notes({ version: 2 })],
          Effect.flatMap(service, (asked) => asked.awaitPosition("notes", 0, "1 second"))
        )
      )
      ok(none._tag === "ViewBehind" && none.position === null)
    })
  },
  {
    name: "a pause survives a restart, and so does what it was asked to do (PR15)",
    run: Effect.gen(function* () {
      const projections = [notes()]
      const first = yield* note("a", "one")
      yield* running(
        projections,
        Effect.zipRight(
          caughtUp(first),
          Effect.flatMap(service, (asked) => asked.pause("notes"))
        )
      )
      const second = yield* note("a", "two")
      yield* running(
        projections,
        Effect.gen(function* () {
          const asked = yield* Projections
          const late = yield* Effect.flip(asked.awaitPosition("notes", second, "50 millis"))
          strictEqual(late._tag, "ViewBehind")
          strictEqual((yield* status()).status, "paused")
          yield* asked.resume("notes")
          yield* caughtUp(second)
        })
      )
      // Asked beside, where nothing runs it: the next to start does it.
      yield* beside(
        projections,
        Effect.gen(function* () {
          const asked = yield* Projections
          strictEqual((yield* asked.requestRebuild("notes")).alreadyRequested, false)
          strictEqual((yield* asked.requestRebuild("notes")).alreadyRequested, true)
        })
      )
      yield* running(
        projections,
        Effect.flatMap(service, (asked) => asked.awaitRebuilt("notes"))
      )
      const models = yield* ReadModels
      deepStrictEqual(yield* models.query("SELECT generation FROM projection_models", []), [[2]])
    })
  },
  {
    name: "lost wake-ups are healed by the poll (PR16)",
    run: deaf(
      running(
        [notes()],
        Effect.gen(function* () {
          for (const text of ["one", "two", "three"]) yield* Effect.flatMap(note("a", text), caughtUp)
        })
      )
    )
  }
]
