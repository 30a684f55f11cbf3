/**
 * Each event counts once: a batch that comes again is refused, and so is a runner that lost its projection to another.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { Duration, Effect, Exit, Layer, Scope } from "effect"
import { EventStore } from "../../core/EventStore.ts"
import type { StoredEvent } from "../../core/StoredEvent.ts"
import { CheckpointStore } from "../../projection/CheckpointStore.ts"
import { GenerationStore } from "../../projection/GenerationStore.ts"
import { LeaseStore } from "../../projection/LeaseStore.ts"
import * as ProjectionConfig from "../../projection/ProjectionConfig.ts"
import * as ProjectionsLocal from "../../projection/ProjectionsLocal.ts"
import { beside, caughtUp, fast, limits, model, note, notes, running, status, until } from "../Notes.ts"
import { poison } from "./Poison.ts"
import type { ProjectionCase } from "./ProjectionCase.ts"

export const Checkpoints: ReadonlyArray<ProjectionCase> = [
  {
    name: "a batch that was applied is refused when it comes again (PR9)",
    run: Effect.gen(function* () {
      const checkpoints = yield* CheckpointStore
      const generations = yield* GenerationStore
      const projection = notes()
      yield* generations.register("notes", "projection")
      const shadow = yield* generations.beginShadow(projection)
      const move = { to: 3, events: 3, rate: 0 }
      yield* checkpoints.advance(shadow, move, Effect.void)
      strictEqual((yield* Effect.flip(checkpoints.advance(shadow, move, Effect.void)))._tag, "CheckpointMoved")
      strictEqual((yield* Effect.flip(generations.swap(shadow, null)))._tag, "CheckpointMoved")
      yield* generations.swap({ ...shadow, position: 3 }, null)
    })
  },
  {
    name: "what the source gives twice counts once; what it gives out of order or with a hole is refused and read again (PR9)",
    run: Effect.gen(function* () {
      const store = yield* EventStore
      let garble = (page: ReadonlyArray<StoredEvent>) => page
      const garbled = EventStore.of({
        ...store,
        readAll: (after, limit) =>
          Effect.map(store.readAll(after, limit), ({ events, more }) => ({ events: garble(events), more }))
      })
      const first = yield* note("a", "one", "two")
      const [passed] = (yield* store.readAll(0, 1)).events
      yield* running(
        [notes()],
        Effect.gen(function* () {
          yield* caughtUp(first)
          garble = (page) => page.flatMap((event) => [passed ?? event, event, event])
          const second = yield* note("a", "three", "four")
          yield* caughtUp(second)
          deepStrictEqual(yield* model(), { a: "4: one two three four" })

          let [count, texts] = [4, "one two three four"]
          const faults: ReadonlyArray<readonly [what: string, garble: typeof garble]> = [
            ["out of order", (page) => page.toReversed()],
            ["with a hole", (page) => page.filter((_, index) => index !== 1)]
          ]
          for (const [what, fault] of faults) {
            garble = fault
            const end = yield* note("a", `${what} 1`, `${what} 2`, `${what} 3`)
            const now = yield* until(({ lastError }) => (lastError?.attempts ?? 0) > 3)
            ok(now.lastError?.error.includes(what), now.lastError?.error)
            deepStrictEqual([now.status, now.lag.events], ["backing off", 3])
            deepStrictEqual(yield* model(), { a: `${count}: ${texts}` })
            garble = (page) => page
            yield* caughtUp(end)
            count += 3
            texts += ` ${what} 1 ${what} 2 ${what} 3`
            deepStrictEqual(yield* model(), { a: `${count}: ${texts}` })
          }
        })
      ).pipe(Effect.provideService(EventStore, garbled))
    })
  },
  {
    name: "a stale owner's write is refused whole, and two runners count each event once (PR10)",
    run: Effect.gen(function* () {
      const checkpoints = yield* CheckpointStore
      const projections = [notes()]
      const first = yield* note("a", "one")
      yield* running(projections, caughtUp(first))
      const stale = { projection: "notes", version: 1, generation: 1, position: first - 1 }
      let ran = false
      const write = Effect.sync(() => {
        ran = true
      })
      const refused = yield* Effect.flip(checkpoints.advance(stale, { to: 9, events: 1, rate: 0 }, write))
      deepStrictEqual([refused._tag, ran], ["CheckpointMoved", false])

      const end = yield* running(
        projections,
        Effect.gen(function* () {
          const other = yield* Scope.make()
          yield* Layer.buildWithScope(Layer.provide(ProjectionsLocal.layer(projections), limits), other)
          let end = first
          for (let number = 0; number < 60; number++) end = yield* note("a", `n${number}`)
          yield* caughtUp(end)
          yield* Scope.close(other, Exit.void)
          return end
        })
      )
      strictEqual((yield* beside(projections, status())).position, end)
      const texts = ["one", ...Array.from({ length: 60 }, (_, number) => `n${number}`)]
      deepStrictEqual(yield* model(), { a: `61: ${texts.join(" ")}` })
    })
  },
  {
    name: "a stream that another runner took up meanwhile loses no event to one that still leaves it out (PR10)",
    run: Effect.gen(function* () {
      const checkpoints = yield* CheckpointStore
      const projections = [notes({ ...poison("bad"), onFailure: "park" })]
      const parked = yield* note("a", "good", "bad")
      yield* running(projections, caughtUp(parked))
      const end = yield* note("a", "last")
      let isTakenUp = false
      const late = CheckpointStore.of({
        ...checkpoints,
        advance: (from, move, change) =>
          Effect.gen(function* () {
            const [letter] = isTakenUp ? [] : yield* checkpoints.deadLetters(from)
            isTakenUp = true
            if (letter !== undefined) yield* checkpoints.unpark(from, letter, null, Effect.void)
            yield* checkpoints.advance(from, move, change)
          })
      })
      yield* Effect.provideService(running(projections, caughtUp(end)), CheckpointStore, late)
      deepStrictEqual(yield* model(), { a: "2: good last" })
    })
  },
  {
    name: "a lease keeps a projection to one of two runners, and goes to the other when that one leaves or dies (PR10)",
    run: Effect.gen(function* () {
      const leases = yield* LeaseStore
      const lease = (name: string, owner: string, duration: Duration.DurationInput = "1 hour") =>
        leases.lease(name, owner, duration)
      deepStrictEqual(
        [yield* lease("a", "one"), yield* lease("a", "two"), yield* lease("b", "two")],
        [true, false, true]
      )
      yield* leases.endLease("a", "two")
      deepStrictEqual(
        [yield* lease("a", "two"), yield* lease("a", "one", 0), yield* lease("a", "two")],
        [false, true, true]
      )
      yield* leases.endLease("a", "two")
      strictEqual(yield* lease("a", "one"), true)

      /** Who was at work. */
      const active: Array<string> = []
      const start = (label: string, duration: Duration.Duration) =>
        Effect.gen(function* () {
          const scope = yield* Scope.make()
          const before = () => Effect.sync(() => void active.push(label))
          const runner = ProjectionsLocal.layer([notes({ before })]).pipe(
            Layer.provide(ProjectionConfig.layer({ ...fast, lease: duration }))
          )
          yield* Layer.buildWithScope(runner, scope)
          return Scope.close(scope, Exit.void)
        })
      const workers = Effect.gen(function* () {
        active.length = 0
        const end = yield* note("a", "one", "two")
        yield* beside([notes()], caughtUp(end))
        return [...new Set(active)]
      })

      // Renewed for as long as its process lives, and left behind by its death.
      const dead = yield* start("first", Duration.seconds(1)).pipe(
        Effect.provideService(LeaseStore, { ...leases, endLease: () => Effect.void })
      )
      deepStrictEqual(yield* workers, ["first"])
      yield* dead
      const leave = yield* start("second", Duration.hours(1))
      deepStrictEqual(yield* workers, ["second"])
      const end = yield* start("third", Duration.hours(1))
      deepStrictEqual(yield* workers, ["second"])
      yield* leave
      deepStrictEqual(yield* workers, ["third"])
      yield* end
    })
  }
]
