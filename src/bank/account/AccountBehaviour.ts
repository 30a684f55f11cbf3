/**
 * What an account does: which events a command leads to, and how they change it. Plain functions, except two decisions
 * that depend on whether transfers have ended, which the log knows and the account does not.
 */
import { Effect, Either, type Layer } from "effect"
import { ActorSystem } from "../../core/ActorSystem.ts"
import type * as Aggregate from "../../core/Aggregate.ts"
import type { Place } from "../../core/Definition.ts"
import type { ReadError } from "../../core/EventStore.ts"
import { hasEnded } from "../transfer/TransferEnd.ts"
import { Account, type AccountState, maxHolds, maxUnsettled } from "./Account.ts"
import {
  AccountExists,
  AccountIsClosed,
  AccountNotFound,
  BalanceNotZero,
  CreditRefused,
  DebitRefused,
  HoldExceeded,
  HoldExists,
  HoldNotFound,
  HoldOpen,
  InsufficientFunds,
  InvalidAmount,
  NothingToRefund,
  type refusals,
  TooManyHolds,
  TransferPending,
  TransfersUnreadable,
  UnknownCurrency
} from "./AccountError.ts"
import {
  AccountClosed,
  type AccountEvent,
  AccountOpened,
  Deposited,
  HoldCaptured,
  HoldExpired,
  HoldPlaced,
  HoldReleased,
  TransferCredited,
  TransferDebited,
  TransferRefunded,
  TransfersSettled,
  Withdrawn
} from "./AccountEvents.ts"
import type { Booking, Leg } from "./AccountSchemas.ts"
import * as Calendar from "./Calendar.ts"
import * as Money from "./Money.ts"

const amountOf = (field: string, text: string, decimals: number): Either.Either<Money.Money, InvalidAmount> =>
  Either.mapBoth(Money.parse(text, decimals), {
    onLeft: (misfit) => {
      const reason =
        misfit === "malformed" ? "is not an amount" : `has more than the ${decimals} decimals of the currency`
      return new InvalidAmount({ field, reason })
    },
    onRight: (minor) => ({ minor, decimals })
  })

/** The account, when it takes commands. */
const usable = (
  account: AccountState,
  accountId: string
): Either.Either<AccountState, AccountNotFound | AccountIsClosed> =>
  account.status === "open"
    ? Either.right(account)
    : Either.left(account.status === "none" ? new AccountNotFound({ accountId }) : new AccountIsClosed({ accountId }))

/** What both kinds of booking store, with the amount in the account's decimals. */
const booked = (booking: typeof Booking.Type, account: AccountState) =>
  Either.flatMap(Calendar.bookedOn(booking.bookedOn), () =>
    Either.map(amountOf("amount", booking.amount, account.decimals), (amount) => ({ ...booking, amount }))
  )

/** An amount of the account's currency, as text. */
export const show = ({ decimals }: AccountState, minor: bigint): string => Money.format({ minor, decimals })

const receipt = (account: AccountState, at: Place) => ({
  accountId: account.accountId,
  balance: show(account, account.balance),
  currency: account.currency,
  version: at.version,
  position: at.position
})

/** The hold that was placed is the last one. */
const holdReceipt = (account: AccountState, at: Place) => {
  const placed = account.holds.at(-1)
  return { ...receipt(account, at), ...(placed !== undefined && { holdId: placed.holdId }) }
}

type Behaviour = Aggregate.BehaviourOf<typeof Account>
type Events = ReadonlyArray<AccountEvent>

const one = (event: AccountEvent): Events => [event]

/** What open holds reserve, in minor units. */
export const held = ({ holds }: Pick<AccountState, "holds">): bigint =>
  holds.reduce((sum, { amount }) => sum + amount, 0n)

/** What may leave the account: the limit counts what is held. */
const available = (account: AccountState): bigint => account.balance + account.overdraftLimit - held(account)

