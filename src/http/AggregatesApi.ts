/**
 * `AggregatesApi` is the contract of an aggregate over HTTP, the same for each: its commands, its state, its events.
 * The routes are three; `describe` shows them to the document as those of each aggregate, with its own schemas.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import { JSONSchema, Schema } from "effect"
import * as StoredForm from "../core/StoredForm.ts"
import type { Published } from "../projection/Published.ts"
import * as Access from "./Access.ts"
import {
  AnswerFields,
  after,
  digits,
  every,
  everyCommand,
  keyedAndMatched,
  limit,
  minPosition,
  optional,
  UtcTime,
  waiting
} from "./ApiParts.ts"
import * as ExplainApi from "./ExplainApi.ts"
import * as Problem from "./Problem.ts"
import { codeOf } from "./Refusal.ts"
import { EventPage } from "./ServiceApi.ts"

const moment = Schema.Struct({ version: optional(digits(1)), at: optional(UtcTime), minPosition })
const conditional = Schema.Struct({ "if-none-match": optional(Schema.String) })
const page = Schema.Struct({ after, limit, minPosition })
const history = Schema.Struct({
  after,
  limit,
  version: optional(digits(1)),
  at: optional(UtcTime),
  field: optional(
    Schema.String.pipe(Schema.minLength(1), Schema.maxLength(512)).annotations({
      description:
        "A path of the state, as `balance` or `lines.0.amount`: its value after each event, and what that added.",
      message: () => "is 1 to 512 characters"
    })
  )
})

const stateErrors = Schema.Union(
  every,
  Problem.schema("route-not-found"),
  Problem.schema("aggregate-not-found"),
  Problem.schema("aggregate-busy"),
  Problem.schema("position-ahead"),
  waiting,
  Problem.schema("version-not-found")
)
const eventErrors = Schema.Union(
  every,
  Problem.schema("route-not-found"),
  Problem.schema("aggregate-not-found"),
  Problem.schema("position-ahead")
)
const historyErrors = Schema.Union(
  every,
  Problem.schema("route-not-found"),
  Problem.schema("aggregate-not-found"),
  waiting,
  Problem.schema("version-not-found")
)
const toldErrors = Schema.Union(
  every,
  Problem.schema("route-not-found"),
  Problem.schema("command-not-found"),
  waiting,
  Problem.schema("answer-unreadable")
)
const commandErrors = Schema.Union(
  everyCommand,
  Problem.schema("route-not-found"),
  Problem.schema("aggregate-busy"),
  Problem.schema("version-mismatch")
)

/**
 * The answer to a command; `result` is the stored form of what the aggregate answers, and missing where that is
 * nothing.
 */
const answer = <A, I>(result: Schema.Schema<A, I>) =>
  Schema.Struct({ result: optional(result), version: Schema.Int, position: Schema.Int, commandId: Schema.String })
/** The state in its stored form, and where in the log that is. */
const view = <A, I>(state: Schema.Schema<A, I>) => Schema.Struct({ state, version: Schema.Int, position: Schema.Int })

const path = Schema.Struct({ name: Schema.String, id: Schema.String })

/** Whose name and id the path has. */
const named: Access.Subject = { aggregate: { parameter: "name" }, id: "id" }

export class Aggregates extends HttpApiGroup.make("aggregates")
  .add(
    HttpApiEndpoint.post("send", "/aggregates/:name/:id/:command")
      .annotate(Access.About, named)
      .setPath(Schema.Struct({ ...path.fields, command: Schema.String }))
      .setHeaders(keyedAndMatched)
      .addSuccess(answer(Schema.Unknown))
      .addError(commandErrors)
      .middleware(Access.Write)
  )
  .add(
    HttpApiEndpoint.get("state", "/aggregates/:name/:id")
      .annotate(Access.About, named)
      .setPath(path)
      .setHeaders(conditional)
      .setUrlParams(moment)
      .addSuccess(view(Schema.Unknown))
      .addError(stateErrors)
      .middleware(Access.Read)
  )
  .add(
    HttpApiEndpoint.get("events", "/aggregates/:name/:id/events")
      .annotate(Access.About, named)
      .setPath(path)
      .setUrlParams(page)
      .addSuccess(EventPage)
      .addError(eventErrors)
      .middleware(Access.Read)
  )
  .add(
    HttpApiEndpoint.get("explain", "/aggregates/:name/:id/explain")
      .annotate(Access.About, named)
      .setPath(path)
      .setUrlParams(history)
      .addSuccess(ExplainApi.History)
      .addError(historyErrors)
      .middleware(Access.Read)
  )
  .add(
    HttpApiEndpoint.get("explainCommand", "/aggregates/:name/:id/explain/:commandId")
      .annotate(Access.About, named)
      .setPath(Schema.Struct({ ...path.fields, commandId: Schema.String }))
      .addSuccess(ExplainApi.Told)
      .addError(toldErrors)
      .middleware(Access.Read)
  ) {}

export class AggregatesApi extends HttpApi.make("daybook").add(Aggregates) {}

/** What a document can say of a stored form; anything, where the schema has no JSON Schema. */
const describable = (schema: Schema.Schema.AnyNoContext, identifier: string): Schema.Schema.AnyNoContext => {
  const stored = Schema.encodedBoundSchema(schema)
  try {
    JSONSchema.make(stored)
  } catch {
    return Schema.Unknown
  }
  return stored.annotations({ identifier })
}

