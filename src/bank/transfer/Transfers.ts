/**
 * `Transfers` is how a client moves money between two accounts: it requests the transfer, waits a moment for its end,
 * and reports what has become of it. The transfer goes on whether anybody waits or not.
 */
import { Context, Effect, Either, Layer } from "effect"
import type { RuntimeError } from "../../core/ActorError.ts"
import type { ActorSystem } from "../../core/ActorSystem.ts"
import type * as Aggregate from "../../core/Aggregate.ts"
import type { Committed } from "../../core/Definition.ts"
import type { EventStore } from "../../core/EventStore.ts"
import type { ProjectionStore } from "../../projection/ProjectionStore.ts"
import * as Timers from "../../projection/Timers.ts"
import { Account } from "../account/Account.ts"
import * as AccountBehaviour from "../account/AccountBehaviour.ts"
import { AccountNotFound, type InvalidAmount } from "../account/AccountError.ts"
import type { AccountId, Request, TransferId, TransferView } from "../account/AccountSchemas.ts"
import * as PendingTransfers from "./PendingTransfers.ts"
import { Transfer, type TransferState } from "./Transfer.ts"
import * as TransferBehaviour from "./TransferBehaviour.ts"
import { TransferConfig } from "./TransferConfig.ts"
import { type SameAccount, type TransferExists, TransferNotFound } from "./TransferError.ts"
import * as TransferProcess from "./TransferProcess.ts"

/** What a client asks for. The currency is that of the source. */
export type Order = Omit<typeof Request.Type, "currency">

/** A transfer as it is now, and where in the log. */
export interface Progress {
  readonly transfer: TransferView
  readonly position: number
  readonly version: number
  /** Whether the same request came before. */
  readonly replayed: boolean
}

/** Why there is no such transfer. */
export type TransferRefusal = TransferExists | SameAccount | InvalidAmount
/** What keeps a request from being decided. */
export type AskError = AccountNotFound | RuntimeError
export type RequestError = TransferRefusal | AskError

/** What became of a request: a transfer, or a refusal, with its place in the log. */
export type Requested = Progress | (Omit<Progress, "transfer"> & { readonly refusal: TransferRefusal })

export interface RequestOptions extends Aggregate.CommandOptions {
  /** Whether to wait for the transfer's end. Default: yes. */
  readonly waits?: boolean
}

/** Requests transfers and waits for their ends, for a server or for your own code. */
export class Transfers extends Context.Tag("daybook/account/Transfers")<
  Transfers,
  {
    /**
     * Requests a transfer and waits for its end, at most `TransferConfig.clientTimeout`. A request that comes again with the
     * same command id tells the present state. `AccountNotFound` is the source; what else keeps the money where it is, is the
     * `reason` of a refused transfer.
     */
    readonly request: (
      transferId: TransferId,
      order: Order,
      options?: RequestOptions
    ) => Effect.Effect<Progress, RequestError>
    /** The same, of which a refusal has its place in the log too. */
    readonly ask: (transferId: TransferId, order: Order, options?: RequestOptions) => Effect.Effect<Requested, AskError>
    readonly get: (transferId: TransferId) => Effect.Effect<Omit<Progress, "replayed">, TransferNotFound | RuntimeError>
  }
>() {}

const toProgress = ({ position, state, version }: Committed<TransferState>) => ({
  transfer: TransferBehaviour.view(state),
  position,
  version
})

const make = Effect.gen(function* () {
  const accounts = yield* Account
  const transfers = yield* Transfer
  const waits = yield* PendingTransfers.PendingTransfers
  const { clientTimeout, lookInterval } = yield* TransferConfig

  const currencyOf = (accountId: AccountId) =>
    Effect.flatMap(accounts(accountId).state, ({ state }) =>
      state.status === "none" ? new AccountNotFound({ accountId }) : Effect.succeed(state.currency)
    )

  const ask = Effect.fn("Transfers.request")(function* (
    transferId: TransferId,
    order: Order,
    { waits: isWaiting = true, ...options }: RequestOptions = {}
  ): Effect.fn.Return<Requested, AskError> {
    // It never changes, so it is as good here as in the decision of the account.
    const currency = yield* currencyOf(order.from)
    const transfer = transfers(transferId)
    const { outcome, position, replayed, version } = yield* transfer.ask("Request", { ...order, currency }, options)
    if (Either.isLeft(outcome)) {
      const refusal = outcome.left
      // An account was opened in this currency.
      if (refusal._tag === "UnknownCurrency") return yield* Effect.die(refusal)
      return { refusal, position, version, replayed }
    }
    if (!isWaiting) return { ...toProgress(yield* transfer.state), replayed }
    const hasEnded = Effect.map(transfer.state, ({ state }) => TransferBehaviour.view(state).status !== "pending")
    yield* Effect.timeoutOption(waits.until(transferId, lookInterval, hasEnded), clientTimeout)
    return { ...toProgress(yield* transfer.state), replayed }
  })

  return Transfers.of({
    ask,
    request: (transferId, order, options) =>
      Effect.flatMap(ask(transferId, order, options), (requested) =>
        "refusal" in requested ? Effect.fail(requested.refusal) : Effect.succeed(requested)
      ),
    get: Effect.fn("Transfers.get")(function* (transferId) {
      const found = yield* transfers(transferId).state
      if (found.version === 0) return yield* new TransferNotFound({ transferId })
      return toProgress(found)
    })
  })
})

/** How clients request transfers, and what the process that drives them remembers meanwhile. */
export const services: Layer.Layer<
  Transfers | PendingTransfers.PendingTransfers,
  never,
  Aggregate.Service<"Account"> | Aggregate.Service<"Transfer">
> = Layer.provideMerge(Layer.effect(Transfers, make), PendingTransfers.layer)

/**
 * Accounts, transfers between them, and the process that drives those of this database. Timers are scheduled and do not fire: what
 * has them fire is the application (`Bank.ts`).
 */
export const layer: Layer.Layer<
  Transfers | Aggregate.Service<"Account"> | Aggregate.Service<"Transfer"> | Timers.Timers,
  never,
  ActorSystem | EventStore | ProjectionStore
> = TransferProcess.layer.pipe(
  Layer.provideMerge(services),
  Layer.provideMerge(Layer.mergeAll(AccountBehaviour.layer, TransferBehaviour.layer, Timers.part.layer))
)
