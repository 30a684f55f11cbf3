/**
 * `AccountsApi` is the contract of the account service as a value: `HttpApiClient.make(AccountsApi)` is a typed client, and
 * `OpenApiDocument.ts` describes it to the rest of the world. It holds no behaviour.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import { Schema } from "effect"
import * as Access from "../../http/Access.ts"
import * as Problem from "../../http/Problem.ts"
import * as Terms from "../account/AccountTerms.ts"

const optional = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { exact: true })

/** A whole number as it stands in a URL: digits alone, of which a double holds each. */
const digits = (least: number, most: number = Number.MAX_SAFE_INTEGER) =>
  Schema.transform(
    Schema.String.pipe(
      Schema.pattern(/^\d{1,16}$/, { message: () => `is a whole number from ${least} to ${most}` }),
      Schema.annotations({ jsonSchema: { type: "integer", minimum: least, maximum: most } })
    ),
    Schema.Number.pipe(
      Schema.filter((value) => value >= least && value <= most, {
        message: () => `is a whole number from ${least} to ${most}`
      })
    ),
    { strict: true, decode: Number, encode: String }
  )

/** Events or accounts in a page when the request does not say. */
export const defaultLimit = 100
const limit = optional(digits(1, 1_000))
const after = optional(digits(0))
const minPosition = optional(digits(0))
const skipDamaged = optional(
  Schema.BooleanFromString.annotations({
    description:
      "Whether the feed goes on behind an event that is damaged, once it has said which. Default: it ends there."
  })
)

export const IdempotencyKey = Schema.String.pipe(
  Schema.pattern(/^[\x20-\x7e]{1,255}$/, { message: () => "is 1 to 255 printable ASCII characters" })
).annotations({ description: "The command's id: the same request with the same key has one effect and one answer." })

/** `"7"`: the version of the account, as `ETag` has it. */
export const VersionTag = Schema.transform(
  Schema.String.pipe(
    Schema.pattern(/^"(?:0|[1-9]\d{0,14})"$/, { message: () => 'is a version in quotes, such as "7"' })
  ),
  Schema.Int,
  { strict: true, decode: (tag) => Number(tag.slice(1, -1)), encode: (version) => `"${version}"` }
).annotations({ description: "Only when the account has this version; else 412." })

const keyed = Schema.Struct({ "idempotency-key": optional(IdempotencyKey) })
const keyedAndMatched = Schema.Struct({ ...keyed.fields, "if-match": optional(VersionTag) })

/** A field that the contract does not have is an error and no oversight. */
const strict = { parseOptions: { onExcessProperty: "error", errors: "all" } } as const

