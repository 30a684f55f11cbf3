/**
 * `AccountBodies` are the bodies of requests to the account service and of its answers, as schemas with the names and
 * examples that the OpenAPI document shows. `AccountsApi.ts` has the endpoints that take and give them.
 */
import { Schema } from "effect"
import { inPath, optional, strict } from "../../http/ApiParts.ts"
import * as Schemas from "../account/AccountSchemas.ts"
import * as Calendar from "../account/Calendar.ts"

/** The ids as they may stand in a path. */
export const AccountId = inPath(Schemas.AccountId)
export const HoldId = inPath(Schemas.HoldId)
export const TransferId = inPath(Schemas.TransferId)

/** A moment that exists. */
export const Moment = Schemas.Time.pipe(Schema.filter(Calendar.exists, { message: () => "is not a time that exists" }))

export const OpenBody = Schema.Struct({
  accountId: optional(AccountId),
  ...Schemas.Opening.fields
}).annotations({
  ...strict,
  identifier: "Opening",
  examples: [
    { accountId: "anna" as Schemas.AccountId, owner: "Anna Liddell", currency: "EUR", overdraftLimit: "100.00" }
  ]
})
export const BookingBody = Schemas.Booking.annotations({
  ...strict,
  identifier: "Booking",
  examples: [{ amount: "12.50", reference: "invoice 7", bookedOn: "2026-01-31" }]
})
export const Receipt = Schema.Struct({ ...Schemas.Receipt.fields, commandId: Schema.String }).annotations({
  identifier: "Receipt",
  description: "The account after the command. `version` is the one that the command produced.",
  examples: [
    { accountId: "anna", balance: "12.50", currency: "EUR", version: 2, position: 2, commandId: "3a1f6c1e-deposit-1" }
  ]
})
export type Receipt = typeof Receipt.Type
export const HoldReceipt = Schema.Struct({
  ...Receipt.fields,
  holdId: optional(Schema.String)
}).annotations({
  identifier: "HoldReceipt",
  description:
    "The account after the hold was placed. An answer that an earlier release kept comes again without `holdId`.",
  examples: [
    {
      accountId: "anna",
      balance: "12.50",
      currency: "EUR",
      version: 3,
      position: 3,
      commandId: "3a1f6c1e-hold-1",
      holdId: "order-7"
    }
  ]
})

const { holdId: _, ...reserved } = Schemas.Reservation.fields
export const HoldBody = Schema.Struct({ holdId: optional(HoldId), ...reserved }).annotations({
  ...strict,
  identifier: "Hold",
  examples: [
    { holdId: "order-7" as Schemas.HoldId, amount: "12.50", reference: "order 7", expiresAt: "2150-01-31T12:00:00Z" }
  ]
})
export const HoldView = Schema.Struct({
  holdId: Schema.String,
  amount: Schema.String,
  expiresAt: optional(Schema.String)
}).annotations({
  identifier: "OpenHold",
  description: "A hold that is open. Without `expiresAt` it stays until it is captured or released.",
  examples: [{ holdId: "order-7", amount: "12.50", expiresAt: "2026-01-31T12:00:00.000Z" }]
})
export type HoldView = typeof HoldView.Type
export const HoldList = Schema.Struct({ holds: Schema.Array(HoldView) }).annotations({
  identifier: "OpenHolds",
  description: "At most 100, in the order in which they were placed.",
  examples: [{ holds: [{ holdId: "order-7", amount: "12.50", expiresAt: "2026-01-31T12:00:00.000Z" }] }]
})

export const CaptureBody = Schema.Struct({ amount: optional(Schemas.Amount) }).annotations({
  ...strict,
  identifier: "Capture",
  description: "How much to take of what the hold reserves; the rest of it is released. Default: all of it.",
  examples: [{ amount: "10.00" }]
})

const { currency: __, ...ordered } = Schemas.Request.fields
export const TransferBody = Schema.Struct({
  transferId: optional(TransferId),
  ...ordered,
  from: AccountId,
  to: AccountId
}).annotations({
  ...strict,
  identifier: "TransferRequest",
  examples: [{ from: "anna" as Schemas.AccountId, to: "bert" as Schemas.AccountId, amount: "5.00", reference: "rent" }]
})
export const TransferView = Schemas.TransferView.annotations({
  identifier: "Transfer",
  description: "While it is pending, the money may be with neither account; refused, it is all with the source.",
  examples: [{ transferId: "rent-7", from: "anna", to: "bert", amount: "5.00", status: "completed" }]
})

export const AccountView = Schema.Struct({
  accountId: Schema.String,
  owner: Schema.String,
  currency: Schema.String,
  balance: Schema.String,
  availableBalance: optional(Schema.String).annotations({
    description: "While holds are open: the balance without what they reserve."
  }),
  overdraftLimit: Schema.String,
  status: Schema.Literal("open", "closed"),
  version: Schema.Int
}).annotations({
  identifier: "Account",
  examples: [
    {
      accountId: "anna",
      owner: "Anna Liddell",
      currency: "EUR",
      balance: "12.50",
      overdraftLimit: "100.00",
      status: "open",
      version: 2
    }
  ]
})
export type AccountView = typeof AccountView.Type

const summed = {
  accountId: "anna",
  totalDeposits: "12.50",
  totalWithdrawals: "0.00",
  currentBalance: "12.50",
  transactionCount: 1
}
const row = { ...summed, owner: "Anna Liddell", currency: "EUR", status: "open" } as const

const totals = {
  accountId: Schema.String,
  totalDeposits: Schema.String,
  totalWithdrawals: Schema.String,
  currentBalance: Schema.String,
  transactionCount: Schema.Int
}
export const Summary = Schema.Struct({ ...totals, position: Schema.Int }).annotations({
  identifier: "Summary",
  description: "The read model; `position` is how far it has read the log.",
  examples: [{ ...summed, position: 2 }]
})
export const AccountRow = Schema.Struct({
  ...totals,
  owner: Schema.String,
  currency: Schema.String,
  status: Schema.Literal("open", "closed")
}).annotations({ identifier: "AccountRow", examples: [row] })
export const AccountPage = Schema.Struct({
  accounts: Schema.Array(AccountRow),
  nextCursor: Schema.NullOr(Schema.String)
}).annotations({ identifier: "AccountPage", examples: [{ accounts: [row], nextCursor: null }] })
