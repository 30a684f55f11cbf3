/**
 * `AccountsApi` is the contract of the account service as a value: `HttpApiClient.make(AccountsApi)` is a typed client,
 * and `OpenApiDocument.ts` describes it to the rest of the world. It holds no behaviour.
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
  keyed,
  keyedAndMatched,
  limit,
  minPosition,
  optional,
  waiting
} from "../../http/ApiParts.ts"
import { EventPage, ServiceApi } from "../../http/ServiceApi.ts"
import { type Refusal, refusals } from "../account/AccountError.ts"
import * as Schemas from "../account/AccountSchemas.ts"
import {
  AccountId,
  AccountPage,
  AccountView,
  BookingBody,
  CaptureBody,
  HoldBody,
  HoldId,
  HoldList,
  HoldReceipt,
  HoldView,
  Moment,
  OpenBody,
  Receipt,
  Summary,
  TransferBody,
  TransferId,
  TransferView
} from "./AccountBodies.ts"
import * as Problem from "./BankProblem.ts"
import { StatementView } from "./StatementView.ts"

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
      .setUrlParams(Schema.Struct({ from: optional(Schemas.BookedOn), to: optional(Schemas.BookedOn), after, limit }))
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
