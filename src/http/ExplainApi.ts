/** What `GET …/explain` answers, as schemas. What it means is in `core/Explain.ts` and `core/ExplainCommand.ts`. */
import { Schema } from "effect"
import { optional } from "./ApiParts.ts"

const Form = Schema.Struct({ type: Schema.String, schemaVersion: Schema.Int, data: Schema.Unknown }).annotations({
  identifier: "EventForm"
})
const Change = Schema.Struct({
  path: Schema.String,
  before: optional(Schema.Unknown),
  after: optional(Schema.Unknown)
}).annotations({
  identifier: "StateChange",
  description: "`before` is missing where there was nothing, `after` where there is nothing any more."
})
const EventPlace = Schema.Struct({ streamId: Schema.String, version: Schema.Int }).annotations({
  identifier: "EventPlace"
})
const Sent = Schema.Struct({
  by: Schema.String.annotations({ description: "the reaction" }),
  commandId: Schema.String,
  streamId: Schema.String,
  command: Schema.NullOr(Schema.String),
  outcome: Schema.Literal("success", "refusal"),
  version: Schema.Int,
  events: Schema.Int
}).annotations({ identifier: "SentCommand" })

const ExplainedEvent = Schema.Struct({
  version: Schema.Int,
  position: Schema.Int,
  recordedAt: Schema.String,
  current: Schema.Array(Form),
  stored: Schema.NullOr(Form),
  changes: Schema.Array(Change),
  moreChanges: Schema.Int,
  field: optional(
    Schema.Struct({
      before: Schema.Unknown,
      after: Schema.Unknown,
      contribution: Schema.NullOr(Schema.String).annotations({
        description: "what it added; null where it is not a number"
      })
    })
  ),
  sequence: Schema.Int,
  commandId: Schema.String,
  command: Schema.NullOr(Schema.String),
  correlationId: Schema.String,
  causationId: Schema.NullOr(Schema.String),
  principal: Schema.NullOr(Schema.String),
  cause: Schema.NullOr(EventPlace),
  sent: Schema.Array(Sent).annotations({ description: "what reactions sent because of this event" }),
  beside: Schema.Array(Sent).annotations({ description: "what they sent beside its command, because of its cause" })
}).annotations({ identifier: "ExplainedEvent" })

export const History = Schema.Struct({
  aggregate: Schema.String,
  id: Schema.String,
  streamId: Schema.String,
  events: Schema.Array(ExplainedEvent),
  next: Schema.NullOr(Schema.Int)
}).annotations({
  identifier: "ExplainedHistory",
  description:
    "What each event changed in the state, which is told in its stored form. `stored` is an event as it was stored, where that is not what it is today. `next` is the next `after`, null at the end."
})

const WouldPass = Schema.Union(
  Schema.TaggedStruct("After", { version: Schema.Int, type: Schema.NullOr(Schema.String) }),
  Schema.TaggedStruct("Never", { upTo: Schema.Int, isEnd: Schema.Boolean }),
  Schema.TaggedStruct("NotComputed", {
    reason: Schema.Literal(
      "payload-not-kept",
      "payload-damaged",
      "payload-unreadable",
      "command-unknown",
      "decision-is-an-effect",
      "decision-threw"
    )
  })
).annotations({
  description:
    "After which event a refused command would have passed: it was decided again in memory, nothing is written."
})

export const Told = Schema.Struct({
  aggregate: Schema.String,
  commandId: Schema.String,
  sequence: Schema.Int,
  streamId: Schema.String,
  command: Schema.NullOr(Schema.String),
  outcome: Schema.Literal("success", "refusal"),
  answer: Schema.Unknown,
  payload: Schema.Unknown.annotations({ description: "as it was sent, in its stored form; null where it is not kept" }),
  version: Schema.Int,
  events: Schema.Int,
  recordedAt: Schema.String,
  principal: Schema.NullOr(Schema.String),
  correlationId: Schema.String,
  causationId: Schema.NullOr(Schema.String),
  decidedOn: Schema.Unknown.annotations({ description: "of a refusal: the state on which it was decided" }),
  wouldPass: Schema.NullOr(WouldPass)
}).annotations({ identifier: "ExplainedCommand" })