const isNothing = ({ ast: { _tag } }: Schema.Schema.AnyNoContext): boolean =>
  _tag === "VoidKeyword" || _tag === "UndefinedKeyword" || _tag === "NeverKeyword"

/** A refusal as the document shows it: the problem with the error in its stored form. */
const refusal = (aggregate: Published, member: Schema.Schema.AnyNoContext) => {
  const tag = StoredForm.tagOf(member) ?? "Refused"
  const status = aggregate.statusOf(tag)
  const code = codeOf(tag)
  return Schema.Struct({
    ...Problem.body(code, status).fields,
    error: describable(member, `${aggregate.name}${tag}Error`)
  })
    .annotations({ identifier: `${aggregate.name}${tag}` })
    .annotations(HttpApiSchema.annotations({ status }))
    .pipe(HttpApiSchema.withEncoding({ kind: "Json", contentType: Problem.contentType }))
}

const ownId = Schema.Struct({ id: Schema.String })

/** The routes of one aggregate. */
const groupOf = (aggregate: Published): HttpApiGroup.HttpApiGroup.AnyWithProps => {
  const { name } = aggregate
  const reads: HttpApiGroup.HttpApiGroup.Any = HttpApiGroup.make(name)
    .annotate(OpenApi.Description, `${name}: its state, its events, and the commands that are public.`)
    .add(
      HttpApiEndpoint.get("state", `/aggregates/${name}/:id`)
        .annotate(OpenApi.Summary, `The state of ${name}, now, at a version or at a time`)
        .annotate(AnswerFields, ["etag"])
        .setPath(ownId)
        .setHeaders(conditional)
        .setUrlParams(moment)
        .addSuccess(view(describable(aggregate.state, `${name}State`)))
        .addError(stateErrors)
        .middleware(Access.Read)
    )
    .add(
      HttpApiEndpoint.get("events", `/aggregates/${name}/:id/events`)
        .annotate(OpenApi.Summary, `The events of ${name}`)
        .setPath(ownId)
        .setUrlParams(page)
        .addSuccess(EventPage)
        .addError(eventErrors)
        .middleware(Access.Read)
    )
    .add(
      HttpApiEndpoint.get("explain", `/aggregates/${name}/:id/explain`)
        .annotate(OpenApi.Summary, `How the state of ${name} came to be, event by event`)
        .setPath(ownId)
        .setUrlParams(history)
        .addSuccess(ExplainApi.History)
        .addError(historyErrors)
        .middleware(Access.Read)
    )
    .add(
      HttpApiEndpoint.get("explainCommand", `/aggregates/${name}/:id/explain/:commandId`)
        .annotate(OpenApi.Summary, `What became of a command to ${name}, and why it was refused`)
        .setPath(Schema.Struct({ ...ownId.fields, commandId: Schema.String }))
        .addSuccess(ExplainApi.Told)
        .addError(toldErrors)
        .middleware(Access.Read)
    )
  // Which endpoints it has is known to the document alone.
  let group = reads as HttpApiGroup.HttpApiGroup.AnyWithProps
  for (const { error, name: command, payload, success } of aggregate.commands.values()) {
    const result = isNothing(success) ? Schema.Undefined : describable(success, `${name}${command}Result`)
    const routed = HttpApiEndpoint.post(command, `/aggregates/${name}/:id/${command}`)
      .annotate(OpenApi.Summary, `${command} of ${name}`)
      .annotate(AnswerFields, ["command"])
      .setPath(ownId)
      .setHeaders(keyedAndMatched)
      .addSuccess(isNothing(success) ? answered : answer(result))
      .addError(commandErrors)
      .middleware(Access.Write)
    const taking = isNothing(payload) ? routed : routed.setPayload(describable(payload, `${name}${command}`))
    const members = isNothing(error) ? [] : StoredForm.membersOf(error)
    group = group.add(
      members.reduce<HttpApiEndpoint.HttpApiEndpoint.Any>(
        (endpoint, member) => (endpoint as typeof routed).addError(refusal(aggregate, member)),
        taking
      )
    ) as HttpApiGroup.HttpApiGroup.Any as HttpApiGroup.HttpApiGroup.AnyWithProps
  }
  return group
}

/** For a command without an answer of its own. */
const answered = Schema.Struct({ version: Schema.Int, position: Schema.Int, commandId: Schema.String })

/** The contract with the routes of each aggregate by name, in place of those of any: what the document shows. */
export const describe = (
  api: HttpApi.HttpApi.AnyWithProps,
  aggregates: ReadonlyArray<Published>
): HttpApi.HttpApi.AnyWithProps => {
  const groups: ReadonlyArray<HttpApiGroup.HttpApiGroup.Any> = [
    ...Object.values<HttpApiGroup.HttpApiGroup.AnyWithProps>(api.groups).filter(
      ({ identifier }) => identifier !== Aggregates.identifier
    ),
    ...aggregates.map(groupOf)
  ]
  const empty = HttpApi.make("daybook") as HttpApi.HttpApi.Any as HttpApi.HttpApi.AnyWithProps
  return groups.reduce(
    (all, group) => all.add(group as HttpApiGroup.HttpApiGroup.AnyWithProps) as HttpApi.HttpApi.AnyWithProps,
    empty
  )
}