export const OpenBody = Schema.Struct({
  accountId: optional(Terms.AccountId),
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

const { holdId: _, ...reserved } = Terms.Reservation.fields
export const HoldBody = Schema.Struct({ holdId: optional(Terms.HoldId), ...reserved }).annotations({
  ...strict,
  identifier: "Hold",
  examples: [
    { holdId: "order-7" as Terms.HoldId, amount: "12.50", reference: "order 7", expiresAt: "2026-01-31T12:00:00Z" }
  ]
})
export const CaptureBody = Schema.Struct({ amount: optional(Terms.Amount) }).annotations({
  ...strict,
  identifier: "Capture",
  description: "How much to take of what the hold reserves; the rest of it is released. Default: all of it.",
  examples: [{ amount: "10.00" }]
})

const { currency: __, ...ordered } = Terms.Request.fields
export const TransferBody = Schema.Struct({ transferId: optional(Terms.TransferId), ...ordered }).annotations({
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

const totals = {
  accountId: Schema.String,
  totalDeposits: Schema.String,
  totalWithdrawals: Schema.String,
  currentBalance: Schema.String,
  transactionCount: Schema.Int
}
export const Summary = Schema.Struct({ ...totals, position: Schema.Int }).annotations({
  identifier: "Summary",
  description: "The read model; `position` is how far it has read the log."
})
export const AccountRow = Schema.Struct({
  ...totals,
  owner: Schema.String,
  currency: Schema.String,
  status: Schema.Literal("open", "closed")
}).annotations({ identifier: "AccountRow" })
export const AccountPage = Schema.Struct({
  accounts: Schema.Array(AccountRow),
  nextCursor: Schema.NullOr(Schema.String)
}).annotations({ identifier: "AccountPage" })

export const StoredEvent = Schema.Struct({
  position: Schema.Int,
  streamId: Schema.String,
  version: Schema.Int,
  type: Schema.String,
  schemaVersion: Schema.Int,
  data: Schema.Record({ key: Schema.String, value: Schema.Unknown }),
  commandId: Schema.String,
  correlationId: Schema.String,
  recordedAt: Schema.String,
  hash: Schema.String
}).annotations({
  identifier: "StoredEvent",
  description: "`data` as the current version reads; `schemaVersion` is the version that is stored.",
  examples: [
    {
      position: 2,
      streamId: "account-anna",
      version: 2,
      type: "Deposited",
      schemaVersion: 1,
      data: { amount: "12.50" },
      commandId: "3a1f6c1e-deposit-1",
      correlationId: "3a1f6c1e-deposit-1",
      recordedAt: "2026-01-31T12:00:00.000Z",
      hash: "5f0c9a71d2e84b36a0f4c2d9b7e1385a5f0c9a71d2e84b36a0f4c2d9b7e1385a"
    }
  ]
})
export type StoredEvent = typeof StoredEvent.Type
export const EventPage = Schema.Struct({
  events: Schema.Array(StoredEvent),
  next: Schema.NullOr(Schema.Int)
}).annotations({ identifier: "EventPage", description: "`next` is the next `after`, null at the end." })

/** An event that failed, without the text of its error, which may quote what is stored. */
const FailedEvent = Schema.Struct({
  position: Schema.Int,
  streamId: Schema.String,
  version: Schema.Int,
  type: Schema.String,
  attempts: Schema.Int
})
/** What went wrong last. Only where an event was applied there is one; tables are made and swapped without. */
const Trouble = Schema.Struct({
  step: Schema.Literal("apply", "create", "swap", "ahead"),
  position: Schema.NullOr(Schema.Int),
  streamId: Schema.NullOr(Schema.String),
  version: Schema.NullOr(Schema.Int),
  type: Schema.NullOr(Schema.String),
  attempts: Schema.Int
})
export const ProjectionView = Schema.Struct({
  name: Schema.String,
  kind: Schema.Literal("projection", "reaction"),
  status: Schema.Literal("running", "rebuilding", "backing off", "halted", "paused", "ahead").annotations({
    description:
      "`halted`: it waits for an operator. `ahead`: the log was restored to an end before its position; it answers no query until it is built anew."
  }),
  position: Schema.Int,
  lag: Schema.Struct({ events: Schema.Number, seconds: Schema.Number }),
  lastError: Schema.NullOr(Trouble),
  stuck: Schema.Array(FailedEvent).annotations({
    description:
      "Streams that wait behind an event that failed too often; of a reaction it is tried again now and then."
  }),
  rebuild: Schema.NullOr(
    Schema.Struct({
      position: Schema.Int,
      target: Schema.Int,
      eventsPerSecond: Schema.Number,
      secondsLeft: Schema.NullOr(Schema.Number)
    })
  )
}).annotations({ identifier: "Projection" })
export type ProjectionView = typeof ProjectionView.Type

const id = Schema.Struct({ id: Terms.AccountId })

const invalid = Problem.schema("invalid-request")
const malformed = Problem.schema("malformed-json")
const tooLarge = Problem.schema("body-too-large")
const mediaType = Problem.schema("unsupported-media-type")
const timeout = Problem.schema("request-timeout")
const reused = Problem.schema("idempotency-key-reused")
const moved = Problem.schema("version-mismatch")
const notFound = Problem.schema("account-not-found")
const closed = Problem.schema("account-closed")
const unavailable = Problem.schema("store-unavailable")
const behind = Problem.schema("view-behind")
const damaged = Problem.schema("data-damaged")
const ahead = Problem.schema("position-ahead")

/** What any request may meet. */
const every = Schema.Union(
  invalid,
  unavailable,
  damaged,
  Problem.schema("foreign-page"),
  Problem.schema("internal"),
  Problem.schema("shutting-down")
)
/** What any command may meet. */
const everyCommand = Schema.Union(
  every,
  malformed,
  timeout,
  tooLarge,
  mediaType,
  reused,
  Problem.schema("answer-unreadable"),
  Problem.schema("account-busy"),
  Problem.schema("outcome-unknown")
)

const unclosable = [
  Problem.schema("balance-not-zero"),
  Problem.schema("transfer-pending"),
  Problem.schema("hold-open")
] as const

class Accounts extends HttpApiGroup.make("accounts")
  .add(
    HttpApiEndpoint.post("open", "/accounts")
      .setHeaders(keyed)
      .setPayload(OpenBody)
      .addSuccess(Receipt, { status: 201 })
      .addError(Schema.Union(everyCommand, Problem.schema("account-exists")))
      .middleware(Access.Write)
  )
  .add(
    HttpApiEndpoint.post("deposit", "/accounts/:id/deposits")
      .setPath(id)
      .setHeaders(keyedAndMatched)
      .setPayload(BookingBody)
      .addSuccess(Receipt)
      .addError(Schema.Union(everyCommand, notFound, closed, moved))
      .middleware(Access.Write)
  )
  .add(
    HttpApiEndpoint.post("withdraw", "/accounts/:id/withdrawals")
      .setPath(id)
      .setHeaders(keyedAndMatched)
      .setPayload(BookingBody)
      .addSuccess(Receipt)
      .addError(Schema.Union(everyCommand, notFound, closed, moved, Problem.schema("insufficient-funds")))
      .middleware(Access.Write)
  )
  .add(
    HttpApiEndpoint.post("close", "/accounts/:id/close")
      .setPath(id)
      .setHeaders(keyedAndMatched)
      .addSuccess(Receipt)
      .addError(Schema.Union(everyCommand, notFound, closed, moved, ...unclosable))
      .middleware(Access.Write)
  )
  .add(
    HttpApiEndpoint.get("get", "/accounts/:id")
      .setPath(id)
      .setUrlParams(Schema.Struct({ version: optional(digits(1)), at: optional(Terms.Time) }))
      .addSuccess(AccountView)
      .addError(Schema.Union(every, notFound, Problem.schema("version-not-found"), Problem.schema("account-busy")))
      .middleware(Access.Read)
  )
  .add(
    HttpApiEndpoint.get("summary", "/accounts/:id/summary")
      .setPath(id)
      .setUrlParams(Schema.Struct({ minPosition }))
      .addSuccess(Summary)
      .addError(Schema.Union(every, notFound, behind, ahead, Problem.schema("account-busy")))
      .middleware(Access.Read)
  )
  .add(
    HttpApiEndpoint.get("list", "/accounts")
      .setUrlParams(
        Schema.Struct({
          limit,
          cursor: optional(Schema.String),
          sort: optional(Schema.Literal("accountId", "-accountId", "owner", "-owner", "balance", "-balance")),
          minPosition
        })
      )
      .addSuccess(AccountPage)
      .addError(Schema.Union(every, behind, ahead, Problem.schema("invalid-cursor")))
      .middleware(Access.Read)
  )
  .add(
    HttpApiEndpoint.get("events", "/accounts/:id/events")
      .setPath(id)
      .setUrlParams(Schema.Struct({ after, limit }))
      .addSuccess(EventPage)
      .addError(Schema.Union(every, notFound))
      .middleware(Access.Read)
  ) {}

const hold = Schema.Struct({ id: Terms.AccountId, holdId: Terms.HoldId })
const noHold = Problem.schema("hold-not-found")

class Holds extends HttpApiGroup.make("holds")
  .add(
    HttpApiEndpoint.post("place", "/accounts/:id/holds")
      .setPath(id)
      .setHeaders(keyedAndMatched)
      .setPayload(HoldBody)
      .addSuccess(Receipt, { status: 201 })
      .addError(
        Schema.Union(
          everyCommand,
          notFound,
          closed,
          moved,
          Problem.schema("insufficient-funds"),
          Problem.schema("hold-exists"),
          Problem.schema("too-many-holds")
        )
      )
      .middleware(Access.Write)
  )
  .add(
    HttpApiEndpoint.post("capture", "/accounts/:id/holds/:holdId/capture")
      .setPath(hold)
      .setHeaders(keyedAndMatched)
      .setPayload(CaptureBody)
      .addSuccess(Receipt)
      .addError(Schema.Union(everyCommand, notFound, closed, moved, noHold, Problem.schema("hold-exceeded")))
      .middleware(Access.Write)
  )
  .add(
    HttpApiEndpoint.post("release", "/accounts/:id/holds/:holdId/release")
      .setPath(hold)
      .setHeaders(keyedAndMatched)
      .addSuccess(Receipt)
      .addError(Schema.Union(everyCommand, notFound, closed, moved, noHold))
      .middleware(Access.Write)
  ) {}

class Transfers extends HttpApiGroup.make("transfers")
  .add(
    HttpApiEndpoint.post("request", "/transfers")
      .setHeaders(keyed)
      .setPayload(TransferBody)
      .addSuccess(TransferView, { status: 201 })
      .addSuccess(TransferView, { status: 202 })
      .addError(
        Schema.Union(
          everyCommand,
          notFound,
          closed,
          Problem.schema("insufficient-funds"),
          Problem.schema("transfer-exists"),
          Problem.schema("transfer-refused")
        )
      )
      .middleware(Access.Write)
  )
  .add(
    HttpApiEndpoint.get("get", "/transfers/:id")
      .setPath(Schema.Struct({ id: Terms.TransferId }))
      .addSuccess(TransferView)
      .addError(Schema.Union(every, Problem.schema("transfer-not-found"), Problem.schema("account-busy")))
      .middleware(Access.Read)
  ) {}

class Log extends HttpApiGroup.make("log")
  .add(
    HttpApiEndpoint.get("page", "/events")
      .setUrlParams(Schema.Struct({ after, limit }))
      .addSuccess(EventPage)
      .addError(Schema.Union(every, ahead))
      .middleware(Access.Read)
  )
  .add(
    HttpApiEndpoint.get("stream", "/events/stream")
      .setHeaders(Schema.Struct({ "last-event-id": optional(digits(0)) }))
      .setUrlParams(Schema.Struct({ after, skipDamaged }))
      .addSuccess(HttpApiSchema.Text({ contentType: "text/event-stream" }))
      .addError(Schema.Union(every, ahead, Problem.schema("too-many-subscribers")))
      .middleware(Access.Read)
  ) {}

class Projections extends HttpApiGroup.make("projections")
  .add(
    HttpApiEndpoint.get("list", "/projections")
      .addSuccess(
        Schema.Struct({ projections: Schema.Array(ProjectionView) }).annotations({ identifier: "Projections" })
      )
      .addError(every)
      .middleware(Access.Read)
  )
  .add(
    HttpApiEndpoint.post("rebuild", "/projections/:name/rebuild")
      .setPath(Schema.Struct({ name: Schema.String }))
      .setHeaders(keyed)
      .addSuccess(
        Schema.Struct({ name: Schema.String, events: Schema.Int }).annotations({ identifier: "RebuildPlan" }),
        {
          status: 202
        }
      )
      .addError(Schema.Union(everyCommand, Problem.schema("projection-not-found")))
      .middleware(Access.Admin)
  ) {}

const Health = Schema.Struct({ status: Schema.Literal("ok") }).annotations({ identifier: "Health" })

const Names = Schema.Array(Schema.String)
const ReadyHealth = Schema.Struct({
  ...Health.fields,
  log: Schema.String,
  stuck: Schema.Int,
  projections: Schema.Struct({ halted: Names, ahead: Names }),
  processes: Schema.Struct({ stuck: Names })
}).annotations({
  identifier: "Ready",
  description:
    "`log`: as in the header `Daybook-Log`. `stuck`: how many things wait for a human, the sum of `daybook_projection_stuck`: streams behind an event that failed too often, and models that halted; by name in `projections` and `processes`. One that is ahead of the log makes this 503."
})

class Operations extends HttpApiGroup.make("operations")
  .add(HttpApiEndpoint.get("live", "/health/live").addSuccess(Health))
  .add(
    HttpApiEndpoint.get("ready", "/health/ready")
      .addSuccess(ReadyHealth)
      .addError(Schema.Union(Problem.schema("not-ready"), Problem.schema("shutting-down")))
  )
  .add(
    HttpApiEndpoint.get("metrics", "/metrics")
      .addSuccess(HttpApiSchema.Text({ contentType: "text/plain; version=0.0.4" }))
      .addError(every)
      .middleware(Access.Read)
  )
  .add(HttpApiEndpoint.get("openapi", "/openapi.json").addSuccess(Schema.Unknown))
  .add(HttpApiEndpoint.get("docs", "/docs").addSuccess(HttpApiSchema.Text({ contentType: "text/html" }))) {}

export class AccountsApi extends HttpApi.make("daybook")
  .add(Accounts)
  .add(Holds)
  .add(Transfers)
  .add(Log)
  .add(Projections)
  .add(Operations) {}
