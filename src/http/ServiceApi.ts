/**
 * `ServiceApi` is the part of the contract that the service of every application has: the log and its feed, projections, and
 * what those who run it ask. It holds no behaviour.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import * as Access from "./Access.ts"
import { AnswerFields, after, always, digits, every, limit, optional } from "./ApiParts.ts"
import { ConsoleData } from "./ConsoleApi.ts"
import * as OperationView from "./OperationView.ts"
import * as Problem from "./Problem.ts"
import { Projections, Reactions } from "./ProjectionsApi.ts"
import { Sessions } from "./SessionApi.ts"
import { Timers } from "./TimersApi.ts"

const skipDamaged = optional(
  Schema.BooleanFromString.annotations({
    description:
      "Whether the feed goes on behind an event that is damaged, once it has said which. Default: it ends there."
  })
)

/** Named once, or several times. */
const names = (what: string) => {
  const name = Schema.String.pipe(Schema.minLength(1), Schema.maxLength(255))
  return optional(
    Schema.Union(name, Schema.Array(name).pipe(Schema.maxItems(32))).annotations({
      description: `Only events of this ${what}; named several times, of any of them. Default: all.`,
      // As it stands in a URL, one name is a list of one.
      jsonSchema: { type: "array", items: { type: "string", minLength: 1, maxLength: 255 }, minItems: 1, maxItems: 32 }
    })
  )
}
/** Which events are given: those that fit all that is said here. */
const filter = {
  type: names("type"),
  aggregate: names("aggregate"),
  stream: optional(
    // As long as an id may be: `StreamId.maxLength`, whose module no browser loads.
    Schema.String.pipe(Schema.minLength(1), Schema.maxLength(512)).annotations({
      description: "Only events of streams whose id begins so. Default: all.",
      message: () => "is 1 to 512 characters"
    })
  )
}

const storedEvent = {
  position: 2,
  streamId: "order-7",
  version: 2,
  type: "Confirmed",
  schemaVersion: 1,
  data: { by: "Anna" },
  commandId: "3a1f6c1e-confirm",
  correlationId: "3a1f6c1e-confirm",
  recordedAt: "2026-01-31T12:00:00.000Z",
  hash: "5f0c9a71d2e84b36a0f4c2d9b7e1385a5f0c9a71d2e84b36a0f4c2d9b7e1385a",
  sequence: 2,
  principal: "till"
}
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
  hash: Schema.String,
  sequence: Schema.Int,
  principal: Schema.NullOr(Schema.String)
}).annotations({
  identifier: "StoredEvent",
  description:
    "`data` as the current version reads; `schemaVersion` is the version that is stored. `sequence` is the entry of the journal that has the event, and `principal` who sent its command: of tokens, the name; null where nobody is named.",
  examples: [storedEvent]
})
export type StoredEvent = typeof StoredEvent.Type
export const EventPage = Schema.Struct({
  events: Schema.Array(StoredEvent),
  next: Schema.NullOr(Schema.Int)
}).annotations({
  identifier: "EventPage",
  description:
    "`next` is the next `after`, null at the end. Where some events are asked for, a page may have fewer of them than there are, or none.",
  examples: [{ events: [storedEvent], next: null }]
})

const ahead = Problem.schema("position-ahead")

/** An answer of text, with an example. */
const textOf = (contentType: string, example: string) =>
  Schema.String.annotations({ examples: [example] }).pipe(HttpApiSchema.withEncoding({ kind: "Text", contentType }))

/** The routes of the log: pages of it, and the feed. */
export class Log extends HttpApiGroup.make("log")
  .annotate(OpenApi.Description, "All events, in the order in which they were stored.")
  .add(
    HttpApiEndpoint.get("page", "/events")
      .annotate(Access.About, "handler")
      .annotate(OpenApi.Summary, "The log, page by page")
      .setUrlParams(Schema.Struct({ after, limit, ...filter }))
      .addSuccess(EventPage)
      .addError(Schema.Union(every, ahead))
      .middleware(Access.Read)
  )
  .add(
    HttpApiEndpoint.get("stream", "/events/stream")
      .annotate(Access.About, "handler")
      .annotate(OpenApi.Summary, "The log as server-sent events, and then each new event")
      .setHeaders(Schema.Struct({ "last-event-id": optional(digits(0)) }))
      .setUrlParams(Schema.Struct({ after, skipDamaged, ...filter }))
      .addSuccess(textOf("text/event-stream", 'id: 2\nevent: Confirmed\ndata: {"position":2}\n\n'))
      .addError(Schema.Union(every, ahead, Problem.schema("too-many-subscribers")))
      .middleware(Access.Read)
  ) {}

const Health = Schema.Struct({ status: Schema.Literal("ok") }).annotations({
  identifier: "Health",
  examples: [{ status: "ok" }]
})

