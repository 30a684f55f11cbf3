/**
 * What the read side does at a damaged event: it halts, or parks its stream where the store vouches for it, and an
 * operator can have it passed over.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { Effect, Layer } from "effect"
import { EventStore } from "../../core/EventStore.ts"
import { StreamId } from "../../core/StreamId.ts"
import * as Reaction from "../../projection/Reaction.ts"
import {
  beside,
  caughtUp,
  halted,
  limits,
  model,
  Noted,
  note,
  notes,
  running,
  service,
  status,
  until
} from "../Notes.ts"
import { changes, displaced, edit, type VerifiedReadSideCase } from "../VerifiedCase.ts"

// ---- the read side --------------------------------------------------------------------------------------------------

export const whole = (position: number) =>
  Effect.map(
    Effect.flatMap(EventStore, (store) => store.readAll(position - 1, 1)),
    ({ events: [event] }) => event ?? null
  )

/** Where it stopped, and at what. */
const stop = ({ lastError, rebuild, position }: Effect.Effect.Success<ReturnType<typeof status>>) => ({
  passed: rebuild?.position ?? position,
  at: lastError?.position,
  says: lastError?.error.includes("damaged")
})

const halting = (field: string): VerifiedReadSideCase => ({
  name: `a projection halts at an event whose ${field} was changed, live and in a rebuild, and goes on when it is whole (VR1)`,
  run: Effect.gen(function* () {
    yield* note("a", "one", "two")
    yield* note("b", "three")
    const second = yield* whole(2)
    ok(second !== null)
    yield* edit(2, changes[field]?.(second) ?? null)
    const mend = edit(2, second)
    const release = Effect.flatMap(service, (asked) =>
      Effect.flatMap(status(), ({ lastError }) => asked.retry("notes", lastError?.streamId ?? ""))
    )
    yield* running(
      [notes()],
      Effect.gen(function* () {
        const first = yield* until(halted)
        deepStrictEqual(stop(first), { passed: 1, at: 2, says: true })
        yield* mend
        yield* release
        yield* caughtUp(3)
        deepStrictEqual(yield* model(), { a: "2: one two", b: "1: three" })
      })
    )
    // It is changed before the model that serves comes to it.
    const position = (yield* note("a", "two", "four")) - 1
    const next = yield* whole(position)
    ok(next !== null)
    yield* edit(position, changes[field]?.(next) ?? null)
    yield* running(
      [notes()],
      Effect.gen(function* () {
        deepStrictEqual(stop(yield* until(halted)), { passed: 3, at: position, says: true })
        // An operator may ask again: it stays so.
        yield* release
        yield* until(halted)
        yield* edit(position, next)
        yield* release
        yield* caughtUp(position + 1)
        deepStrictEqual(yield* model(), { a: "4: one two two four", b: "1: three" })
      })
    )
  })
})

const forwarding = (sent: Array<string>) =>
  Layer.provide(
    Reaction.layer(
      Reaction.make({
        name: "forward",
        startFrom: "beginning",
        events: [Noted],
        react: ({ event, stored }) => Effect.sync(() => void sent.push(`${stored.streamId} ${event.text}`))
      })
    ),
    limits
  )

const reacting = (field: string): VerifiedReadSideCase => ({
  name: `a reaction never acts on an event whose ${field} was changed, and no checkpoint passes it (VR1)`,
  run: Effect.gen(function* () {
    const sent: Array<string> = []
    yield* note("a", "one", "two")
    const end = yield* note("b", "three")
    const second = yield* whole(2)
    ok(second !== null)
    yield* edit(2, changes[field]?.(second) ?? null)
    yield* Effect.provide(
      beside(
        [],
        Effect.gen(function* () {
          if (displaced.includes(field)) {
            const now = yield* until((now) => halted(now) && now.position === 1, "forward")
            deepStrictEqual(stop(now), { passed: 1, at: 2, says: true })
            deepStrictEqual(sent, ["a one"])
          } else {
            // Its entry in the journal vouches for the place: its stream alone waits.
            yield* (yield* service).awaitPosition("forward", end, "100 seconds")
            strictEqual((yield* status("forward")).deadLetters[0]?.position, 2)
            deepStrictEqual(sent.toSorted(), ["a one", "b three"])
          }
          yield* edit(2, second)
          // By itself: it looks now and then.
          yield* (yield* service).awaitPosition("forward", end, "100 seconds")
          const then = yield* until(
            ({ deadLetters, status }) => status === "running" && deadLetters.length === 0,
            "forward"
          )
          strictEqual(then.lastError, null)
        })
      ),
      forwarding(sent)
    )
    deepStrictEqual(sent.toSorted(), ["a one", "a two", "b three"])
  })
})

export const tried = ["data", "type", "stream id", "version", "time"]

