/** What an account does: which events a command leads to, and how they change it. Plain functions, without effects. */
import { Either, type Layer } from "effect"
import type { ActorSystem, Place } from "../core/ActorSystem.ts"
import type * as Aggregate from "../core/Aggregate.ts"
import { Account, type AccountState, type Booking } from "./Account.ts"
import {
  AccountExists,
  AccountIsClosed,
  AccountNotFound,
  BalanceNotZero,
  InsufficientFunds,
  InvalidAmount,
  UnknownCurrency
} from "./AccountError.ts"
import { AccountClosed, type AccountEvent, AccountOpened, Deposited, Withdrawn } from "./AccountEvents.ts"
import * as Money from "./Money.ts"

const amountOf = (field: string, text: string, decimals: number): Either.Either<Money.Money, InvalidAmount> =>
  Either.mapBoth(Money.parse(text, decimals), {
    onLeft: (misfit) => {
      const reason = misfit === "malformed" ? "is no amount" : `has more than the ${decimals} decimals of the currency`
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
  Either.map(amountOf("amount", booking.amount, account.decimals), (amount) => ({ ...booking, amount }))

/** An amount of the account's currency, as text. */
export const show = ({ decimals }: AccountState, minor: bigint): string => Money.format({ minor, decimals })

const receipt = (account: AccountState, at: Place) => ({
  accountId: account.accountId,
  balance: show(account, account.balance),
  currency: account.currency,
  version: at.version,
  position: at.position
})

type Behaviour = Parameters<typeof Account.define>[0]

const one = (event: AccountEvent): ReadonlyArray<AccountEvent> => [event]

export const behaviour: Behaviour = {
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
    Withdraw: (booking, state, { id: accountId }) =>
      Either.flatMap(usable(state, accountId), (account) =>
        Either.flatMap(booked(booking, account), (fields) => {
          const available = account.balance + account.overdraftLimit
          if (fields.amount.minor <= available) return Either.right(one(Withdrawn.make(fields)))
          return Either.left(
            new InsufficientFunds({
              accountId,
              currency: account.currency,
              available: show(account, available),
              requested: Money.format(fields.amount)
            })
          )
        })
      ),
    Close: (_, state, { id: accountId }) =>
      Either.flatMap(usable(state, accountId), (account) => {
        if (account.balance === 0n) return Either.right(one(AccountClosed.make({})))
        const { balance, currency } = account
        return Either.left(new BalanceNotZero({ accountId, currency, balance: show(account, balance) }))
      })
  },
  evolve: {
    AccountOpened: (_, { accountId, currency, overdraftLimit, owner }) => ({
      status: "open",
      accountId,
      owner,
      currency,
      decimals: overdraftLimit.decimals,
      balance: 0n,
      overdraftLimit: overdraftLimit.minor
    }),
    Deposited: (account, { amount }) => ({ ...account, balance: account.balance + amount.minor }),
    Withdrawn: (account, { amount }) => ({ ...account, balance: account.balance - amount.minor }),
    AccountClosed: (account) => ({ ...account, status: "closed" })
  },
  reply: { Open: receipt, Deposit: receipt, Withdraw: receipt, Close: receipt }
}

/** Accounts on an actor system. */
export const layer: Layer.Layer<Aggregate.Service<"Account">, never, ActorSystem> = Account.toLayer(behaviour)
