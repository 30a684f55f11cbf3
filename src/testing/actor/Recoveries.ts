/**
 * BY1, BY3, BY4 and F24: a recovery comes on page by page, beside others and after faults; a read has the limits of a
 * command; and neither costs actors that work their place. Pages are made small, so that short streams are long ones.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import * as Rpc from "@effect/rpc/Rpc"
import { Deferred, Duration, Effect, Either, Exit, Fiber, Layer, Option, Schema, TestClock, TestContext } from "effect"
import type { ActorLimits } from "../../core/ActorConfig.ts"
import * as Aggregate from "../../core/Aggregate.ts"
import * as Event from "../../core/Event.ts"
import { EventStore, maxPageBytes } from "../../core/EventStore.ts"
import { StoreUnavailable } from "../../core/StoreError.ts"
import type { ActorSystemCase } from "../SystemUnderTest.ts"
import { pass, until, watched } from "./Passing.ts"
import { release } from "./Release.ts"

const Counted = Event.make("Counted", { note: Schema.String })

class Tally extends Aggregate.make("Tally", {
  id: Schema.String,
  state: Schema.Struct({ count: Schema.Int }),
  initial: { count: 0 },
  events: [Counted],
  commands: [
    Rpc.make("Count", {
      payload: { times: Schema.Int, note: Schema.String },
      success: Schema.Struct({ count: Schema.Int })
    })
  ],
  snapshot: { every: Number.MAX_SAFE_INTEGER }
}) {}
const tallies = Tally.toLayer({
  decide: { Count: ({ note, times }) => Either.right(Array.from({ length: times }, () => Counted.make({ note }))) },
  evolve: { Counted: ({ count }) => ({ count: count + 1 }) },
  reply: { Count: (state) => state }
})
const add = (id: string, times = 1, note = "") =>
  Effect.map(
    Effect.flatMap(Tally, (tally) => tally(id).Count({ times, note })),
    ({ count }) => count
  )
const countOf = (id: string) =>
  Effect.map(
    Effect.flatMap(Tally, (tally) => tally(id).state),
    ({ state }) => state.count
  )

/** No snapshot is made on the way out, so that each system begins with all events. */
const noSnapshots = { snapshotMinEvents: Number.MAX_SAFE_INTEGER }

/** Runs a program on a system of its own, whose store is changed by this. */
const running = <A, X, R>(
  limits: Partial<ActorLimits>,
  change: (store: EventStore["Type"]) => Partial<EventStore["Type"]>,
  program: Effect.Effect<A, X, R>
) =>
  Effect.flatMap(EventStore, (store) =>
    release(Layer.fresh(tallies), program, { ...noSnapshots, ...limits }).pipe(
      Effect.provideService(EventStore, EventStore.of({ ...watched(store), ...change(watched(store)) }))
    )
  )
const unchanged = () => ({})

/** A store that reads few events at once, and says of which stream and from where. */
const inPages =
  (most: number, onRead: (id: string, from: number) => Effect.Effect<void, StoreUnavailable>) =>
  (store: EventStore["Type"]): Partial<EventStore["Type"]> => ({
    readStream: (streamId, options = {}) =>
      Effect.zipRight(
        onRead(streamId.slice("tally-".length), options.from ?? 1),
        store.readStream(streamId, { ...options, limit: Math.min(options.limit ?? most, most) })
      )
  })

const idsOf = (kind: string, count: number) => Array.from({ length: count }, (_, index) => `${kind}-${index}`)
const virtual = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provide(effect, TestContext.TestContext)
/** Lets time pass until the fiber ends. */
const passing = <A, E>(fiber: Fiber.RuntimeFiber<A, E>, step: Duration.DurationInput) =>
  Effect.zipRight(
    until("the end", Effect.zipRight(pass(step), Effect.map(Fiber.poll(fiber), Option.isSome))),
    Fiber.await(fiber)
  )
const errorOf = <A, E>(exit: Exit.Exit<A, E>) =>
  Exit.match(exit, { onFailure: (cause) => String(cause), onSuccess: () => "" })