/**
 * The account without the holds whose time has passed, and the events that say so. Each decision that depends on holds begins
 * here, so that none waits for the hold's timer, and a clock that jumps back brings none of them to life again.
 */
export const expire = (
  account: AccountState,
  now: number
): { readonly account: AccountState; readonly events: Events } => {
  const isOver = ({ expiresAt }: AccountState["holds"][number]) => expiresAt !== null && expiresAt <= now
  if (!account.holds.some(isOver)) return { account, events: [] }
  return {
    account: { ...account, holds: account.holds.filter((hold) => !isOver(hold)) },
    events: account.holds.filter(isOver).map(({ holdId }) => HoldExpired.make({ holdId }))
  }
}

const insufficient = (account: AccountState, accountId: string, requested: Money.Money) =>
  new InsufficientFunds({
    accountId,
    currency: account.currency,
    available: show(account, available(account)),
    requested: Money.format(requested)
  })

/** What a leg stores. `undefined` where the account has another currency, or one that has fewer decimals by now. */
const legOf = ({ amount, currency, reference, transferId }: typeof Leg.Type, account: AccountState) => {
  const minor = currency === account.currency ? Money.parse(amount, account.decimals) : Either.left("currency")
  if (Either.isLeft(minor)) return undefined
  return {
    transferId,
    amount: { minor: minor.right, decimals: account.decimals },
    ...(reference !== undefined && { reference })
  }
}

const withoutHold = (account: AccountState, { holdId }: { readonly holdId: string }): AccountState => ({
  ...account,
  holds: account.holds.filter((hold) => hold.holdId !== holdId)
})

/** Whether a transfer has ended. */
type HasEnded = (transferId: string) => Effect.Effect<boolean, ReadError>

/** Those of the transfers that have ended, and those of which the log cannot tell. */
const endsOf = (transferIds: ReadonlyArray<string>, hasEnded: HasEnded) =>
  Effect.map(
    Effect.partition(transferIds, (id) =>
      Effect.mapBoth(hasEnded(id), { onFailure: () => id, onSuccess: (isOver) => (isOver ? [id] : []) })
    ),
    ([untold, ended]) => ({ ended: ended.flat(), untold })
  )

type Decided<C extends keyof typeof refusals> = Either.Either<Events, (typeof refusals)[C]["Type"]>

/** At this many unsettled transfers, and at each multiple, the account asks which of them have ended. */
const settleEvery = 64

