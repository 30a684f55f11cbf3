/**
 * `ProjectionsApi` is the part of the contract that is about projections and reactions: how they are, and what an operator has them
 * do. Each verb is an operation of the journal, once under its `Idempotency-Key`.
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import * as Access from "./Access.ts"
import { AnswerFields, every, everyCommand, inapplicable, keyed, optional, strict } from "./ApiParts.ts"
import { OperationView } from "./OperationView.ts"
import * as Problem from "./Problem.ts"

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
  step: Schema.Literal("apply", "create", "swap", "ahead", "newer"),
  position: Schema.NullOr(Schema.Int),
  streamId: Schema.NullOr(Schema.String),
  version: Schema.NullOr(Schema.Int),
  type: Schema.NullOr(Schema.String),
  attempts: Schema.Int
})
/** An event that an operator took out. */
const takenOut = {
  position: Schema.Int,
  streamId: Schema.String,
  version: Schema.Int,
  type: Schema.String,
  principal: Schema.NullOr(Schema.String),
  reason: Schema.NullOr(Schema.String)
}
const Skipped = Schema.Struct({ ...takenOut, skippedAt: Schema.NullOr(Schema.String), lifted: Schema.Boolean })
const Abandoned = Schema.Struct({
  ...takenOut,
  abandonedAt: Schema.NullOr(Schema.String),
  ended: Schema.Boolean,
  undone: Schema.NullOr(Schema.String)
})
const projectionView = {
  name: "order_totals",
  kind: "projection",
  status: "running",
  position: 42,
  lag: { events: 0, seconds: 0 },
  lastError: null,
  stuck: [],
  skipped: [],
  abandoned: [],
  rebuild: null
} as const
export const ProjectionView = Schema.Struct({
  name: Schema.String,
  kind: Schema.Literal("projection", "reaction"),
  status: Schema.Literal("running", "rebuilding", "backing off", "halted", "paused", "ahead").annotations({
    description:
      "`halted`: it waits for an operator. `ahead`: the log was restored to an end before its position; it answers no query until it is rebuilt."
  }),
  position: Schema.Int,
  lag: Schema.Struct({ events: Schema.Number, seconds: Schema.Number }),
  lastError: Schema.NullOr(Trouble),
  stuck: Schema.Array(FailedEvent).annotations({
    description:
      "Streams that wait behind an event that failed too often; of a reaction it is tried again now and then."
  }),
  skipped: Schema.Array(Skipped).annotations({
    description: "Events that operators had it pass over; `lifted` where a rebuild is about to take them in again."
  }),
  abandoned: Schema.Array(Abandoned).annotations({
    description: "Events that operators had a reaction give up; `undone` is what is left to a human."
  }),
  rebuild: Schema.NullOr(
    Schema.Struct({
      position: Schema.Int,
      target: Schema.Int,
      eventsPerSecond: Schema.Number,
      secondsLeft: Schema.NullOr(Schema.Number)
    })
  )
}).annotations({ identifier: "Projection", examples: [projectionView] })
export type ProjectionView = typeof ProjectionView.Type

export const RebuildPlan = Schema.Struct({ name: Schema.String, events: Schema.Int }).annotations({
  identifier: "RebuildPlan",
  description: "What is built again, and from how many positions of the log.",
  examples: [{ name: "order_totals", events: 42 }]
})

export const PlannedRebuild = Schema.Struct({
  name: Schema.String,
  events: Schema.Int,
  estimatedSeconds: Schema.NullOr(Schema.Number),
  alreadyRequested: Schema.Boolean
}).annotations({
  identifier: "PlannedRebuild",
  description:
    "What a rebuild would read, and about how long it would take: null where the log is empty. Nothing was done.",
  examples: [{ name: "order_totals", events: 42, estimatedSeconds: 0.1, alreadyRequested: false }]
})

/** As long as a reason may be in the journal: `Journal.maxReasonLength`, whose module no browser loads. */
const reason = optional(
  Schema.String.pipe(Schema.maxLength(4_096)).annotations({
    description: "why, for the journal",
    message: () => "is a text of at most 4096 characters"
  })
)
const streamId = Schema.String.pipe(Schema.minLength(1), Schema.maxLength(512))

