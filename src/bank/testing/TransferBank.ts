/**
 * The bank that the cases of transfers run, over any store and on any actor system: accounts, transfers and their
 * process, and what the cases ask of them. After each case the whole log is checked with `Conservation`.
 */
import { deepStrictEqual } from "node:assert"
import { Duration, Effect, Either, Layer } from "effect"
import type { ActorLimits } from "../../core/ActorConfig.ts"
import type * as Aggregate from "../../core/Aggregate.ts"
import { type AppendRequest, EventStore } from "../../core/EventStore.ts"
import type { SnapshotStore } from "../../core/SnapshotStore.ts"
import { OutcomeUnknown, StoreUnavailable } from "../../core/StoreError.ts"
import * as ProjectionConfig from "../../projection/ProjectionConfig.ts"
import type { ProjectionStore } from "../../projection/ProjectionStore.ts"
import type { Case } from "../../testing/Conformance.ts"
import { SystemUnderTest } from "../../testing/SystemUnderTest.ts"
import { wholeLog } from "../../testing/WholeLog.ts"
import { Account } from "../account/Account.ts"
import { AccountId, TransferId } from "../account/AccountSchemas.ts"
import * as Conservation from "../Conservation.ts"
import * as TransferConfig from "../transfer/TransferConfig.ts"
import * as Transfers from "../transfer/Transfers.ts"

type Stores = EventStore | SnapshotStore | ProjectionStore
export type TransferCase = Case<Stores | SystemUnderTest>

export type Append = EventStore["Type"]["append"]
export interface Setting {
  readonly limits?: Partial<ActorLimits>
  readonly targetTimeout?: Duration.Duration
  readonly answerTimeout?: Duration.Duration
  /** Stands between the process and its store. */
  readonly append?: (append: Append) => Append
}
export type Bank = Transfers.Transfers | Aggregate.Service<"Account"> | Stores

/** No case waits for a delay: they only keep a failing step from being tried in a circle. */
const soon = {
  minBackoff: Duration.millis(1),
  maxBackoff: Duration.millis(10),
  pollInterval: Duration.millis(10)
}

/** Runs a program with accounts, transfers and their process over the stores, which outlive them. */
export const running = <A, E>(
  { answerTimeout = Duration.seconds(10), append, limits = {}, targetTimeout = Duration.minutes(1) }: Setting,
  program: Effect.Effect<A, E, Bank>
) =>
  Effect.gen(function* () {
    const { layer } = yield* SystemUnderTest
    const store = yield* EventStore
    const faulty = Layer.succeed(EventStore, {
      ...store,
      ...(append !== undefined && { append: append(store.append) })
    })
    const bank = Transfers.layer.pipe(
      Layer.provide(layer({ minBackoff: Duration.zero, ...limits })),
      Layer.provide(ProjectionConfig.layer(soon)),
      Layer.provide(
        TransferConfig.layer({
          targetTimeout,
          answerTimeout,
          lookInterval: Duration.millis(10),
          clientTimeout: Duration.seconds(1)
        })
      ),
      Layer.provide(faulty)
    )
    return yield* Effect.provide(program, bank)
  })

export const account = (id: string) => Effect.map(Account, (accounts) => accounts(AccountId.make(id)))
export const open = (id: string, deposit?: string, currency = "EUR") =>
  Effect.gen(function* () {
    const one = yield* account(id)
    yield* one.Open({ owner: "Anna", currency })
    if (deposit !== undefined) yield* one.Deposit({ amount: deposit })
  })
export const balance = (id: string) =>
  Effect.map(
    Effect.flatMap(account(id), (one) => one.state),
    ({ state }) => state.balance
  )
export const request = (transferId: string, from: string, to: string, amount: string) =>
  Effect.flatMap(Transfers.Transfers, (transfers) =>
    transfers.request(
      TransferId.make(transferId),
      { from: AccountId.make(from), to: AccountId.make(to), amount },
      { commandId: `request-${transferId}` }
    )
  )
export const status = (transferId: string) =>
  Effect.map(
    Effect.flatMap(Transfers.Transfers, (transfers) => transfers.get(TransferId.make(transferId))),
    ({ transfer }) => transfer
  )

/** Waits until it is so; fails the case when that takes for ever. */
export const until = <E, R>(what: string, condition: Effect.Effect<boolean, E, R>) =>
  Effect.timeoutFail(Effect.repeat(Effect.delay(condition, "1 millis"), { until: (isSo) => isSo }), {
    duration: "1 minute",
    onTimeout: () => new Error(`never: ${what}`)
  })
export const ended = (transferId: string) =>
  until(
    `${transferId} ends`,
    Effect.map(Effect.either(status(transferId)), (found) => Either.isRight(found) && found.right.status !== "pending")
  )
/** What has become of it in the end. */
export const transferred = (transferId: string, from: string, to: string, amount: string) =>
  Effect.gen(function* () {
    yield* request(transferId, from, to, amount)
    yield* ended(transferId)
    return yield* status(transferId)
  })

export const typesOf = (streamId: string) =>
  Effect.map(wholeLog, (events) => events.filter((event) => event.streamId === streamId).map(({ type }) => type))
/** Nothing is wrong, and nothing is on its way. */
export const assertConserved = Effect.map(wholeLog, (events) => {
  const { inFlight, pending, violation } = Conservation.check(events)
  deepStrictEqual({ violation, inFlight, pending }, { violation: undefined, inFlight: [], pending: [] })
})

/** Whether the append holds an event of this type. */
export const holds = (type: string, requests: ReadonlyArray<AppendRequest>) =>
  requests.some(({ commands }) => commands.some(({ events }) => events.some((event) => event.type === type)))
export const unavailable = new StoreUnavailable({ operation: "append", cause: new Error("injected") })
export const unknown = new OutcomeUnknown({ cause: new Error("injected") })
