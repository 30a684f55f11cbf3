/**
 * `AccountSchemas` are what requests and answers of accounts and transfers are made of. It needs nothing that a browser has not, so
 * that a client may share it.
 */
import { Schema } from "effect"
import * as StoredForm from "../../core/StoredForm.ts"
import { amountPattern, shortest } from "./Money.ts"

const optional = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { exact: true })

const idPattern = /^[A-Za-z0-9._-]{1,64}$/

export const AccountId = Schema.String.pipe(Schema.pattern(idPattern), Schema.brand("AccountId"))
export type AccountId = typeof AccountId.Type
export const TransferId = Schema.String.pipe(Schema.pattern(idPattern), Schema.brand("TransferId"))
export type TransferId = typeof TransferId.Type
export const HoldId = Schema.String.pipe(Schema.pattern(idPattern), Schema.brand("HoldId"))
export type HoldId = typeof HoldId.Type

/** Without U+0000 and halves of characters, which not every database keeps. */
export const Owner = Schema.String.pipe(
  Schema.minLength(1),
  Schema.maxLength(200),
  Schema.filter((text) => text.isWellFormed() && !text.includes("\0"), {
    message: () => "holds U+0000 or half of a character"
  })
)
export const Currency = Schema.String.pipe(Schema.pattern(/^[A-Z]{3}$/))
/**
 * Decimal text in the account's currency, such as `12.50`; whether its decimals fit, the account decides. `12.5` says the same.
 */
export const Amount = Schema.String.pipe(
  Schema.pattern(amountPattern),
  Schema.filter((text) => /[1-9]/.test(text), { message: () => "an amount is more than zero" }),
  StoredForm.identifiedBy(shortest)
)
export const OverdraftLimit = Schema.String.pipe(Schema.pattern(amountPattern), StoredForm.identifiedBy(shortest))
export const Reference = Schema.String.pipe(Schema.maxLength(500))
/** A day of the calendar, `YYYY-MM-DD`. */
export const BookedOn = Schema.String.pipe(
  Schema.pattern(/^\d{4}-\d{2}-\d{2}$/),
  Schema.filter(
    (text) => {
      const day = new Date(`${text}T00:00:00Z`)
      return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text)
    },
    { message: () => "is not a day of the calendar" }
  )
)

/** A time of RFC 3339 in UTC. */
export const Time = Schema.String.pipe(
  Schema.filter(
    (text) => /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z$/.test(text) && !Number.isNaN(Date.parse(text)),
    { message: () => "is a time of RFC 3339 in UTC, such as 2026-01-31T12:00:00Z", jsonSchema: { format: "date-time" } }
  ),
  // Zeros behind the point say nothing.
  StoredForm.identifiedBy((text) => text.replace(/\.(\d*?)0*Z$/, (_, digits) => (digits === "" ? "Z" : `.${digits}Z`)))
)

/** The answer to every command: the account after it. `balance` has exactly the currency's decimals. */
export const Receipt = Schema.Struct({
  accountId: Schema.String,
  balance: Schema.String,
  currency: Schema.String,
  version: Schema.Int,
  position: Schema.Int
})
/** The answer to a reservation. Those that were kept before version 2 did not say which hold they placed. */
export const HoldReceipt = StoredForm.make(Receipt.fields).next(
  { ...Receipt.fields, holdId: optional(Schema.String) },
  (receipt) => receipt
)

export const Opening = Schema.Struct({
  owner: Owner,
  currency: Currency,
  overdraftLimit: optional(OverdraftLimit)
})
export const Booking = Schema.Struct({
  amount: Amount,
  reference: optional(Reference),
  bookedOn: optional(BookedOn)
})

/** What is to be reserved. At `expiresAt` the hold ends by itself; default: never. */
export const Reservation = Schema.Struct({
  holdId: HoldId,
  amount: Amount,
  reference: optional(Reference),
  expiresAt: optional(Time)
})
/** What is taken of a hold; the rest of it is released. Default: all of it. */
export const Capture = Schema.Struct({ holdId: HoldId, amount: optional(Amount) })

/** The hold that is to end, as it was placed: one of the same id that was placed later has another time. */
export const Expiry = Schema.Struct({ holdId: HoldId, expiresAt: Time })

/** One side of a transfer, `amount` in `currency`, `account` the other side. */
export const Leg = Schema.Struct({
  transferId: TransferId,
  account: AccountId,
  currency: Currency,
  amount: Amount,
  reference: optional(Reference)
})

/** Why money goes back. Reasons of a source are here because the stored form has them: where it refuses, nothing was taken. */
export const RefundReason = Schema.Literal(
  "insufficient-funds",
  "source-not-found",
  "source-closed",
  "source-currency-mismatch",
  "target-not-found",
  "target-closed",
  "currency-mismatch",
  /** The target did not answer in time, or an operator gave it up. */
  "target-unavailable"
)
export type RefundReason = typeof RefundReason.Type

/** Why no money changed hands. Those of the source before anything was taken, those of the target after all was given back. */
export const Reason = Schema.Literal(
  ...RefundReason.literals,
  /** As many transfers as may be are under way from the source. */
  "too-many-transfers"
)
export type Reason = typeof Reason.Type

/** What a transfer is told when its source refuses. Version 1 is from before transfers under way were bounded. */
export const Refused = StoredForm.make({ reason: RefundReason }).next({ reason: Reason }, (v1) => v1)

/** An order of money from one account to another. */
export const Request = Schema.Struct({
  from: AccountId,
  to: AccountId,
  /** That of the source, in which the amount is. */
  currency: Currency,
  amount: Amount,
  reference: optional(Reference)
})

/** A transfer as clients see it. */
export const TransferView = Schema.Struct({
  transferId: Schema.String,
  from: Schema.String,
  to: Schema.String,
  amount: Schema.String,
  status: Schema.Literal("pending", "completed", "refused"),
  reason: optional(Schema.String)
})
export type TransferView = typeof TransferView.Type
