/**
 * What timers do for a bank, on any store: holds end at their time and transfers are refunded after their timeout, over restarts; an
 * upgrade finds what is open in a log of before; and what the accounts say never depends on whether a timer was there (PM1, PM2, PM3).
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { Duration, Effect, Layer } from "effect"
import * as ActorSystemLocal from "../../core/ActorSystemLocal.ts"
import { EventStore } from "../../core/EventStore.ts"
import * as SnapshotStoreMemory from "../../core/SnapshotStoreMemory.ts"
import { StoreUnavailable } from "../../core/StoreError.ts"
import * as PendingTimers from "../../projection/PendingTimers.ts"
import type { ProjectionStore } from "../../projection/ProjectionStore.ts"
import { Projections } from "../../projection/Projections.ts"
import type { Case } from "../../testing/Conformance.ts"
import { hour, onWall, until, within } from "../../testing/reaction/Bells.ts"
import { wholeLog } from "../../testing/WholeLog.ts"
import { Account } from "../account/Account.ts"
import * as AccountBehaviour from "../account/AccountBehaviour.ts"
import { AccountId, HoldId, TransferId } from "../account/AccountSchemas.ts"
import * as HoldProcess from "../account/HoldProcess.ts"
import { application } from "../Bank.ts"
import * as Conservation from "../Conservation.ts"
import * as TransferConfig from "../transfer/TransferConfig.ts"
import * as Transfers from "../transfer/Transfers.ts"

type BankTimerCase = Case<EventStore | ProjectionStore>

const [anna, bert] = [AccountId.make("anna"), AccountId.make("bert")]

const open = (id: AccountId) =>
  Effect.gen(function* () {
    const account = (yield* Account)(id)
    yield* account.Open({ owner: "Anna", currency: "EUR" })
    yield* account.Deposit({ amount: "100" })
  })

/** A hold of anna's; it expires in so many milliseconds by the clock of now, or never. */
const reserve = (holdId: string, now: number, millis?: number) =>
  Effect.flatMap(Account, (accounts) =>
    accounts(anna).Reserve({
      holdId: HoldId.make(holdId),
      amount: "10",
      ...(millis !== undefined && { expiresAt: new Date(now + millis).toISOString() })
    })
  )

/** A process of an earlier release: it has accounts, and neither timers nor the process of holds. */
const before = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.provide(
    effect,
    AccountBehaviour.layer.pipe(Layer.provide(ActorSystemLocal.layer), Layer.provide(SnapshotStoreMemory.layer))
  )

/** A process of the bank. */
const bank = <A, E, R>(effect: Effect.Effect<A, E, R>) => within(application, effect)

/** Which events of this type there are: the ids of the holds. */
const holdsIn = (type: string) =>
  Effect.map(wholeLog, (events) =>
    events.flatMap((event) => (event.type === type ? [(JSON.parse(event.data) as { holdId: string }).holdId] : []))
  )
const waiting = Effect.map(PendingTimers.list({ after: null, limit: 10 }), (all) => all.map(({ key }) => key))
/** The process of holds, and the model of timers behind it, have seen all that is in the log. */
const settled = Effect.gen(function* () {
  const { awaitPosition } = yield* Projections
  const { lastPosition } = yield* EventStore
  yield* awaitPosition(HoldProcess.name, yield* lastPosition, "100 seconds")
  yield* awaitPosition(PendingTimers.projection.name, yield* lastPosition, "100 seconds")
})
const conserved = Effect.map(wholeLog, (events) => strictEqual(Conservation.check(events).violation, undefined))

