/**
 * The promise that nothing acts on a damaged event, as cases: rows are changed behind the store's back, and each reader of
 * the log stops there with the stream and the version, having given what stands before. A store author runs each with fresh,
 * empty stores, and a `Tampering` that reaches their rows.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { Rpc } from "@effect/rpc"
import { Chunk, Effect, Either, Layer, Schema, Stream } from "effect"
import { RecoveryFailed } from "../core/ActorError.ts"
import * as ActorSystemLocal from "../core/ActorSystemLocal.ts"
import * as Aggregate from "../core/Aggregate.ts"
import * as Event from "../core/Event.ts"
import * as EventHash from "../core/EventHash.ts"
import { EventStore } from "../core/EventStore.ts"
import type { SnapshotStore } from "../core/SnapshotStore.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import { StreamDamaged } from "../core/StoreError.ts"
import { StreamId } from "../core/StreamId.ts"
import * as TimeTravel from "../core/TimeTravel.ts"
import type { ProjectionStore } from "../projection/ProjectionStore.ts"
import * as Reaction from "../projection/Reaction.ts"
import * as Subscription from "../projection/Subscription.ts"
import type { Case } from "./Conformance.ts"
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
} from "./Notes.ts"
import { type Edit, Tampering } from "./Tampering.ts"

export type VerifiedLogCase = Case<EventStore | SnapshotStore | Tampering>
export type VerifiedReadSideCase = Case<EventStore | ProjectionStore | Tampering>

/** One change of each field of a row. */
const changes: Readonly<Record<string, (event: StoredEvent) => Edit>> = {
  data: ({ data }) => ({ data: data.replace("two", "TWO").replace('"by":2', '"by":9') }),
  type: () => ({ type: "Unwanted" }),
  "stream id": () => ({ streamId: StreamId.make("elsewhere") }),
  version: () => ({ version: 9 }),
  time: ({ recordedAt }) => ({ recordedAt: recordedAt - 1 }),
  "schema version": () => ({ schemaVersion: 2 }),
  "command id": () => ({ commandId: "forged" }),
  "correlation id": () => ({ correlationId: "forged" }),
  "causation id": () => ({ causationId: "forged" }),
  hash: () => ({ hash: EventHash.genesis }),
  "previous hash": () => ({ previousHash: EventHash.genesis })
}
/** Of these the row says another place than the event has. */
const displaced = ["stream id", "version"]
/** A reader of a stream may take it from the event before, and then gives what was appended whatever the row says. */
const derived = "previous hash"

const edit = (position: number, change: Edit) => Effect.flatMap(Tampering, (hand) => hand.edit(position, change))

/** The whole log, from event to event: those that are given, and what is said of the others. */
const walk = Effect.gen(function* () {
  const store = yield* EventStore
  const events: Array<StoredEvent> = []
  const damages: Array<StreamDamaged> = []
  for (let after = 0; ; ) {
    const page = yield* Effect.either(store.readAll(after, 3))
    if (Either.isRight(page)) {
      events.push(...page.right.events)
      if (!page.right.more) return { events, damages }
      after = page.right.events.at(-1)?.position ?? after
    } else {
      if (!(page.left instanceof StreamDamaged)) return yield* Effect.die(page.left)
      damages.push(page.left)
      after = page.left.position ?? after
    }
  }
})

const flipped = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Effect.flip(effect), (error) =>
    error instanceof StreamDamaged ? Effect.succeed(error) : Effect.die(error)
  )

class Tally extends Aggregate.make("Tally", {
  id: Schema.String,
  state: Schema.Struct({ count: Schema.Int }),
  initial: { count: 0 },
  events: [Event.make("Counted", { by: Schema.Int })],
  commands: [Rpc.make("Count", { payload: { by: Schema.Int }, success: Schema.Int })]
}) {}
const behaviour: Parameters<typeof Tally.define>[0] = {
  decide: { Count: ({ by }) => Either.right([{ _tag: "Counted" as const, by }]) },
  evolve: { Counted: ({ count }, { by }) => ({ count: count + by }) },
  reply: { Count: ({ count }) => count }
}
const definition = Tally.define(behaviour)
/** A system of its own, which remembers nothing. */
const tally = <A, E, R>(program: Effect.Effect<A, E, R | Aggregate.Service<"Tally">>) =>
  Effect.provide(program, Tally.toLayer(behaviour).pipe(Layer.provide(ActorSystemLocal.layer)))