export const VerifiedModels: ReadonlyArray<VerifiedReadSideCase> = [
  ...tried.map(halting),
  ...tried.map(reacting),
  {
    name: "where the store vouches for a damaged event, a model that parks parks its stream alone; else it halts (VR2)",
    run: Effect.gen(function* () {
      yield* note("a", "one", "two", "three")
      const end = yield* note("b", "four")
      const second = yield* whole(2)
      ok(second !== null)
      const parks = [notes({ onFailure: "park" })]
      // The row says another stream than its entry in the journal.
      yield* edit(2, { streamId: StreamId.make("elsewhere") })
      yield* running(
        parks,
        Effect.gen(function* () {
          deepStrictEqual(stop(yield* until(halted)), { passed: 1, at: 2, says: true })
          deepStrictEqual((yield* status()).deadLetters, [])
        })
      )
      yield* edit(2, { streamId: second.streamId, type: "Unwanted" })
      // A model whose rows depend on more than one stream waits whole, vouched for or not.
      yield* running(
        [notes({ name: "all" })],
        Effect.gen(function* () {
          deepStrictEqual(stop(yield* until(halted, "all")), { passed: 1, at: 2, says: true })
        })
      )
      yield* running(
        parks,
        Effect.gen(function* () {
          yield* caughtUp(end)
          const [letter, ...none] = (yield* status()).deadLetters
          deepStrictEqual([letter?.streamId, letter?.version, letter?.position, none], ["a", 2, 2, []])
          ok(letter?.error.includes("damaged"))
          deepStrictEqual(yield* model(), { a: "1: one", b: "1: four" })
          // Tried again while it is damaged it stays parked, and what comes waits behind it.
          const asked = yield* service
          const late = yield* note("a", "five")
          yield* asked.retry("notes", "a")
          yield* until(({ deadLetters }) => (deadLetters[0]?.attempts ?? 0) > 1)
          yield* caughtUp(late)
          deepStrictEqual(yield* model(), { a: "1: one", b: "1: four" })
          yield* edit(2, second)
          yield* asked.retry("notes", "a")
          yield* until(({ deadLetters }) => deadLetters.length === 0)
          deepStrictEqual(yield* model(), { a: "4: one two three five", b: "1: four" })
        })
      )
    })
  },
  {
    name: "two damaged events of one stream are met one after the other by a model that parks (VR2)",
    run: Effect.gen(function* () {
      yield* note("a", "one", "two", "three")
      const end = yield* note("b", "four")
      const [second, third] = [yield* whole(2), yield* whole(3)]
      ok(second !== null && third !== null)
      yield* edit(2, { recordedAt: 1 })
      yield* edit(3, { recordedAt: 1 })
      yield* running(
        [notes({ onFailure: "park" })],
        Effect.gen(function* () {
          const asked = yield* service
          yield* caughtUp(end)
          yield* edit(2, second)
          yield* asked.retry("notes", "a")
          yield* until(({ deadLetters: [letter] }) => letter?.version === 3 && letter.attempts > 0)
          deepStrictEqual(yield* model(), { a: "2: one two", b: "1: four" })
          yield* edit(3, third)
          yield* asked.retry("notes", "a")
          yield* until(({ deadLetters }) => deadLetters.length === 0)
          deepStrictEqual(yield* model(), { a: "3: one two three", b: "1: four" })
        })
      )
    })
  },
  {
    name: "where the store vouches for a damaged event, a reaction parks its stream alone, and takes it up when it is whole (VR2)",
    run: Effect.gen(function* () {
      const sent: Array<string> = []
      yield* note("a", "one", "two", "three")
      const end = yield* note("b", "four")
      const second = yield* whole(2)
      ok(second !== null)
      yield* edit(2, { type: "Unwanted" })
      yield* Effect.provide(
        beside(
          [],
          Effect.gen(function* () {
            yield* (yield* service).awaitPosition("forward", end, "100 seconds")
            const [letter] = (yield* status("forward")).deadLetters
            deepStrictEqual([letter?.streamId, letter?.version, letter?.position], ["a", 2, 2])
            deepStrictEqual(sent.toSorted(), ["a one", "b four"])
            yield* edit(2, second)
            yield* until(({ deadLetters }) => deadLetters.length === 0, "forward")
          })
        ),
        forwarding(sent)
      )
      deepStrictEqual(
        sent.filter((text) => text.startsWith("a")),
        ["a one", "a two", "a three"]
      )
    })
  },
  {
    name: "an operator has a damaged event passed over, and nothing else (VR2)",
    run: Effect.gen(function* () {
      const sent: Array<string> = []
      yield* note("a", "one", "two", "three")
      const end = yield* note("b", "four")
      yield* edit(2, { streamId: StreamId.make("elsewhere") })
      yield* running(
        [notes()],
        Effect.gen(function* () {
          yield* until(halted)
          yield* (yield* service).skip("notes", "elsewhere")
          yield* caughtUp(end)
        })
      )
      deepStrictEqual(yield* model(), { a: "2: one three", b: "1: four" })
      yield* Effect.provide(
        beside(
          [],
          Effect.gen(function* () {
            yield* until((now) => halted(now) && now.position === 1, "forward")
            const asked = yield* service
            yield* asked.abandon("forward", "elsewhere")
            yield* asked.awaitPosition("forward", end, "100 seconds")
          })
        ),
        forwarding(sent)
      )
      deepStrictEqual(sent.toSorted(), ["a one", "a three", "b four"])
    })
  }
]