const Names = Schema.Array(Schema.String)
const ReadyHealth = Schema.Struct({
  ...Health.fields,
  log: Schema.String,
  stuck: Schema.Int,
  projections: Schema.Struct({ halted: Names, ahead: Names }),
  processes: Schema.Struct({ stuck: Names })
}).annotations({
  identifier: "Ready",
  examples: [
    {
      status: "ok",
      log: "0199c2a4-7d5e-7c31-a1f2-3b4c5d6e7f80.1",
      stuck: 0,
      projections: { halted: [], ahead: [] },
      processes: { stuck: [] }
    }
  ],
  description:
    "`log`: as in the header `Daybook-Log`. `stuck`: how many things wait for a human, the sum of `daybook_projection_stuck`: streams behind an event that failed too often, and models that halted; by name in `projections` and `processes`. One that is ahead of the log makes this 503."
})

const DocumentView = Schema.Record({ key: Schema.String, value: Schema.Unknown }).annotations({
  identifier: "OpenApiDocument",
  examples: [{ openapi: "3.1.0" }]
})

const OperationPage = Schema.Struct({
  operations: Schema.Array(OperationView.OperationView),
  next: Schema.NullOr(Schema.Int)
}).annotations({
  identifier: "OperationPage",
  description: "`next` is the next `after`, null at the end.",
  examples: [{ operations: [OperationView.example], next: null }]
})

const sums = { events: Schema.Int, bytes: Schema.Int }
const streamEnd = { streamId: Schema.String, version: Schema.Int }
/** What the log is made of. */
export const LogStats = Schema.Struct({
  ...sums,
  position: Schema.Int,
  types: Schema.Array(
    Schema.Struct({ prefix: Schema.String, type: Schema.String, schemaVersion: Schema.Int, ...sums })
  ),
  days: Schema.Array(Schema.Struct({ day: Schema.String, ...sums })),
  longest: Schema.Array(Schema.Struct(streamEnd)),
  largest: Schema.Array(Schema.Struct({ ...streamEnd, type: Schema.String, bytes: Schema.Int })),
  snapshots: Schema.Struct({
    streams: Schema.Int,
    meanDistance: Schema.Number,
    farthest: Schema.Array(Schema.Struct({ ...streamEnd, snapshot: Schema.Int }))
  })
}).annotations({
  identifier: "LogStats",
  description:
    "`bytes` are those of events' data. `prefix` is how an aggregate's streams begin. Of streams with a snapshot, `meanDistance` is how many events came after the newest one.",
  examples: [
    {
      events: 1,
      bytes: 20,
      position: 2,
      types: [{ prefix: "order", type: "Confirmed", schemaVersion: 2, events: 1, bytes: 20 }],
      days: [{ day: "2026-01-31", events: 1, bytes: 20 }],
      longest: [{ streamId: "order-7", version: 2 }],
      largest: [{ streamId: "order-7", version: 2, type: "Confirmed", bytes: 20 }],
      snapshots: { streams: 1, meanDistance: 1, farthest: [{ streamId: "order-7", version: 2, snapshot: 1 }] }
    }
  ]
})
export type LogStats = typeof LogStats.Type

/** The routes for operators: health, metrics and documents. */
export class Operations extends HttpApiGroup.make("operations")
  .annotate(OpenApi.Description, "What those who run the service ask: health, metrics, documents.")
  .add(
    HttpApiEndpoint.get("live", "/health/live")
      .annotate(OpenApi.Summary, "Whether the process runs")
      .addSuccess(Health)
      .addError(always)
  )
  .add(
    HttpApiEndpoint.get("ready", "/health/ready")
      .annotate(OpenApi.Summary, "Whether the service takes commands")
      .addSuccess(ReadyHealth)
      .addError(Schema.Union(always, Problem.schema("not-ready"), Problem.schema("shutting-down")))
  )
  .add(
    HttpApiEndpoint.get("metrics", "/metrics")
      .annotate(OpenApi.Summary, "Metrics in the text format of Prometheus")
      .addSuccess(textOf("text/plain; version=0.0.4", "# TYPE daybook_http_waits gauge\ndaybook_http_waits 0\n"))
      .addError(every)
      .middleware(Access.Read)
  )
  .add(
    HttpApiEndpoint.get("stats", "/stats")
      .annotate(OpenApi.Summary, "What the log is made of: one pass over it, beside which the service goes on")
      .addSuccess(LogStats)
      .addError(every)
      .middleware(Access.Read)
  )
  .add(
    HttpApiEndpoint.get("operations", "/operations")
      .annotate(OpenApi.Summary, "What operators did, with who and why, oldest first")
      .setUrlParams(Schema.Struct({ after, limit }))
      .addSuccess(OperationPage)
      .addError(every)
      .middleware(Access.Admin)
  )
  .add(
    HttpApiEndpoint.get("openapi", "/openapi.json")
      .annotate(OpenApi.Summary, "This document")
      .annotate(AnswerFields, ["etag"])
      .addSuccess(DocumentView)
      .addError(always)
  )
  .add(
    HttpApiEndpoint.get("docs", "/docs")
      .annotate(OpenApi.Summary, "This document for people")
      .annotate(AnswerFields, ["etag"])
      .addSuccess(textOf("text/html", "<!doctype html>…"))
      .addError(always)
  ) {}

/** The same for each application: its name is not part of the contract. */
export class ServiceApi extends HttpApi.make("daybook")
  .add(Log)
  .add(Projections)
  .add(Reactions)
  .add(Timers)
  .add(Operations)
  .add(Sessions)
  .add(ConsoleData) {}
