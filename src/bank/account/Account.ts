/** `Account` is the contract of a bank account: its commands, answers and errors. What it does is in `AccountBehaviour.ts`. */
import { Rpc } from "@effect/rpc"
import { Schema } from "effect"
import * as Aggregate from "../../core/Aggregate.ts"
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
  InvalidTime,
  NothingToRefund,
  TooManyHolds,
  TransferPending,
  UnknownCurrency
} from "./AccountError.ts"
import { events } from "./AccountEvents.ts"
import { AccountId, Booking, Capture, HoldId, HoldReceipt, Leg, Opening, Receipt, Reservation } from "./AccountTerms.ts"

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
    Rpc.make("Deposit", {
      payload: Booking,
      success: Receipt,
      error: Schema.Union(...usable, InvalidAmount, InvalidTime)
    }),
    Rpc.make("Withdraw", {
      payload: Booking,
      success: Receipt,
      error: Schema.Union(...usable, InvalidAmount, InvalidTime, InsufficientFunds)
    }),
    Rpc.make("Close", {
      success: Receipt,
      error: Schema.Union(...usable, BalanceNotZero, TransferPending, HoldOpen)
    }),
    Rpc.make("Reserve", {
      payload: Reservation,
      success: HoldReceipt,
      error: Schema.Union(...usable, InvalidAmount, InvalidTime, InsufficientFunds, HoldExists, TooManyHolds)
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
  transientErrors: [
    "AccountNotFound",
    "InvalidAmount",
    "InvalidTime",
    "UnknownCurrency",
    "HoldNotFound",
    "CreditRefused",
    "NothingToRefund"
  ]
}) {}