export const Recoveries: ReadonlyArray<ActorSystemCase> = [
  {
    name: "two streams of large events recover at once, a bounded page of each at a time (BY1)",
    run: Effect.gen(function* () {
      const ids = ["a", "b"]
      const events = 24
      const fill = Effect.forEach(ids, (id) => Effect.repeatN(add(id, 4, "x".repeat(1_000_000)), events / 4 - 1))
      yield* running({}, unchanged, fill)
      let pages = 0
      yield* running(
        {},
        (store) => ({
          readStream: (id, options) =>
            Effect.tap(store.readStream(id, options), ({ events }) =>
              Effect.sync(() => {
                pages++
                const bytes = events.reduce((sum, { data }) => sum + data.length, 0)
                ok(bytes <= maxPageBytes, `${bytes} bytes in one page`)
              })
            )
        }),
        Effect.gen(function* () {
          deepStrictEqual(yield* Effect.forEach(ids, countOf, { concurrency: "unbounded" }), [events, events])
        })
      )
      ok(pages >= 12, `${pages} pages`)
    })
  },
  {
    name: "of 64 long recoveries each comes on, and a short one does not wait for them (BY1)",
    run: Effect.gen(function* () {
      const [page, pages] = [5, 12]
      const long = idsOf("long", 64)
      const fill = Effect.forEach(long, (id) => add(id, page * pages), { concurrency: "unbounded" })
      yield* running({}, unchanged, Effect.zipRight(fill, add("short", 3)))
      const read: Array<string> = []
      const middle = yield* Deferred.make<void>()
      const store = inPages(page, (id) =>
        Effect.suspend(() => {
          read.push(id)
          return read.length === (long.length * pages) / 2 ? Deferred.succeed(middle, undefined) : Effect.void
        })
      )
      yield* running(
        { maxRecoveries: 4 },
        store,
        Effect.gen(function* () {
          /** How far the others were when the first one was there. */
          let least = Number.POSITIVE_INFINITY
          const one = (id: string) =>
            Effect.map(add(id), (count) => {
              strictEqual(count, page * pages + 1)
              const progress = long.map((other) => read.filter((each) => each === other).length)
              least = Math.min(least, ...(least === Number.POSITIVE_INFINITY ? progress : []))
            })
          const cold = yield* Effect.fork(Effect.forEach(long, one, { concurrency: "unbounded", discard: true }))
          yield* Deferred.await(middle)
          const before = read.length
          strictEqual(yield* add("short"), 4)
          const waited = read.indexOf("short") - before
          // Half of the pages of each long one are left; it does not wait for those of one of them.
          ok(waited < 2 * long.length, `${waited} pages were read before that of the short one`)
          yield* Fiber.join(cold)
          ok(least >= pages / 2, `one had ${least} of ${pages} pages when the first was there`)
        })
      )
    })
  },
  {
    name: "a recovery that comes on is not given up however long it takes; one that comes no further is, and the next goes on (BY3)",
    run: Effect.gen(function* () {
      yield* running({}, unchanged, add("a", 20))
      const from: Array<number> = []
      let hangsAt = 7
      const store = inPages(1, (_, at) =>
        Effect.suspend(() => {
          from.push(at)
          return at === hangsAt ? Effect.never : Effect.sleep("2 seconds")
        })
      )
      yield* virtual(
        running(
          { recoveryTimeout: Duration.seconds(3) },
          store,
          Effect.gen(function* () {
            const failed = yield* passing(yield* Effect.fork(add("a")), "250 millis")
            ok(/RecoveryFailed.*recoveryTimeout/.test(errorOf(failed)), errorOf(failed))
            deepStrictEqual(from, [1, 2, 3, 4, 5, 6, 7])
            hangsAt = 0
            yield* TestClock.adjust("1 minute")
            const answered = yield* passing(yield* Effect.fork(add("a")), "250 millis")
            deepStrictEqual(answered, Exit.succeed(21))
            deepStrictEqual(
              from.slice(7, 21),
              Array.from({ length: 14 }, (_, index) => index + 7)
            )
          })
        )
      )
    })
  },
  {
    name: "a fault of the store costs a recovery no page that it has read (BY3)",
    run: Effect.gen(function* () {
      yield* running({}, unchanged, add("a", 10))
      const from: Array<number> = []
      const fault = new StoreUnavailable({ operation: "read", cause: new Error("injected") })
      const store = inPages(1, (_, at) =>
        Effect.suspend(() => {
          from.push(at)
          return from.filter((each) => each === at).length === 1 && at % 2 === 0 ? fault : Effect.void
        })
      )
      // Fewer attempts than there are faults: one that comes on begins to count again.
      const limits = { recoveryAttempts: 2, minBackoff: Duration.zero, maxBackoff: Duration.zero }
      strictEqual(yield* running(limits, store, add("a")), 11)
      deepStrictEqual(from, [1, 2, 2, 3, 4, 4, 5, 6, 6, 7, 8, 8, 9, 10, 10])
    })
  },
  {
    name: "readers of many ids push no actor out that works, and the same ids can be read and asked all the while (BY4)",
    run: Effect.gen(function* () {
      const hot = idsOf("hot", 20)
      const cold = idsOf("cold", 40)
      yield* running(
        {},
        unchanged,
        Effect.forEach(cold, (id) => add(id, 2), { concurrency: "unbounded" })
      )
      const read = new Set<string>()
      yield* running(
        { maxLiveActors: hot.length, maxRecoveries: 4 },
        inPages(1_000, (id) => Effect.sync(() => void read.add(id))),
        Effect.gen(function* () {
          yield* Effect.forEach(hot, (id) => add(id), { concurrency: "unbounded" })
          read.clear()
          const unknown = Effect.forEach(idsOf("unknown", 1_500), countOf, { concurrency: 50 })
          const known = Effect.forEach([...cold, ...cold], countOf, { concurrency: 10 })
          const [none, two] = yield* Effect.all([unknown, known], { concurrency: "unbounded" })
          ok(none.every((count) => count === 0) && two.every((count) => count === 2))
          for (const id of hot) strictEqual(yield* add(id), 2)
          deepStrictEqual(
            hot.filter((id) => read.has(id)),
            []
          )
          // A reader's actor becomes one that works, and then has the right to a place.
          const busy = yield* Effect.all([countOf("cold-1"), add("cold-1"), countOf("cold-1"), add("new")], {
            concurrency: "unbounded"
          })
          deepStrictEqual([busy[1], busy[3]], [3, 1])
          strictEqual(yield* countOf("cold-1"), 3)
        })
      )
    })
  },
  {
    name: "a read of a store that does not answer ends at its limit, and as many may wait as commands (BY4 F24)",
    run: virtual(
      Effect.gen(function* () {
        let hangs: "head" | "events" | "nothing" = "nothing"
        const never = Effect.uninterruptible(Effect.never)
        const store = (store: EventStore["Type"]): Partial<EventStore["Type"]> => ({
          head: (id) => (hangs === "head" ? never : store.head(id)),
          readStream: (id, options) => (hangs === "events" ? never : store.readStream(id, options))
        })
        yield* running(
          { recoveryTimeout: Duration.millis(500), minBackoff: Duration.millis(100), mailboxCapacity: 3 },
          store,
          Effect.gen(function* () {
            yield* add("a")
            hangs = "head"
            const reads = yield* Effect.forEach([1, 2, 3], () => Effect.fork(countOf("a")))
            for (let times = 0; times < 20; times++) yield* Effect.yieldNow()
            ok(/MailboxFull/.test(errorOf(yield* Effect.exit(countOf("a")))))
            for (const read of reads) {
              const error = errorOf(yield* passing(read, "100 millis"))
              ok(/StoreUnavailable.*recoveryTimeout/.test(error), error)
            }
            hangs = "nothing"
            // What another process stored is read in time too, or not at all.
            yield* running({}, unchanged, add("a"))
            hangs = "events"
            const error = errorOf(yield* passing(yield* Effect.fork(countOf("a")), "100 millis"))
            ok(/StoreUnavailable.*recoveryTimeout/.test(error), error)
            hangs = "nothing"
            strictEqual(yield* countOf("a"), 2)
          })
        )
      })
    )
  }
]
