/**
 * `AccountsApi` is the contract of the account service as a value: `HttpApiClient.make(AccountsApi)` is a typed client, and
 * `OpenApiDocument.ts` describes it to the rest of the world. It holds no behaviour.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import * as Access from "../../http/Access.ts"
import {
  AnswerFields,
  after,
  digits,
  every,
  everyCommand as everyOtherCommand,
  inapplicable,
  inPath,
  keyed,
  keyedAndMatched,
  limit,
  minPosition,
  optional,
  strict,
  waiting
} from "../../http/ApiParts.ts"
import { EventPage, ServiceApi } from "../../http/ServiceApi.ts"
import { type Refusal, refusals } from "../account/AccountError.ts"
import * as Terms from "../account/AccountSchemas.ts"
import * as Calendar from "../account/Calendar.ts"
import * as Problem from "./BankProblem.ts"
import { StatementView } from "./StatementView.ts"

const AccountId = inPath(Terms.AccountId)
const HoldId = inPath(Terms.HoldId)
const TransferId = inPath(Terms.TransferId)

/** A moment that exists. */
const Moment = Terms.Time.pipe(Schema.filter(Calendar.exists, { message: () => "is not a time that exists" }))

export const OpenBody = Schema.Struct({
  accountId: optional(AccountId),
  ...Terms.Opening.fields
}).annotations({
  ...strict,
  identifier: "Opening",
  examples: [{ accountId: "anna" as Terms.AccountId, owner: "Anna Liddell", currency: "EUR", overdraftLimit: "100.00" }]
})
export const BookingBody = Terms.Booking.annotations({
  ...strict,
  identifier: "Booking",
  examples: [{ amount: "12.50", reference: "invoice 7", bookedOn: "2026-01-31" }]
})
export const Receipt = Schema.Struct({ ...Terms.Receipt.fields, commandId: Schema.String }).annotations({
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

const { holdId: _, ...reserved } = Terms.Reservation.fields
export const HoldBody = Schema.Struct({ holdId: optional(HoldId), ...reserved }).annotations({
  ...strict,
  identifier: "Hold",
  examples: [
    { holdId: "order-7" as Terms.HoldId, amount: "12.50", reference: "order 7", expiresAt: "2150-01-31T12:00:00Z" }
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

export const CaptureBody = Schema.Struct({ amount: optional(Terms.Amount) }).annotations({
  ...strict,
  identifier: "Capture",
  description: "How much to take of what the hold reserves; the rest of it is released. Default: all of it.",
  examples: [{ amount: "10.00" }]
})

const { currency: __, ...ordered } = Terms.Request.fields
export const TransferBody = Schema.Struct({
  transferId: optional(TransferId),
  ...ordered,
  from: AccountId,
  to: AccountId
}).annotations({
  ...strict,
  identifier: "TransferRequest",
  examples: [{ from: "anna" as Terms.AccountId, to: "bert" as Terms.AccountId, amount: "5.00", reference: "rent" }]
})
export const TransferView = Terms.TransferView.annotations({
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

const id = Schema.Struct({ id: AccountId })
/** For tokens that are for some accounts alone. */
const account: Access.Subject = { aggregate: "Account", id: "id" }

const moved = Problem.schema("version-mismatch")
const notFound = Problem.schema("account-not-found")
const behind = Problem.schema("view-behind")
const ahead = Problem.schema("position-ahead")
const everyCommand = Schema.Union(everyOtherCommand, Problem.schema("account-busy"))

/** What the command may be refused for, with what any command of one account may meet. */
const refused = <E extends Refusal, I>(errors: Schema.Schema<E, I>) =>
  Schema.Union(everyCommand, moved, Problem.refusalsOf(errors))

class Accounts extends HttpApiGroup.make("accounts")
  .annotate(
    OpenApi.Description,
    "Accounts, each in one currency: their commands, what they are and were, and their events."
  )
  .add(
    HttpApiEndpoint.post("open", "/accounts")
      .annotate(Access.About, "handler")
      .annotate(OpenApi.Summary, "Open an account")
      .annotate(AnswerFields, ["command", "location"])
      .setHeaders(keyed)
      .setPayload(OpenBody)
      .addSuccess(Receipt, { status: 201 })
      .addError(Schema.Union(everyCommand, inapplicable, Problem.refusalsOf(refusals.Open)))
      .middleware(Access.Write)
  )
  .add(
    HttpApiEndpoint.post("deposit", "/accounts/:id/deposits")
      .annotate(Access.About, account)
      .annotate(OpenApi.Summary, "Deposit money")
      .annotate(AnswerFields, ["command"])
      .setPath(id)
      .setHeaders(keyedAndMatched)
      .setPayload(BookingBody)
      .addSuccess(Receipt)
      .addError(refused(refusals.Deposit))
      .middleware(Access.Write)
  )
  .add(
    HttpApiEndpoint.post("withdraw", "/accounts/:id/withdrawals")
      .annotate(Access.About, account)
      .annotate(OpenApi.Summary, "Withdraw money")
      .annotate(AnswerFields, ["command"])
      .setPath(id)
      .setHeaders(keyedAndMatched)
      .setPayload(BookingBody)
      .addSuccess(Receipt)
      .addError(refused(refusals.Withdraw))
      .middleware(Access.Write)
  )
  .add(
    HttpApiEndpoint.post("close", "/accounts/:id/close")
      .annotate(Access.About, account)
      .annotate(OpenApi.Summary, "Close an account whose balance is zero")
      .annotate(AnswerFields, ["command"])
      .setPath(id)
      .setHeaders(keyedAndMatched)
      .addSuccess(Receipt)
      .addError(refused(refusals.Close))
      .middleware(Access.Write)
  )
  .add(
    HttpApiEndpoint.get("get", "/accounts/:id")
      .annotate(Access.About, account)
      .annotate(OpenApi.Summary, "An account as its actor knows it, now, at a version or at a time")
      .annotate(AnswerFields, ["etag"])
      .setPath(id)
      .setUrlParams(Schema.Struct({ version: optional(digits(1)), at: optional(Moment) }))
      .addSuccess(AccountView)
      .addError(
        Schema.Union(every, waiting, notFound, Problem.schema("version-not-found"), Problem.schema("account-busy"))
      )
      .middleware(Access.Read)
  )
  .add(
    HttpApiEndpoint.get("summary", "/accounts/:id/summary")
      .annotate(Access.About, account)
      .annotate(OpenApi.Summary, "Totals of an account, from the read model")
      .setPath(id)
      .setUrlParams(Schema.Struct({ minPosition }))
      .addSuccess(Summary)
      .addError(Schema.Union(every, waiting, notFound, behind, ahead, Problem.schema("account-busy")))
      .middleware(Access.Read)
  )
  .add(
    HttpApiEndpoint.get("list", "/accounts")
      .annotate(OpenApi.Summary, "Accounts, page by page, from the read model")
      .setUrlParams(
        Schema.Struct({
          limit,
          cursor: optional(Schema.String),
          sort: optional(Schema.Literal("accountId", "-accountId", "owner", "-owner", "balance", "-balance")),
          minPosition
        })
      )
      .addSuccess(AccountPage)
      .addError(Schema.Union(every, waiting, behind, ahead, Problem.schema("invalid-cursor")))
      .middleware(Access.Read)
  )
  .add(
    HttpApiEndpoint.get("events", "/accounts/:id/events")
      .annotate(Access.About, account)
      .annotate(OpenApi.Summary, "The events of an account")
      .setPath(id)
      .setUrlParams(Schema.Struct({ after, limit }))
      .addSuccess(EventPage)
      .addError(Schema.Union(every, notFound))
      .middleware(Access.Read)
  )
  .add(
    HttpApiEndpoint.get("statement", "/accounts/:id/statement")
      .annotate(Access.About, account)
      .annotate(Access.About, account)
      .annotate(OpenApi.Summary, "What was booked on an account in a period")
      .setPath(id)
      .setUrlParams(Schema.Struct({ from: optional(Terms.BookedOn), to: optional(Terms.BookedOn), after, limit }))
      .addSuccess(StatementView)
      .addError(Schema.Union(every, waiting, notFound))
      .middleware(Access.Read)
  ) {}

const hold = Schema.Struct({ id: AccountId, holdId: HoldId })
const noHold = Problem.schema("hold-not-found")

class Holds extends HttpApiGroup.make("holds")
  .annotate(
    OpenApi.Description,
    "Money of an account that is reserved, until it is taken, released, or its time comes."
  )
  .add(
    HttpApiEndpoint.get("list", "/accounts/:id/holds")
      .annotate(Access.About, account)
      .annotate(OpenApi.Summary, "The open holds of an account")
      .annotate(AnswerFields, ["etag"])
      .setPath(id)
      .addSuccess(HoldList)
      .addError(Schema.Union(every, notFound, Problem.schema("account-busy")))
      .middleware(Access.Read)
  )
  .add(
    HttpApiEndpoint.get("get", "/accounts/:id/holds/:holdId")
      .annotate(Access.About, account)
      .annotate(OpenApi.Summary, "An open hold")
      .annotate(AnswerFields, ["etag"])
      .setPath(hold)
      .addSuccess(HoldView)
      .addError(Schema.Union(every, notFound, noHold, Problem.schema("account-busy")))
      .middleware(Access.Read)
  )
  .add(
    HttpApiEndpoint.post("place", "/accounts/:id/holds")
      .annotate(Access.About, account)
      .annotate(OpenApi.Summary, "Reserve money of an account")
      .annotate(AnswerFields, ["command", "location"])
      .setPath(id)
      .setHeaders(keyedAndMatched)
      .setPayload(HoldBody)
      .addSuccess(HoldReceipt, { status: 201 })
      .addError(refused(refusals.Reserve))
      .middleware(Access.Write)
  )
  .add(
    HttpApiEndpoint.post("capture", "/accounts/:id/holds/:holdId/capture")
      .annotate(Access.About, account)
      .annotate(OpenApi.Summary, "Take money that a hold reserves, all or a part, and end the hold")
      .annotate(AnswerFields, ["command"])
      .setPath(hold)
      .setHeaders(keyedAndMatched)
      .setPayload(CaptureBody)
      .addSuccess(Receipt)
      .addError(refused(refusals.Capture))
      .middleware(Access.Write)
  )
  .add(
    HttpApiEndpoint.post("release", "/accounts/:id/holds/:holdId/release")
      .annotate(Access.About, account)
      .annotate(OpenApi.Summary, "End a hold and take nothing")
      .annotate(AnswerFields, ["command"])
      .setPath(hold)
      .setHeaders(keyedAndMatched)
      .addSuccess(Receipt)
      .addError(refused(refusals.Release))
      .middleware(Access.Write)
  ) {}

class Transfers extends HttpApiGroup.make("transfers")
  .annotate(OpenApi.Description, "Money on its way from one account to another.")
  .add(
    HttpApiEndpoint.post("request", "/transfers")
      .annotate(OpenApi.Summary, "Transfer money from one account to another, and wait a moment for the end")
      .annotate(AnswerFields, ["command", "location"])
      .setHeaders(keyed)
      .setPayload(TransferBody)
      .addSuccess(TransferView, { status: 201 })
      .addSuccess(TransferView, { status: 202 })
      .addError(
        Schema.Union(
          everyCommand,
          inapplicable,
          notFound,
          Problem.schema("account-closed"),
          Problem.schema("insufficient-funds"),
          Problem.schema("too-many-transfers"),
          Problem.schema("transfer-exists"),
          Problem.schema("transfer-refused")
        )
      )
      .middleware(Access.Write)
  )
  .add(
    HttpApiEndpoint.get("get", "/transfers/:id")
      .annotate(Access.About, { aggregate: "Transfer", id: "id" })
      .annotate(OpenApi.Summary, "A transfer, and how far it has come")
      .annotate(AnswerFields, ["etag"])
      .setPath(Schema.Struct({ id: TransferId }))
      .addSuccess(TransferView)
      .addError(Schema.Union(every, Problem.schema("transfer-not-found"), Problem.schema("account-busy")))
      .middleware(Access.Read)
  ) {}

export { defaultLimit, IdempotencyKey, VersionTag } from "../../http/ApiParts.ts"
export { ProjectionView } from "../../http/ProjectionsApi.ts"
export { EventPage, StoredEvent } from "../../http/ServiceApi.ts"

/** The contract of the account service over HTTP: what clients and the OpenAPI document are made of. */
export class AccountsApi extends HttpApi.make("daybook")
  .add(Accounts)
  .add(Holds)
  .add(Transfers)
  .addHttpApi(ServiceApi) {}
