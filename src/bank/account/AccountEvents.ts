/** What happens to an account. Old versions of these events stay readable for ever: add versions, never edit one. */
import { Schema } from "effect"
import * as Event from "../../core/Event.ts"
import * as Money from "./Money.ts"

/** The day on which the bank booked it, `YYYY-MM-DD`; an event's `recordedAt` is when Daybook stored it. */
const booking = {
  amount: Money.Stored,
  reference: Schema.optionalWith(Schema.String, { exact: true }),
  bookedOn: Schema.optionalWith(Schema.String, { exact: true })
}

export const AccountOpened = Event.make("AccountOpened", {
  accountId: Schema.String,
  owner: Schema.String,
  currency: Schema.String,
  overdraftLimit: Money.Stored
})
export const Deposited = Event.make("Deposited", booking)
export const Withdrawn = Event.make("Withdrawn", booking)
export const AccountClosed = Event.make("AccountClosed", {})

/** A leg of a transfer: what one of its two accounts knows of it. */
const leg = {
  transferId: Schema.String,
  amount: Money.Stored,
  reference: Schema.optionalWith(Schema.String, { exact: true })
}

export const TransferDebited = Event.make("TransferDebited", { ...leg, to: Schema.String })
export const TransferCredited = Event.make("TransferCredited", { ...leg, from: Schema.String })
/** The whole of what was debited, back on the account it came from. */
export const TransferRefunded = Event.make("TransferRefunded", leg)
/**
 * The account learns that these transfers, debited before, have ended. Stored now and then, so that its state stays
 * small.
 */
export const TransfersSettled = Event.make("TransfersSettled", { transferIds: Schema.Array(Schema.String) })

export const HoldPlaced = Event.make("HoldPlaced", {
  holdId: Schema.String,
  amount: Money.Stored,
  reference: Schema.optionalWith(Schema.String, { exact: true }),
  /** RFC 3339 in UTC. */
  expiresAt: Schema.optionalWith(Schema.String, { exact: true })
})
/** Ends the hold, all of it. The money that was taken is in the `Withdrawn` that follows. */
export const HoldCaptured = Event.make("HoldCaptured", { holdId: Schema.String })
export const HoldReleased = Event.make("HoldReleased", { holdId: Schema.String })
/** Its time had passed: its timer fired, or the account was asked for something that depends on it. */
export const HoldExpired = Event.make("HoldExpired", { holdId: Schema.String })

export const events = [
  AccountOpened,
  Deposited,
  Withdrawn,
  AccountClosed,
  TransferDebited,
  TransferCredited,
  TransferRefunded,
  TransfersSettled,
  HoldPlaced,
  HoldCaptured,
  HoldReleased,
  HoldExpired
]
export type AccountEvent = Event.Of<(typeof events)[number]>