const countBy = (id: string, by: number) => Effect.flatMap(Tally, (tallies) => tallies(id).Count({ by }))

const stored = (streamId: StreamId) =>
  Effect.map(
    Effect.flatMap(EventStore, (store) => store.readStream(streamId)),
    ({ events }) => events
  )

export const VerifiedLogConformance: ReadonlyArray<VerifiedLogCase> = [
  {
    name: "an event of which any field was changed is never read, and what stands before and behind it is (VR1)",
    run: Effect.gen(function* () {
      const store = yield* EventStore
      const names = Object.keys(changes)
      for (const text of ["one", "two", "three"]) {
        for (const name of names) yield* note(name, text)
      }
      const { events: whole } = yield* walk
      const hurt = whole.filter(({ version }) => version === 2)
      for (const event of hurt) yield* edit(event.position, changes[event.streamId]?.(event) ?? null)

      const { damages, events } = yield* walk
      deepStrictEqual(
        events,
        whole.filter(({ version }) => version !== 2)
      )
      deepStrictEqual(
        damages.map(({ position }) => position),
        hurt.map(({ position }) => position)
      )
      for (const name of names) {
        const streamId = StreamId.make(name)
        const own = whole.filter((event) => event.streamId === name)
        const page = yield* store.readStream(streamId)
        if (name === derived && !page.more) {
          deepStrictEqual(page.events, own)
          continue
        }
        deepStrictEqual(page, { events: own.slice(0, 1), more: true }, name)
        const damaged = yield* flipped(store.readStream(streamId, { from: 2 }))
        // Where its row is at another place, the next event shows that it is missing.
        deepStrictEqual([damaged.streamId, damaged.version], [name, displaced.includes(name) ? 3 : 2])
        const backwards = yield* Effect.either(store.readStream(streamId, { to: 3, direction: "backwards" }))
        ok(Either.isRight(backwards))
        deepStrictEqual(backwards.right, { events: own.slice(2), more: true })
      }
    })
  },
  {
    name: "an event that is missing from its stream is said at the next one, forwards and backwards (VR1)",
    run: Effect.gen(function* () {
      const store = yield* EventStore
      yield* note("a", "one", "two", "three")
      yield* edit(2, null)
      const streamId = StreamId.make("a")
      strictEqual((yield* store.readStream(streamId)).events.length, 1)
      strictEqual((yield* flipped(store.readStream(streamId, { from: 2 }))).version, 3)
      const backwards = yield* store.readStream(streamId, { direction: "backwards" })
      deepStrictEqual([backwards.events.map(({ version }) => version), backwards.more], [[3], true])
    })
  },
  {
    name: "a stream whose last events are missing, or all of them, is not taken for a shorter one (JR3)",
    run: Effect.gen(function* () {
      yield* tally(
        Effect.gen(function* () {
          for (const by of [1, 2]) yield* countBy("end", by)
          yield* countBy("whole", 1)
        })
      )
      for (const [id, position, missing] of [
        ["end", 2, 2],
        ["whole", 3, 1]
      ] as const) {
        yield* edit(position, null)
        const error = yield* Effect.flip(tally(Effect.flatMap(Tally, (tallies) => tallies(id).state)))
        ok(error instanceof RecoveryFailed && error.cause instanceof StreamDamaged, id)
        deepStrictEqual([error.cause.streamId, error.cause.version], [Tally.streamId(id), missing])
      }
    })
  },
  {
    name: "an actor, its live changes and its past stop at a damaged event, and others are served (VR1)",
    run: Effect.gen(function* () {
      const tried = Object.keys(changes).filter((name) => name !== derived)
      yield* tally(
        Effect.gen(function* () {
          for (const by of [1, 2, 3]) {
            for (const id of [...tried, "sound"]) yield* countBy(id, by)
          }
        })
      )
      for (const id of tried) {
        const streamId = Tally.streamId(id)
        const [, second] = yield* stored(streamId)
        ok(second !== undefined)
        yield* edit(second.position, changes[id]?.(second) ?? null)
        yield* tally(
          Effect.gen(function* () {
            const one = (yield* Tally)(id)
            for (const refused of [Effect.flip(one.state), Effect.flip(one.Count({ by: 1 }))]) {
              const error = yield* refused
              ok(error instanceof RecoveryFailed && error.cause instanceof StreamDamaged, id)
              strictEqual(error.cause.streamId, streamId)
            }
            const seen: Array<number> = []
            yield* flipped(
              Stream.runForEach(one.changes(), ({ stored }) => Effect.sync(() => seen.push(stored.version)))
            )
            deepStrictEqual(seen, [1], id)
            strictEqual((yield* countBy("sound", 1)) > 6, true)
          })
        )
        deepStrictEqual((yield* TimeTravel.stateAt(definition, id, { version: 1 })).state, { count: 1 })
        yield* flipped(TimeTravel.stateAt(definition, id, { version: 3 }))
        yield* flipped(TimeTravel.stateAt(definition, id, { at: new Date(Date.UTC(2999, 0)) }))
      }
    })
  },
  {
    name: "a subscription gives what stands before a damaged event, says which it is, and goes on behind it when asked (VR1 VR2)",
    run: Effect.gen(function* () {
      for (const text of ["one", "two", "three"]) {
        for (const id of ["a", "b"]) yield* note(id, text)
      }
      const { events: whole } = yield* walk
      yield* edit(3, { type: "Unwanted" })
      const gather = (after: Stream.Stream<StoredEvent, unknown, EventStore>) =>
        Effect.gen(function* () {
          const seen: Array<StoredEvent> = []
          const damaged = yield* flipped(Stream.runForEach(after, (event) => Effect.sync(() => seen.push(event))))
          return { seen, damaged }
        })
      // What its filter would drop is looked at too.
      const events = [Noted]
      const { damaged, seen } = yield* gather(Subscription.log(0, { events }))
      deepStrictEqual(seen, whole.slice(0, 2))
      deepStrictEqual([damaged.streamId, damaged.version, damaged.position], ["a", 2, 3])
      const rest = yield* Stream.runCollect(Stream.take(Subscription.log(damaged.position ?? 0, { events }), 3))
      deepStrictEqual(Chunk.toReadonlyArray(rest), whole.slice(3))

      const ofStream = yield* gather(Subscription.stream(StreamId.make("a"), 0))
      deepStrictEqual(ofStream.seen, whole.slice(0, 1))
      const others = yield* Stream.runCollect(Stream.take(Subscription.stream(StreamId.make("b"), 0), 3))
      strictEqual(others.length, 3)
    })
  }
]

// ---- the read side --------------------------------------------------------------------------------------------------

const whole = (position: number) =>
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
            yield* (yield* service).awaitPosition("forward", end, "20 seconds")
            strictEqual((yield* status("forward")).deadLetters[0]?.position, 2)
            deepStrictEqual(sent.toSorted(), ["a one", "b three"])
          }
          yield* edit(2, second)
          // By itself: it looks now and then.
          yield* (yield* service).awaitPosition("forward", end, "20 seconds")
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

const tried = ["data", "type", "stream id", "version", "time"]

export const VerifiedReadSideConformance: ReadonlyArray<VerifiedReadSideCase> = [
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
            yield* (yield* service).awaitPosition("forward", end, "20 seconds")
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
            yield* asked.skip("forward", "elsewhere")
            yield* asked.awaitPosition("forward", end, "20 seconds")
          })
        ),
        forwarding(sent)
      )
      deepStrictEqual(sent.toSorted(), ["a one", "a three", "b four"])
    })
  }
]