/** What an account does. `hasEnded` says whether the transfer of an open leg has come to its end. */
export const make = (hasEnded: HasEnded): Behaviour => ({
  decide: {
    Open: ({ currency, overdraftLimit = "0", owner }, account, { id: accountId }) => {
      if (account.status !== "none") return Either.left(new AccountExists({ accountId }))
      const decimals = Money.decimalsOf(currency)
      if (decimals === undefined) return Either.left(new UnknownCurrency({ currency }))
      return Either.map(amountOf("overdraftLimit", overdraftLimit, decimals), (limit) =>
        one(AccountOpened.make({ accountId, owner, currency, overdraftLimit: limit }))
      )
    },
    Deposit: (booking, state, { id }) =>
      Either.flatMap(usable(state, id), (account) =>
        Either.map(booked(booking, account), (fields) => one(Deposited.make(fields)))
      ),
    Withdraw: (booking, state, { id: accountId, now }) =>
      Either.flatMap(usable(state, accountId), (open) =>
        Either.flatMap(booked(booking, open), (fields) => {
          const { account, events } = expire(open, now)
          return fields.amount.minor <= available(account)
            ? Either.right([...events, Withdrawn.make(fields)])
            : Either.left(insufficient(account, accountId, fields.amount))
        })
      ),
    Close: (_, state, { id: accountId, now }) => {
      const closing = Either.gen(function* () {
        const { account, events } = expire(yield* usable(state, accountId), now)
        if (account.holds.length > 0) return yield* Either.left(new HoldOpen({ accountId }))
        return { account, events }
      })
      const ifEmpty = Either.flatMap(closing, ({ account, events }) => {
        const { balance, currency } = account
        if (balance === 0n) return Either.right([...events, AccountClosed.make({})])
        return Either.left(new BalanceNotZero({ accountId, currency, balance: show(account, balance) }))
      })
      if (Either.isLeft(closing) || state.unsettled.length === 0) return ifEmpty
      const { length } = state.unsettled
      return Effect.flatMap(endsOf(state.unsettled, hasEnded), ({ ended, untold }): Decided<"Close"> => {
        const [transferId] = untold
        if (ended.length + untold.length < length) return Either.left(new TransferPending({ accountId }))
        return transferId === undefined ? ifEmpty : Either.left(new TransfersUnreadable({ accountId, transferId }))
      })
    },
    Reserve: ({ amount, expiresAt, holdId, reference }, state, { id: accountId, now }) =>
      Either.gen(function* () {
        const { account, events } = expire(yield* usable(state, accountId), now)
        yield* Calendar.expiresAt(expiresAt, now)
        const reserved = yield* amountOf("amount", amount, account.decimals)
        if (account.holds.some((hold) => hold.holdId === holdId)) {
          return yield* Either.left(new HoldExists({ accountId, holdId }))
        }
        if (account.holds.length >= maxHolds) {
          return yield* Either.left(new TooManyHolds({ accountId, limit: maxHolds }))
        }
        if (reserved.minor > available(account)) {
          return yield* Either.left(insufficient(account, accountId, reserved))
        }
        const placed = HoldPlaced.make({
          holdId,
          amount: reserved,
          ...(reference !== undefined && { reference }),
          ...(expiresAt !== undefined && { expiresAt })
        })
        return [...events, placed]
      }),
    Capture: ({ amount: text, holdId }, state, { id: accountId, now }) =>
      Either.gen(function* () {
        const { account, events } = expire(yield* usable(state, accountId), now)
        const { decimals } = account
        const hold = account.holds.find((each) => each.holdId === holdId)
        if (hold === undefined) return yield* Either.left(new HoldNotFound({ accountId, holdId }))
        const amount = text === undefined ? { minor: hold.amount, decimals } : yield* amountOf("amount", text, decimals)
        if (amount.minor > hold.amount) return yield* Either.left(new HoldExceeded({ accountId, holdId }))
        return [...events, HoldCaptured.make({ holdId }), Withdrawn.make({ amount, reference: holdId })]
      }),
    Release: ({ holdId }, state, { id: accountId, now }) =>
      Either.flatMap(usable(state, accountId), (open) => {
        const { account, events } = expire(open, now)
        return account.holds.some((hold) => hold.holdId === holdId)
          ? Either.right([...events, HoldReleased.make({ holdId })])
          : Either.left(new HoldNotFound({ accountId, holdId }))
      }),
    // The timer has gone by the clock of its own process, which may be ahead of this one: it is not looked at again.
    ExpireHold: ({ expiresAt, holdId }, { holds }) => {
      const time = Date.parse(expiresAt)
      const isOpen = holds.some((hold) => hold.holdId === holdId && hold.expiresAt === time)
      return Either.right(isOpen ? one(HoldExpired.make({ holdId })) : [])
    },
    Debit: (leg, state, { id: accountId, now }) => {
      const refused = (reason: DebitRefused["reason"]) => Either.left(new DebitRefused({ accountId, reason }))
      if (state.status === "none") return refused("not-found")
      if (state.status === "closed") return refused("closed")
      if (state.unsettled.includes(leg.transferId)) return Either.right([])
      const fields = legOf(leg, state)
      if (fields === undefined) return refused("currency-mismatch")
      const { account, events } = expire(state, now)
      if (fields.amount.minor > available(account)) return refused("insufficient-funds")
      const debited = [...events, TransferDebited.make({ ...fields, to: leg.account })]
      const { unsettled } = account
      const isFull = unsettled.length >= maxUnsettled
      if (unsettled.length === 0 || (unsettled.length % settleEvery !== 0 && !isFull)) return Either.right(debited)
      return Effect.flatMap(endsOf(unsettled, hasEnded), ({ ended: transferIds, untold }): Decided<"Debit"> => {
        const [transferId] = untold
        if (transferIds.length > 0) return Either.right([TransfersSettled.make({ transferIds }), ...debited])
        if (!isFull) return Either.right(debited)
        // Any of them may have made room, and a refusal is kept.
        if (transferId !== undefined) return Either.left(new TransfersUnreadable({ accountId, transferId }))
        return refused("too-many-transfers")
      })
    },
    Credit: (leg, account, { id: accountId }) => {
      const refused = (reason: CreditRefused["reason"]) => Either.left(new CreditRefused({ accountId, reason }))
      if (account.status === "none") return refused("not-found")
      if (account.status === "closed") return refused("closed")
      const fields = legOf(leg, account)
      if (fields === undefined) return refused("currency-mismatch")
      return Either.right(one(TransferCredited.make({ ...fields, from: leg.account })))
    },
    Refund: (leg, account, { id: accountId }) => {
      const { transferId } = leg
      const fields = legOf(leg, account)
      return fields !== undefined && account.unsettled.includes(transferId)
        ? Either.right(one(TransferRefunded.make(fields)))
        : Either.left(new NothingToRefund({ accountId, transferId }))
    }
  },
  evolve: {
    AccountOpened: (_, { accountId, currency, overdraftLimit, owner }) => ({
      status: "open",
      accountId,
      owner,
      currency,
      decimals: overdraftLimit.decimals,
      balance: 0n,
      overdraftLimit: overdraftLimit.minor,
      holds: [],
      unsettled: []
    }),
    Deposited: (account, { amount }) => ({ ...account, balance: account.balance + amount.minor }),
    Withdrawn: (account, { amount }) => ({ ...account, balance: account.balance - amount.minor }),
    AccountClosed: (account) => ({ ...account, status: "closed", unsettled: [] }),
    TransferDebited: (account, { amount, transferId }) => ({
      ...account,
      balance: account.balance - amount.minor,
      unsettled: [...account.unsettled, transferId]
    }),
    TransferCredited: (account, { amount }) => ({ ...account, balance: account.balance + amount.minor }),
    TransferRefunded: (account, { amount, transferId }) => ({
      ...account,
      balance: account.balance + amount.minor,
      unsettled: account.unsettled.filter((each) => each !== transferId)
    }),
    TransfersSettled: (account, { transferIds }) => ({
      ...account,
      unsettled: account.unsettled.filter((each) => !transferIds.includes(each))
    }),
    HoldPlaced: (account, { amount, expiresAt, holdId }) => ({
      ...account,
      holds: [
        ...account.holds,
        { holdId, amount: amount.minor, expiresAt: expiresAt === undefined ? null : Date.parse(expiresAt) }
      ]
    }),
    HoldCaptured: withoutHold,
    HoldReleased: withoutHold,
    HoldExpired: withoutHold
  },
  reply: {
    Open: receipt,
    Deposit: receipt,
    Withdraw: receipt,
    Close: receipt,
    Reserve: holdReceipt,
    Capture: receipt,
    Release: receipt,
    ExpireHold: receipt,
    Debit: receipt,
    Credit: receipt,
    Refund: receipt
  }
})

/**
 * Without a log to ask: each transfer that was debited counts as under way. For tools that only fold, and for specs.
 */
export const behaviour: Behaviour = make(() => Effect.succeed(false))

/** Accounts on an actor system. */
export const layer: Layer.Layer<Aggregate.Service<"Account">, never, ActorSystem> = Account.toLayer(
  Effect.map(ActorSystem, ({ store }) => make(hasEnded(store)))
)
