/** What becomes of a stream that a projection parked: it waits, is taken up in order, and holds up no other. */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { Effect } from "effect"
import type { Recorded } from "../../core/Recorded.ts"
import { StoreUnavailable } from "../../core/StoreError.ts"
import { CheckpointStore } from "../../projection/CheckpointStore.ts"
import * as ProjectionConfig from "../../projection/ProjectionConfig.ts"
import { Projections } from "../../projection/Projections.ts"
import {
  beside,
  caughtUp,
  fast,
  halted,
  model,
  type Noted,
  note,
  notes,
  running,
  service,
  status,
  until
} from "../Notes.ts"
import { poison } from "./Poison.ts"
import type { ProjectionCase } from "./ProjectionCase.ts"

export const DeadLetters: ReadonlyArray<ProjectionCase> = [
  {
    name: "a parked stream waits as a dead letter, the others go on, and a retry takes it up in order (PR6)",
    run: Effect.gen(function* () {
      let isBroken = true
      const projections = [notes({ ...poison("bad", () => isBroken), onFailure: "park" })]
      yield* note("a", "good", "bad", "later")
      yield* note("b", "good")
      yield* note("a", "last")
      const end = yield* note("b", "last")
      const parked = yield* running(
        projections,
        Effect.gen(function* () {
          yield* caughtUp(end)
          const { deadLetters, lag, status: now } = yield* status()
          deepStrictEqual([now, lag.events], ["running", 0])
          return deadLetters
        })
      )
      deepStrictEqual(
        parked.map(({ attempts, streamId, version }) => [streamId, version, attempts]),
        [["a", 2, 3]]
      )
      deepStrictEqual(yield* model(), { a: "1: good", b: "2: good last" })
      yield* beside(
        projections,
        Effect.flatMap(service, (asked) => asked.retry("notes", "a"))
      )
      // It fails again, and stays.
      yield* running(
        projections,
        until(({ deadLetters: [letter] }) => letter?.attempts === 4 && !letter.retry)
      )
      isBroken = false
      yield* running(
        projections,
        Effect.gen(function* () {
          const asked = yield* Projections
          yield* asked.retry("notes", "a")
          yield* until(({ deadLetters }) => deadLetters.length === 0)
        })
      )
      deepStrictEqual(yield* model(), { a: "4: good bad later last", b: "2: good last" })
    })
  },
  {
    name: "skipping the event of a parked stream takes up those behind it (PR6)",
    run: Effect.gen(function* () {
      const projections = [notes({ ...poison("bad"), onFailure: "park" })]
      const end = yield* note("a", "good", "bad", "later", "last")
      yield* running(
        projections,
        Effect.gen(function* () {
          yield* caughtUp(end)
          const asked = yield* Projections
          yield* asked.skip("notes", "a")
          yield* until(({ deadLetters }) => deadLetters.length === 0)
        })
      )
      deepStrictEqual(yield* model(), { a: "3: good later last" })
    })
  },
  {
    name: "while a long stream is taken up again the others go on (PR6)",
    run: Effect.gen(function* () {
      let isBroken = true
      const applied: Array<string> = []
      const before = (batch: ReadonlyArray<Recorded<Noted>>) =>
        Effect.suspend(() => {
          if (isBroken && batch.some(({ event }) => event.text === "bad")) return Effect.fail(new Error("cannot"))
          for (const { event } of batch) applied.push(event.text)
          return Effect.void
        })
      const texts = ["bad", ...Array.from({ length: 20 }, (_, number) => `n${number}`)]
      const end = yield* note("a", ...texts)
      yield* running(
        [notes({ before, onFailure: "park" })],
        Effect.gen(function* () {
          const asked = yield* Projections
          yield* caughtUp(end)
          isBroken = false
          yield* asked.pause("notes")
          yield* asked.retry("notes", "a")
          yield* note("b", "meanwhile")
          yield* asked.resume("notes")
          yield* until(({ deadLetters }) => deadLetters.length === 0)
        }),
        ProjectionConfig.layer({ ...fast, busyBatch: 4 })
      )
      deepStrictEqual(applied, [...texts.slice(0, 4), "meanwhile", ...texts.slice(4)])
    })
  },
  {
    name: "at the limit of dead letters the projection halts, and those that are released are taken up all the same (PR6)",
    run: Effect.gen(function* () {
      const broken = new Set(["bad a", "bad b"])
      const before = (batch: ReadonlyArray<Recorded<Noted>>) =>
        batch.some(({ event }) => broken.has(event.text)) ? Effect.fail(new Error("cannot")) : Effect.void
      yield* note("a", "bad a", "later")
      const end = yield* note("b", "bad b", "later")
      yield* running(
        [notes({ before, onFailure: "park" })],
        Effect.gen(function* () {
          const asked = yield* Projections
          const { deadLetters } = yield* until(halted)
          deepStrictEqual(
            deadLetters.map(({ streamId }) => streamId),
            ["a"]
          )
          broken.delete("bad a")
          yield* asked.retry("notes", "a")
          yield* until(({ deadLetters }) => deadLetters.length === 0)
          ok(halted(yield* status()))
          broken.delete("bad b")
          yield* asked.retry("notes", "b")
          yield* caughtUp(end)
        }),
        ProjectionConfig.layer({ ...fast, maxDeadLetters: 1 })
      )
      deepStrictEqual(yield* model(), { a: "2: bad a later", b: "2: bad b later" })
    })
  },
  {
    name: "a dead letter that cannot be written passes over no event: it is tried until it is written (PR6)",
    run: Effect.gen(function* () {
      const checkpoints = yield* CheckpointStore
      let tries = 0
      const isDown = () => ++tries < 4
      const full = CheckpointStore.of({
        ...checkpoints,
        park: (from, move, failure) =>
          Effect.suspend(() =>
            isDown()
              ? Effect.fail(new StoreUnavailable({ operation: "append", cause: new Error("disk full") }))
              : checkpoints.park(from, move, failure)
          )
      })
      yield* note("a", "good", "bad", "later")
      const end = yield* note("b", "good")
      yield* running(
        [notes({ ...poison("bad"), onFailure: "park" })],
        Effect.gen(function* () {
          const now = yield* until(({ status: now }) => now === "backing off")
          deepStrictEqual([now.lastError?.streamId, now.lastError?.version], ["a", 2])
          yield* caughtUp(end)
          const [letter, ...others] = (yield* status()).deadLetters
          deepStrictEqual([letter?.streamId, letter?.version, others], ["a", 2, []])
        })
      ).pipe(Effect.provideService(CheckpointStore, full))
      strictEqual(tries, 4)
      deepStrictEqual(yield* model(), { a: "1: good", b: "1: good" })
    })
  }
]
