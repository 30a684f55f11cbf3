/** `Account` is the contract of a bank account: its commands, answers and errors. What it does is in `AccountBehaviour.ts`. */
import * as Rpc from "@effect/rpc/Rpc"
import { Schema } from "effect"
import * as Aggregate from "../../core/Aggregate.ts"
import { refusals, transientErrors } from "./AccountError.ts"
import { events } from "./AccountEvents.ts"
import {
  AccountId,
  Booking,
  Capture,
  Expiry,
  HoldId,
  HoldReceipt,
  Leg,
  Opening,
  Receipt,
  Reservation
} from "./AccountSchemas.ts"

/** Most open holds of one account: its state holds them all. */
export const maxHolds = 100

/**
 * Most transfers from one account that were debited and have not ended: its state holds their ids. 16 times the number at which it
 * first looks which of them have ended, so that a refusal is rare; its cost, a look at each, is bounded.
 */
export const maxUnsettled = 1_024

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

/** A bank account: its contract. What it decides is in `AccountBehaviour.ts`. */
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
    Rpc.make("Open", { payload: Opening, success: Receipt, error: refusals.Open }),
    Rpc.make("Deposit", { payload: Booking, success: Receipt, error: refusals.Deposit }),
    Rpc.make("Withdraw", { payload: Booking, success: Receipt, error: refusals.Withdraw }),
    Rpc.make("Close", { success: Receipt, error: refusals.Close }),
    Rpc.make("Reserve", { payload: Reservation, success: HoldReceipt, error: refusals.Reserve }),
    Rpc.make("Capture", { payload: Capture, success: Receipt, error: refusals.Capture }),
    Rpc.make("Release", { payload: Schema.Struct({ holdId: HoldId }), success: Receipt, error: refusals.Release }),
    // Sent by the timer of `HoldProcess`.
    Rpc.make("ExpireHold", { payload: Expiry, success: Receipt }),
    // The legs of a transfer. `TransferProcess.ts` sends them; other code that does must keep to its order and its ids.
    Rpc.make("Debit", { payload: Leg, success: Receipt, error: refusals.Debit }),
    Rpc.make("Credit", { payload: Leg, success: Receipt, error: refusals.Credit }),
    Rpc.make("Refund", { payload: Leg, success: Receipt, error: refusals.Refund })
  ],
  transientErrors
}) {}
