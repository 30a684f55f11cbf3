/**
 * `Transfer` is the contract of a transfer between two accounts. Its stream tells how far it has come; the money is on
 * the accounts. What it does is in `TransferBehaviour.ts`, what drives it in `TransferProcess.ts`; clients use
 * `Transfers.ts`.
 */
import * as Rpc from "@effect/rpc/Rpc"
import { Schema } from "effect"
import * as Aggregate from "../../core/Aggregate.ts"
import { InvalidAmount, UnknownCurrency } from "../account/AccountError.ts"
import { RefundReason, Refused, Request, TransferId, TransferView } from "../account/AccountSchemas.ts"
import { SameAccount, TransferExists, TransferNotFound, UnexpectedStep } from "./TransferError.ts"
import { events } from "./TransferEvents.ts"

/** `requested`, `debited` and `refunding` are under way; after the others comes nothing. */
export const Status = Schema.Literal("none", "requested", "debited", "refunding", "completed", "refused")

export const TransferState = Schema.Struct({
  status: Status,
  transferId: Schema.String,
  from: Schema.String,
  to: Schema.String,
  currency: Schema.String,
  decimals: Schema.Int,
  /** Minor units. */
  amount: Schema.BigInt,
  reason: Schema.NullOr(Schema.String)
})
export type TransferState = typeof TransferState.Type

const step = { success: TransferView, error: Schema.Union(TransferNotFound, UnexpectedStep) }

/** A transfer between two accounts: its contract. `TransferProcess.ts` brings it to its end. */
export class Transfer extends Aggregate.make("Transfer", {
  id: TransferId,
  state: TransferState,
  initial: {
    status: "none",
    transferId: "",
    from: "",
    to: "",
    currency: "",
    decimals: 0,
    amount: 0n,
    reason: null
  },
  events,
  commands: [
    Rpc.make("Request", {
      payload: Request,
      success: TransferView,
      error: Schema.Union(TransferExists, SameAccount, InvalidAmount, UnknownCurrency)
    }),
    // What the process has seen on the accounts. Each may come again, and then changes nothing.
    Rpc.make("NoteDebit", step),
    Rpc.make("Complete", step),
    Rpc.make("Refuse", { ...step, payload: Refused }),
    Rpc.make("RequestRefund", { ...step, payload: { reason: RefundReason } }),
    Rpc.make("NoteRefund", step)
  ],
  transientErrors: ["SameAccount", "InvalidAmount", "UnknownCurrency", "TransferNotFound", "UnexpectedStep"]
}) {}
