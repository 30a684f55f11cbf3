/** `Account` is the contract of a bank account: its commands, answers and errors. What it does is in `AccountBehaviour.ts`. */
import { Rpc } from "@effect/rpc"
import { Schema } from "effect"
import * as Aggregate from "../core/Aggregate.ts"
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
  TooManyHolds,
  TransferPending,
  UnknownCurrency
} from "./AccountError.ts"
import { events } from "./AccountEvents.ts"
import { amountPattern } from "./Money.ts"

const idPattern = /^[A-Za-z0-9._-]{1,64}$/

export const AccountId = Schema.String.pipe(Schema.pattern(idPattern), Schema.brand("AccountId"))
export type AccountId = typeof AccountId.Type
export const TransferId = Schema.String.pipe(Schema.pattern(idPattern), Schema.brand("TransferId"))
export type TransferId = typeof TransferId.Type
export const HoldId = Schema.String.pipe(Schema.pattern(idPattern), Schema.brand("HoldId"))
export type HoldId = typeof HoldId.Type

export const Owner = Schema.String.pipe(Schema.minLength(1), Schema.maxLength(200))
export const Currency = Schema.String.pipe(Schema.pattern(/^[A-Z]{3}$/))
/** Decimal text in the account's currency, such as `12.50`; whether its decimals fit, the account decides. */
export const Amount = Schema.String.pipe(
  Schema.pattern(amountPattern),
  Schema.filter((text) => /[1-9]/.test(text), { message: () => "an amount is more than zero" })
)
export const OverdraftLimit = Schema.String.pipe(Schema.pattern(amountPattern))
export const Reference = Schema.String.pipe(Schema.maxLength(500))
/** A day of the calendar, `YYYY-MM-DD`. */
export const BookedOn = Schema.String.pipe(
  Schema.pattern(/^\d{4}-\d{2}-\d{2}$/),
  Schema.filter(
    (text) => {
      const day = new Date(`${text}T00:00:00Z`)
      return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text)
    },
    { message: () => "is no day of the calendar" }
  )
)

/** A time of RFC 3339 in UTC. */
export const Time = Schema.String.pipe(
  Schema.filter(
    (text) => /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z$/.test(text) && !Number.isNaN(Date.parse(text)),
    { message: () => "is a time of RFC 3339 in UTC, such as 2026-01-31T12:00:00Z", jsonSchema: { format: "date-time" } }
  )
)

/** The answer to every command: the account after it. `balance` has exactly the currency's decimals. */
export const Receipt = Schema.Struct({
  accountId: Schema.String,
  balance: Schema.String,
  currency: Schema.String,
  version: Schema.Int,
  position: Schema.Int
})

export const Opening = Schema.Struct({
  owner: Owner,
  currency: Currency,
  overdraftLimit: Schema.optionalWith(OverdraftLimit, { exact: true })
})
export const Booking = Schema.Struct({
  amount: Amount,
  reference: Schema.optionalWith(Reference, { exact: true }),
  bookedOn: Schema.optionalWith(BookedOn, { exact: true })
})

const optional = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { exact: true })

/** What is to be reserved. At `expiresAt` the hold ends by itself; default: never. */
export const Reservation = Schema.Struct({
  holdId: HoldId,
  amount: Amount,
  reference: optional(Reference),
  expiresAt: optional(Time)
})
/** What is taken of a hold; the rest of it is released. Default: all of it. */
export const Capture = Schema.Struct({ holdId: HoldId, amount: optional(Amount) })

/** One side of a transfer, `amount` in `currency`, `account` the other side. */
export const Leg = Schema.Struct({
  transferId: TransferId,
  account: AccountId,
  currency: Currency,
  amount: Amount,
  reference: optional(Reference)
})

/** Most open holds of one account: its state holds them all. */
export const maxHolds = 100

export const AccountState = Schema.Struct({
  /** `none` before it was opened. */
  status: Schema.Literal("none", "open", "closed"),
  accountId: Schema.String,
  owner: Schema.String,
  currency: Schema.String,
  decimals: Schema.Int,
  /** Minor units; negative down to the overdraft limit. */
  balance: Schema.BigInt,
  overdraftLimit: Schema.BigInt,
  /** Those that are open, and those that have expired since somebody last looked. */
  holds: Schema.Array(
    Schema.Struct({
      holdId: Schema.String,
      /** Minor units. */
      amount: Schema.BigInt,
      /** Milliseconds since 1970-01-01 UTC; null: never. */
      expiresAt: Schema.NullOr(Schema.Int)
    })
  ),
  /** Transfers that were debited, and that the account does not know to have ended. */
  unsettled: Schema.Array(Schema.String)
})
export type AccountState = typeof AccountState.Type

const usable = [AccountNotFound, AccountIsClosed] as const

export class Account extends Aggregate.make("Account", {
  id: AccountId,
  state: AccountState,
  initial: {
    status: "none",
    accountId: "",
    owner: "",
    currency: "",
    decimals: 0,
    balance: 0n,
    overdraftLimit: 0n,
    holds: [],
    unsettled: []
  },
  events,
  commands: [
    Rpc.make("Open", {
      payload: Opening,
      success: Receipt,
      error: Schema.Union(AccountExists, InvalidAmount, UnknownCurrency)
    }),
    Rpc.make("Deposit", { payload: Booking, success: Receipt, error: Schema.Union(...usable, InvalidAmount) }),
    Rpc.make("Withdraw", {
      payload: Booking,
      success: Receipt,
      error: Schema.Union(...usable, InvalidAmount, InsufficientFunds)
    }),
    Rpc.make("Close", {
      success: Receipt,
      error: Schema.Union(...usable, BalanceNotZero, TransferPending, HoldOpen)
    }),
    Rpc.make("Reserve", {
      payload: Reservation,
      success: Receipt,
      error: Schema.Union(...usable, InvalidAmount, InsufficientFunds, HoldExists, TooManyHolds)
    }),
    Rpc.make("Capture", {
      payload: Capture,
      success: Receipt,
      error: Schema.Union(...usable, InvalidAmount, HoldNotFound, HoldExceeded)
    }),
    Rpc.make("Release", {
      payload: Schema.Struct({ holdId: HoldId }),
      success: Receipt,
      error: Schema.Union(...usable, HoldNotFound)
    }),
    // The legs of a transfer. `TransferProcess.ts` sends them; whoever else does must keep to its order and its ids.
    Rpc.make("Debit", { payload: Leg, success: Receipt, error: DebitRefused }),
    Rpc.make("Credit", { payload: Leg, success: Receipt, error: CreditRefused }),
    Rpc.make("Refund", { payload: Leg, success: Receipt, error: NothingToRefund })
  ],
  // Mistakes in the request, and what may yet be opened: the same command may fare better later.
  unkept: ["AccountNotFound", "InvalidAmount", "UnknownCurrency", "HoldNotFound", "CreditRefused", "NothingToRefund"]
}) {}
