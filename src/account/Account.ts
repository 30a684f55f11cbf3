/** `Account` is the contract of a bank account: its commands, answers and errors. What it does is in `AccountBehaviour.ts`. */
import { Rpc } from "@effect/rpc"
import { Schema } from "effect"
import * as Aggregate from "../core/Aggregate.ts"
import {
  AccountExists,
  AccountIsClosed,
  AccountNotFound,
  BalanceNotZero,
  InsufficientFunds,
  InvalidAmount,
  UnknownCurrency
} from "./AccountError.ts"
import { events } from "./AccountEvents.ts"
import { amountPattern } from "./Money.ts"

export const AccountId = Schema.String.pipe(Schema.pattern(/^[A-Za-z0-9._-]{1,64}$/), Schema.brand("AccountId"))
export type AccountId = typeof AccountId.Type

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

export const AccountState = Schema.Struct({
  /** `none` before it was opened. */
  status: Schema.Literal("none", "open", "closed"),
  accountId: Schema.String,
  owner: Schema.String,
  currency: Schema.String,
  decimals: Schema.Int,
  /** Minor units; negative down to the overdraft limit. */
  balance: Schema.BigInt,
  overdraftLimit: Schema.BigInt
})
export type AccountState = typeof AccountState.Type

const usable = [AccountNotFound, AccountIsClosed] as const

export class Account extends Aggregate.make("Account", {
  id: AccountId,
  state: AccountState,
  initial: { status: "none", accountId: "", owner: "", currency: "", decimals: 0, balance: 0n, overdraftLimit: 0n },
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
    Rpc.make("Close", { success: Receipt, error: Schema.Union(...usable, BalanceNotZero) })
  ],
  // Mistakes in the request, and an account that may yet be opened: the same command may fare better later.
  unkept: ["AccountNotFound", "InvalidAmount", "UnknownCurrency"]
}) {}
