/** What happens to an account. Old versions of these events stay readable for ever: add versions, never edit one. */
import { Schema } from "effect"
import * as Event from "../core/Event.ts"
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

export const events = [AccountOpened, Deposited, Withdrawn, AccountClosed]
export type AccountEvent = Event.Of<(typeof events)[number]>
