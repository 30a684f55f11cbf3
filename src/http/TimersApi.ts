/**
 * `TimersApi` is the part of the contract that is about timers: which commands wait to be sent, and what an operator
 * has them do. Each verb is an operation of the journal, once under its `Idempotency-Key`.
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import * as Access from "./Access.ts"
import { AnswerFields, every, everyCommand, inapplicable, keyed, limit, optional } from "./ApiParts.ts"
import { OperationView } from "./OperationView.ts"
import * as Problem from "./Problem.ts"
import { Why } from "./ProjectionsApi.ts"

const timer = {
  key: "expiry of reservation-7",
  due: "2026-01-31T12:15:00.000Z",
  late: false,
  aggregate: "Reservation",
  id: "7",
  command: "Expire",
  scheduledAt: "2026-01-31T12:00:00.000Z",
  streamId: "timer-expiry of reservation-7",
  version: 1,
  position: 42,
  correlationId: "3a1f6c1e-request"
}
export const TimerView = Schema.Struct({
  key: Schema.String,
  due: Schema.String,
  late: Schema.Boolean,
  aggregate: Schema.String,
  id: Schema.String,
  command: Schema.String,
  scheduledAt: Schema.String,
  streamId: Schema.String,
  version: Schema.Int,
  position: Schema.Int,
  correlationId: Schema.String
}).annotations({
  identifier: "PendingTimer",
  description:
    "A command that waits for its time. `late`: its time has passed, and it has not fired yet. The event that scheduled it, with the payload, is version `version` of `streamId`.",
  examples: [timer]
})

export const TimerPage = Schema.Struct({
  timers: Schema.Array(TimerView),
  pending: Schema.Int,
  due: Schema.Int,
  lateSeconds: Schema.Number,
  nextCursor: Schema.NullOr(Schema.String)
}).annotations({
  identifier: "TimerPage",
  description:
    "`pending`: how many wait in all; `due`: those of them whose time has passed; `lateSeconds`: for how long, the first of them. `nextCursor` is null at the end.",
  examples: [{ timers: [timer], pending: 1, due: 0, lateSeconds: 0, nextCursor: null }]
})

const verb = <const Name extends string>(name: Name, summary: string) =>
  HttpApiEndpoint.post(name, `/timers/:key/${name}`)
    .annotate(AnswerFields, ["operation"])
    .annotate(OpenApi.Summary, summary)
    // As long as a key may be: `Timer.Key`, whose module no browser loads.
    .setPath(Schema.Struct({ key: Schema.String.pipe(Schema.minLength(1), Schema.maxLength(255)) }))
    .setHeaders(keyed)
    .setPayload(Why)
    .addSuccess(OperationView, { status: 202 })
    .addError(
      Schema.Union(
        everyCommand,
        inapplicable,
        Problem.schema("nothing-to-do"),
        Problem.schema("route-not-found"),
        Problem.schema("aggregate-busy")
      )
    )
    .middleware(Access.Admin)

/** What an application without timers has of them: a list of none, and nothing to cancel or fire. */
export const listing = HttpApiGroup.make("timers")
  .annotate(OpenApi.Description, "Commands that wait for their time, and what an operator has them do.")
  .add(
    HttpApiEndpoint.get("list", "/timers")
      .annotate(OpenApi.Summary, "Commands that wait for their time, the first one first")
      .setUrlParams(Schema.Struct({ cursor: optional(Schema.String), limit }))
      .addSuccess(TimerPage)
      .addError(Schema.Union(every, Problem.schema("invalid-cursor")))
      .middleware(Access.Read)
  )

export class Timers extends listing
  .add(verb("cancel", "Have a timer not fire"))
  .add(verb("fire", "Have a timer fire now, whatever its time")) {}
