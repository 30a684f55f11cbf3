/** A statement of an account over HTTP, as clients see it. The contract has it, so it loads no behaviour. */
import { Schema } from "effect"

const Line = Schema.Struct({
  version: Schema.Int,
  position: Schema.Int,
  day: Schema.String,
  recordedAt: Schema.String,
  type: Schema.String,
  amount: Schema.String.annotations({ description: "what it added to the balance, with a sign where it took" }),
  balance: Schema.String,
  reference: Schema.NullOr(Schema.String),
  transferId: Schema.NullOr(Schema.String),
  other: Schema.NullOr(Schema.String).annotations({ description: "the account at the other end of a transfer" }),
  commandId: Schema.String
}).annotations({ identifier: "StatementLine" })

const example = {
  accountId: "anna",
  owner: "Anna Liddell",
  currency: "EUR",
  from: "2026-01-01",
  to: "2026-01-31",
  openingBalance: "0.00",
  closingBalance: "12.50",
  added: "12.50",
  taken: "0.00",
  lines: [
    {
      version: 2,
      position: 2,
      day: "2026-01-31",
      recordedAt: "2026-02-01T08:00:00.000Z",
      type: "Deposited",
      amount: "12.50",
      balance: "12.50",
      reference: "invoice 7",
      transferId: null,
      other: null,
      commandId: "invoice-7"
    }
  ],
  next: null,
  holds: []
}

export const StatementView = Schema.Struct({
  accountId: Schema.String,
  owner: Schema.String,
  currency: Schema.String,
  from: Schema.NullOr(Schema.String),
  to: Schema.NullOr(Schema.String),
  openingBalance: Schema.String,
  closingBalance: Schema.String,
  added: Schema.String,
  taken: Schema.String,
  lines: Schema.Array(Line),
  next: Schema.NullOr(Schema.Int),
  holds: Schema.Array(Schema.Struct({ holdId: Schema.String, amount: Schema.String }))
}).annotations({
  identifier: "Statement",
  description:
    "What was booked from one day to another, both included. A line belongs to its `bookedOn`, or else to the day on which it was recorded, and the opening balance is that of all earlier days: statements of periods in a row chain. `next` is the next `after`, null at the end; balances and sums are of the whole period on each page.",
  examples: [example]
})