const WhyFields = Schema.Struct({ reason }).annotations(strict)
/** May be left out, since it need not say anything. */
export const Why = Schema.transform(
  Schema.Unknown.annotations({
    identifier: "Why",
    jsonSchema: {
      type: "object",
      properties: { reason: { type: "string", maxLength: 4_096, description: "why, for the journal" } },
      additionalProperties: false,
      examples: [{ reason: "the disk is exchanged" }]
    }
  }),
  WhyFields,
  {
    strict: true,
    decode: (body) => (body === undefined ? {} : body) as typeof WhyFields.Encoded,
    encode: (why): unknown => why
  }
)
const OfStream = Schema.Struct({ streamId, reason }).annotations({
  identifier: "OfStream",
  examples: [{ streamId: "order-7", reason: "the address was corrected" }],
  ...strict
})
const OneEvent = Schema.Struct({
  streamId,
  version: optional(Schema.Int.pipe(Schema.positive())).annotations({
    description: "Only the event with this version. Default: all of the stream."
  }),
  reason
}).annotations({ identifier: "OneEvent", examples: [{ streamId: "order-7", version: 3 }], ...strict })
const Abandon = Schema.Struct({
  streamId,
  dryRun: optional(Schema.Boolean).annotations({ description: "Whether only to say what stays undone. Default: no." }),
  reason
}).annotations({ identifier: "Abandon", examples: [{ streamId: "order-7", dryRun: true }], ...strict })
export const Abandoning = Schema.Struct({
  name: Schema.String,
  streamId: Schema.String,
  version: Schema.Int,
  undone: Schema.String
}).annotations({
  identifier: "Abandoning",
  description: "What is done instead, and what stays undone. Nothing was done.",
  examples: [
    {
      name: "fulfilment",
      streamId: "order-7",
      version: 1,
      undone: "the parcel of order 7 is not sent; its price goes back"
    }
  ]
})

const commandErrors = Schema.Union(everyCommand, inapplicable, Problem.schema("projection-not-found"))
const verbErrors = Schema.Union(commandErrors, Problem.schema("nothing-to-do"), Problem.schema("wrong-kind"))
const path = Schema.Struct({ name: Schema.String })

const verb = <const Name extends string, A, I>(name: Name, summary: string, payload: Schema.Schema<A, I>) =>
  HttpApiEndpoint.post(name, `/projections/:name/${name}`)
    .annotate(AnswerFields, ["operation"])
    .annotate(OpenApi.Summary, summary)
    .setPath(path)
    .setHeaders(keyed)
    .setPayload(payload)
    .addSuccess(OperationView, { status: 202 })
    .addError(verbErrors)
    .middleware(Access.Admin)

const ofReaction = <const Name extends string, A, I>(
  name: Name,
  segment: string,
  summary: string,
  payload: Schema.Schema<A, I>
) =>
  HttpApiEndpoint.post(name, `/reactions/:name/${segment}` as "/reactions/:name/retry")
    .annotate(AnswerFields, ["operation"])
    .annotate(OpenApi.Summary, summary)
    .setPath(path)
    .setHeaders(keyed)
    .setPayload(payload)
    .addSuccess(OperationView, { status: 202 })
    .addError(verbErrors)
    .middleware(Access.Admin)

export class Projections extends HttpApiGroup.make("projections")
  .annotate(OpenApi.Description, "Read models and reactions: how far they are, and what they need of an operator.")
  .add(
    HttpApiEndpoint.get("list", "/projections")
      .annotate(OpenApi.Summary, "Health of the read models")
      .addSuccess(
        Schema.Struct({ projections: Schema.Array(ProjectionView) }).annotations({
          identifier: "Projections",
          examples: [{ projections: [projectionView] }]
        })
      )
      .addError(every)
      .middleware(Access.Read)
  )
  .add(
    HttpApiEndpoint.get("planRebuild", "/projections/:name/rebuild")
      .annotate(OpenApi.Summary, "What a rebuild would take; does nothing")
      .setPath(path)
      .addSuccess(PlannedRebuild)
      .addError(Schema.Union(every, Problem.schema("projection-not-found")))
      .middleware(Access.Read)
  )
  .add(
    HttpApiEndpoint.post("rebuild", "/projections/:name/rebuild")
      .annotate(AnswerFields, ["operation"])
      .annotate(OpenApi.Summary, "Rebuild a read model")
      .setPath(path)
      .setHeaders(keyed)
      .setPayload(Why)
      .addSuccess(RebuildPlan, { status: 202 })
      .addError(commandErrors)
      .middleware(Access.Admin)
  )
  .add(verb("pause", "Stop one until it is resumed, also when the process starts again", Why))
  .add(verb("resume", "End a pause", Why))
  .add(verb("retry", "Try the event at which a stream is stuck again, now", OfStream))
  .add(verb("skip", "Pass over the event at which a stream is stuck", OfStream))
  .add(verb("unskip", "Undo a skip; a model that passed over the event is rebuilt", OneEvent)) {}

export class Reactions extends HttpApiGroup.make("reactions")
  .annotate(OpenApi.Description, "Processes that are stuck, and what an operator has them do.")
  .add(ofReaction("retry", "retry", "Try the event at which a stream is stuck again, now", OfStream))
  .add(ofReaction("abandon", "abandon", "Give up the event at which a stream is stuck", Abandon).addSuccess(Abandoning))
  .add(ofReaction("takeUp", "take-up", "Try again what was given up of a stream", OfStream)) {}
