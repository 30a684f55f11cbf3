/** What happens to a transfer, apart from its legs on the two accounts. Add versions, never edit one. */
import { Schema } from "effect"
import * as Event from "../../core/Event.ts"
import * as Money from "../account/Money.ts"

export const TransferRequested = Event.make("TransferRequested", {
  transferId: Schema.String,
  from: Schema.String,
  to: Schema.String,
  currency: Schema.String,
  amount: Money.Stored,
  reference: Schema.optionalWith(Schema.String, { exact: true })
})
/** The source has paid: from now on the transfer ends completed or refunded. */
export const SourceDebited = Event.make("SourceDebited", {})
/** The target has the money. */
export const TransferCompleted = Event.make("TransferCompleted", {})
/** The source did not pay. */
export const TransferRefused = Event.make("TransferRefused", { reason: Schema.String })
/** The target did not take the money, and it is to go back; unless it turns out that the target has it after all. */
export const RefundRequested = Event.make("RefundRequested", { reason: Schema.String })
/** The source has its money back, all of it. */
export const SourceRefunded = Event.make("SourceRefunded", {})

export const events = [
  TransferRequested,
  SourceDebited,
  TransferCompleted,
  TransferRefused,
  RefundRequested,
  SourceRefunded
]
export type TransferEvent = Event.Of<(typeof events)[number]>
