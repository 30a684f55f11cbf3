/**
 * A clock that was ahead: the times after it, what is reported of it, and an account as it was before, meanwhile and
 * after.
 */
import { Duration, Effect, Layer, Logger, Metric, TestClock, TestContext } from "effect"
import { assert, describe, it } from "vitest"
import { Account } from "../../src/bank/account/Account.ts"
import * as AccountBehaviour from "../../src/bank/account/AccountBehaviour.ts"
import { AccountId } from "../../src/bank/account/AccountSchemas.ts"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import { EventStore } from "../../src/core/EventStore.ts"
import * as EventStoreMemory from "../../src/core/EventStoreMemory.ts"
import * as Limits from "../../src/core/Limits.ts"
import * as RecordedAt from "../../src/core/RecordedAt.ts"
import * as SnapshotStoreMemory from "../../src/core/SnapshotStoreMemory.ts"
import type { StoredEvent } from "../../src/core/StoredEvent.ts"
import * as TimeTravel from "../../src/core/TimeTravel.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import * as Writer from "../../src/sql/Writer.ts"
import { random } from "../Random.ts"

const definition = Account.define(AccountBehaviour.behaviour)
/** Seconds, not minutes: each second of the clock takes the actors a step. */
const short = { maxClockLead: "1 second" } as const
const layer = (options: RecordedAt.ClockOptions = short) =>
  AccountBehaviour.layer.pipe(
    Layer.provide(ActorSystemLocal.layer),
    Layer.provideMerge(Layer.merge(EventStoreMemory.layerWith(options), SnapshotStoreMemory.layer)),
    Layer.provide(Logger.remove(Logger.defaultLogger)),
    Layer.provideMerge(TestContext.TestContext)
  )
const minute = 60_000

const one = (id: string) => Effect.map(Account, (accounts) => accounts(AccountId.make(id)))
const open = (id: string) => Effect.flatMap(one(id), (account) => account.Open({ owner: "Ada", currency: "JPY" }))
const deposit = (id: string) => Effect.flatMap(one(id), (account) => account.Deposit({ amount: "1" }))
const versionAt = (id: string, at: number) =>
  Effect.map(TimeTravel.stateAt(definition, id, { at: new Date(at) }), ({ version }) => version)
const allEvents = Effect.map(
  Effect.flatMap(EventStore, (store) => store.readAll(0)),
  ({ events }) => events
)

describe("the time of an event", () => {
  it("is the clock's, or that of the event before where that is ahead by no more than the bound", () => {
    assert.strictEqual(RecordedAt.next(1_000, 2_000.9, minute), 2_000)
    assert.strictEqual(RecordedAt.next(2_000, 1_000, minute), 2_000)
    assert.strictEqual(RecordedAt.next(1_000 + minute, 1_000, minute), 1_000 + minute)
    assert.strictEqual(RecordedAt.next(1_001 + minute, 1_000, minute), 1_000)
  })

  it("has a bound between a millisecond and a day", () => {
    assert.strictEqual(RecordedAt.maxClockLeadOf({}), minute)
    assert.strictEqual(RecordedAt.maxClockLeadOf({ maxClockLead: "2 seconds" }), 2_000)
    for (const maxClockLead of [Duration.zero, Duration.days(2)]) {
      assert.throws(() => EventStoreMemory.layerWith({ maxClockLead }), Limits.InvalidLimit, /maxClockLead/)
      assert.throws(() => Writer.layer({ maxClockLead }), Limits.InvalidLimit, /maxClockLead/)
    }
  })
})

describe("an event far ahead of the clock", () => {
  const found = Metric.value(
    Metric.counter("daybook.log.recorded.ahead", {
      description: "Entries of the journal found ahead of the clock by more than the bound",
      incremental: true
    })
  )
  const stores = {
    memory: EventStoreMemory.layerWith(short),
    sqlite: SqliteStore.layer({ filename: ":memory:", ...short })
  }
  for (const [name, store] of Object.entries(stores)) {
    it(`is reported with its place and no data, once a minute, and counted each time, on ${name}`, () => {
      const logged: Array<{ readonly level: string; readonly text: string }> = []
      const logger = Logger.map(Logger.structuredLogger, (line) => {
        logged.push({ level: line.logLevel, text: JSON.stringify(line) })
      })
      return Effect.gen(function* () {
        const leap = Effect.gen(function* () {
          yield* TestClock.setTime(10_000 + minute)
          yield* open(crypto.randomUUID())
          yield* TestClock.setTime(20_000)
          yield* open(crypto.randomUUID())
        })
        const before = (yield* found).count
        yield* open("1")
        yield* leap
        yield* leap
        assert.strictEqual((yield* found).count - before, 2)
        const [only, ...others] = logged
        assert.deepStrictEqual(others, [])
        assert.strictEqual(only?.level, "WARN")
        assert.include(only?.text, '"sequence":2')
        assert.include(only?.text, '"aheadMillis":50000')
        assert.notInclude(only?.text, "Ada")
      }).pipe(
        Effect.provide(
          AccountBehaviour.layer.pipe(
            Layer.provide(ActorSystemLocal.layer),
            Layer.provide(SnapshotStoreMemory.layer),
            Layer.provideMerge(store),
            Layer.provide(Logger.replace(Logger.defaultLogger, logger)),
            Layer.provideMerge(TestContext.TestContext)
          )
        ),
        Effect.runPromise
      )
    })
  }
})