export const BankTimerConformance: ReadonlyArray<BankTimerCase> = [
  {
    name: "a hold ends at its time though nobody asks for it; one that was captured or released before has no timer (PM1 PM2)",
    run: onWall((set) =>
      bank(
        Effect.gen(function* () {
          const now = Date.now()
          yield* open(anna)
          for (const id of ["kept", "captured", "released"]) yield* reserve(id, now, hour)
          yield* reserve("for-ever", now)
          yield* settled
          strictEqual((yield* waiting).length, 3)
          const account = (yield* Account)(anna)
          yield* account.Capture({ holdId: HoldId.make("captured") })
          yield* account.Release({ holdId: HoldId.make("released") })
          yield* settled
          deepStrictEqual(yield* waiting, [HoldProcess.timerOf(anna, "kept")])
          set(2 * hour)
          yield* until(Effect.map(holdsIn("HoldExpired"), ({ length }) => length > 0))
          deepStrictEqual(yield* holdsIn("HoldExpired"), ["kept"])
          const expired = (yield* wholeLog).find(({ type }) => type === "HoldExpired")
          strictEqual(expired?.principal, "reaction:timers")
          yield* settled
          deepStrictEqual(yield* waiting, [])
          yield* conserved
        })
      )
    )
  },
  {
    name: "an upgrade finds the holds that are open in a log of before, starts by itself, and asks no timer for those that ended (PM3)",
    run: onWall((set) =>
      Effect.gen(function* () {
        const now = Date.now()
        yield* before(
          Effect.gen(function* () {
            yield* open(anna)
            for (const id of ["captured", "soon", "later"]) yield* reserve(id, now, id === "later" ? 5 * hour : hour)
            yield* reserve("never", now)
            yield* (yield* Account)(anna).Capture({ holdId: HoldId.make("captured") })
          })
        )
        yield* bank(settled)
        const scheduled = (yield* wholeLog).filter(({ type }) => type === "TimerScheduled")
        deepStrictEqual(
          scheduled.map(({ streamId }) => streamId),
          ["soon", "later"].map((id) => `timer-${HoldProcess.timerOf(anna, id)}`)
        )
        deepStrictEqual(
          (yield* wholeLog).filter(({ type }) => type.startsWith("Timer")).length,
          2,
          "no other timer was asked"
        )
        // While nobody runs, an earlier release ends one of them as it did.
        set(2 * hour)
        yield* before(Effect.flatMap(Account, (accounts) => accounts(anna).Withdraw({ amount: "65" })))
        deepStrictEqual(yield* holdsIn("HoldExpired"), ["soon"])
        set(6 * hour)
        yield* bank(until(Effect.map(holdsIn("HoldExpired"), ({ length }) => length > 1)))
        deepStrictEqual(yield* holdsIn("HoldExpired"), ["soon", "later"])
        yield* conserved
      })
    )
  },
  {
    name: "a hold whose id was used again keeps its own time, whatever the timer of the one before does (PM2)",
    run: onWall((set) =>
      bank(
        Effect.gen(function* () {
          const now = Date.now()
          yield* open(anna)
          yield* reserve("h", now, hour)
          yield* settled
          // Ended by the account itself, before its timer is looked at; and placed again.
          const account = (yield* Account)(anna)
          yield* account.Release({ holdId: HoldId.make("h") })
          yield* reserve("h", now, 3 * hour)
          yield* settled
          set(2 * hour)
          yield* reserve("marker", now, 2.5 * hour)
          yield* settled
          set(2.75 * hour)
          yield* until(Effect.map(holdsIn("HoldExpired"), (ids) => ids.includes("marker")))
          deepStrictEqual(yield* holdsIn("HoldExpired"), ["marker"])
          set(4 * hour)
          yield* until(Effect.map(holdsIn("HoldExpired"), (ids) => ids.includes("h")))
          yield* conserved
        })
      )
    )
  },
  {
    name: "a transfer whose timeout passes while nobody runs is refunded when somebody does, by its timer (PM1 TR9)",
    run: onWall((set) =>
      Effect.gen(function* () {
        const store = yield* EventStore
        const cause = new Error("injected")
        const faulty = EventStore.of({
          ...store,
          append: (requests, place) =>
            requests.some(({ commands, streamId }) => streamId === "account-bert" && commands.length > 0) && isDown
              ? Effect.fail(new StoreUnavailable({ operation: "append", cause }))
              : store.append(requests, place)
        })
        let isDown = false
        const timed = {
          ...application,
          // No process runs for so long.
          layer: Layer.provide(application.layer, TransferConfig.layer({ targetTimeout: Duration.hours(1) }))
        }
        const process = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
          Effect.provideService(within(timed, effect), EventStore, faulty)
        const has = (type: string) => Effect.map(wholeLog, (events) => events.some((event) => event.type === type))
        yield* process(
          Effect.gen(function* () {
            for (const id of [anna, bert]) yield* open(id)
            isDown = true
            const { request } = yield* Transfers.Transfers
            const order = { from: anna, to: bert, amount: "40" }
            yield* request(TransferId.make("rent"), order, { commandId: "rent", waits: false })
            yield* until(has("TimerScheduled"))
            strictEqual(yield* has("TransferRefunded"), false)
          })
        )
        set(2 * hour)
        yield* process(until(has("SourceRefunded")))
        const events = yield* wholeLog
        const fired = events.findIndex(({ type }) => type === "TimerFired")
        const { data = "{}", recordedAt = 0 } = events[fired] ?? {}
        ok(recordedAt >= (JSON.parse(data) as { due: number }).due)
        // Its timer, or the process that has seen it fire: whichever is first.
        ok(fired < events.findIndex(({ type }) => type === "RefundRequested"), "the timer was first")
        const { inFlight, pending, violation } = Conservation.check(events)
        deepStrictEqual({ violation, inFlight, pending }, { violation: undefined, inFlight: [], pending: [] })
      })
    )
  }
]