describe("time travel past a clock that was ahead", () => {
  it("dates the event as the one before it, in its own stream and where it is the first", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(10_000)
      yield* open("1")
      yield* TestClock.setTime(20_000 + minute)
      yield* deposit("1")
      yield* open("2")
      yield* deposit("1")
      yield* TestClock.setTime(30_000)
      yield* open("3")
      yield* TestClock.setTime(40_000)
      yield* deposit("1")
      yield* TestClock.setTime(50_000)
      assert.deepStrictEqual(
        (yield* allEvents).map(({ recordedAt }) => recordedAt),
        [10_000, 20_000 + minute, 20_000 + minute, 20_000 + minute, 30_000, 40_000]
      )
      const versions = (at: number) => Effect.all([versionAt("1", at), versionAt("2", at), versionAt("3", at)])
      assert.deepStrictEqual(yield* versions(9_999), [0, 0, 0])
      assert.deepStrictEqual(yield* versions(10_000), [3, 1, 0])
      assert.deepStrictEqual(yield* versions(35_000), [3, 1, 1])
      assert.deepStrictEqual(yield* versions(50_000), [4, 1, 1])
      assert.deepStrictEqual(yield* versions(2 * minute), [4, 1, 1])
    }).pipe(Effect.provide(layer()), Effect.runPromise))

  it("sees by the clock that the newest event is ahead, and believes it when that time has come", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(10_000)
      yield* open("1")
      yield* TestClock.setTime(10_000 + minute)
      yield* deposit("1")
      yield* TestClock.setTime(20_000)
      assert.strictEqual(yield* versionAt("1", 20_000), 2)
      yield* TestClock.setTime(20_000 + minute)
      assert.strictEqual(yield* versionAt("1", 20_000), 1)
      assert.strictEqual(yield* versionAt("1", 10_000 + minute), 2)
    }).pipe(Effect.provide(layer()), Effect.runPromise))

  it("is what the whole log says, for clocks that jump at random", () =>
    Effect.gen(function* () {
      const maxClockLead = 1_000
      const next = random("clocks")
      const ids = ["1", "2", "3"]
      let now = 10_000
      for (let step = 0; step < 300; step++) {
        now += Math.floor(next() * 200)
        // Now and then the clock is ahead for a moment, and for much longer than that takes to come about.
        const lead = next() < 0.05 ? 5 * maxClockLead + Math.floor(next() * 50_000) : 0
        yield* TestClock.setTime(now + lead)
        const id = ids[Math.floor(next() * 3)] ?? "1"
        yield* Effect.orElse(deposit(id), () => open(id))
      }
      yield* TestClock.setTime(now)
      const events = yield* allEvents
      const dates = datesOf(events, now, maxClockLead)
      for (let probe = 0; probe < 300; probe++) {
        const at = 10_000 + Math.floor(next() * (now - 10_000))
        const id = ids[probe % 3] ?? "1"
        const last = events.findLast(
          ({ streamId }, index) => streamId === definition.streamId(id) && (dates[index] ?? 0) <= at
        )
        assert.strictEqual(yield* versionAt(id, at), last?.version ?? 0, `account ${id} at ${at}`)
      }
    }).pipe(Effect.provide(layer()), Effect.runPromise))

  /** The time of each event, or of the one before it where any later one, or now, shows that it was ahead. */
  const datesOf = (events: ReadonlyArray<StoredEvent>, now: number, maxClockLead: number): ReadonlyArray<number> => {
    const dates: Array<number> = []
    for (const [index, { recordedAt }] of events.entries()) {
      const later = [...events.slice(index + 1).map((event) => event.recordedAt), now]
      const isAhead = later.some((time) => recordedAt - time > maxClockLead)
      dates.push(isAhead ? (dates.at(-1) ?? Number.NEGATIVE_INFINITY) : recordedAt)
    }
    return dates
  }
})
