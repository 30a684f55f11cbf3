/**
 * The answers to requests about aggregates by their names: commands that the application made public, states and
 * events.
 */

import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { HttpApiDecodeError } from "@effect/platform/HttpApiError"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Context, Effect, Either, Option, Schema } from "effect"
import type { Committed } from "../core/Definition.ts"
import { EventStore } from "../core/EventStore.ts"
import * as StreamId from "../core/StreamId.ts"
import type { AggregatePart, Application } from "../projection/Application.ts"
import type { PublicCommand } from "../projection/Published.ts"
import { AggregatesApi } from "./AggregatesApi.ts"
import { defaultLimit, strict } from "./ApiParts.ts"
import * as CommandAnswer from "./CommandAnswer.ts"
import { CurrentCommand } from "./CurrentCommand.ts"
import * as EntityTag from "./EntityTag.ts"
import * as EventPage from "./EventPage.ts"
import * as Explanations from "./Explanations.ts"
import * as Failures from "./Failures.ts"
import * as PastStates from "./PastStates.ts"
import * as PositionAhead from "./PositionAhead.ts"
import { Problem } from "./Problem.ts"
import * as Refusal from "./Refusal.ts"
import * as RequestBody from "./RequestBody.ts"
import { pathOf } from "./RequestPath.ts"

/** One aggregate by the id in a path. */
interface Addressed {
  readonly part: AggregatePart
  /** As it stands in the stream's id. */
  readonly encoded: string
  readonly id: unknown
}

/** The payload of a command: its stored form is the body. One without fields may come without a body. */
const payloadOf = ({ payload }: PublicCommand, request: HttpServerRequest.HttpServerRequest) => {
  if (payload.ast._tag === "VoidKeyword") return RequestBody.none(request)
  return Effect.orDie(request.json).pipe(
    Effect.flatMap(Schema.decodeUnknown(payload, strict.parseOptions)),
    Effect.catchTag("ParseError", HttpApiDecodeError.refailParseError)
  )
}

/** The services of the aggregates are those that the application's layer provides. */
export const layer = (app: Application) =>
  HttpApiBuilder.group(AggregatesApi, "aggregates", (handlers) =>
    Effect.gen(function* () {
      const store = yield* EventStore
      const asItWas = yield* PastStates.make(() => new Problem("aggregate-not-found"))
      const explained = yield* Explanations.make(app)
      const services = yield* Effect.context<never>()
      const parts = new Map(app.aggregates.map((part) => [part.published.name, part]))

      const partOf = (name: string) =>
        Effect.flatMap(Effect.succeed(parts.get(name)), (part) =>
          part === undefined ? Effect.fail(new Problem("route-not-found")) : Effect.succeed(part)
        )
      const address = (part: AggregatePart, encoded: string): Either.Either<Addressed, Problem<"invalid-request">> => {
        const id = Schema.decodeEither(part.published.id)(encoded)
        // What a client shortens on its way here may not be what somebody meant.
        const isOne = encoded !== "." && encoded !== ".." && StreamId.isStreamId(part.definition.streamId(encoded))
        return Either.isRight(id) && isOne
          ? Either.right({ part, encoded, id: id.right })
          : Either.left(Failures.invalid("id", `is not an id of ${part.published.name}`))
      }
      const refOf = ({ id, part }: Addressed) =>
        Context.unsafeGet(services as Context.Context<unknown>, part.published.service)(id)

      /** Where the client has it already, the boundary answers 304. */
      const show = (part: AggregatePart, { position, state, version }: Committed<unknown>) => {
        const text = part.definition.snapshot.encode(state)
        return HttpServerResponse.unsafeJson(
          { state: JSON.parse(text), version, position },
          { headers: { etag: EntityTag.ofVersion(version) } }
        )
      }

      return handlers
        .handle(
          "send",
          Effect.fnUntraced(function* ({ headers, path: { command, id, name }, request }) {
            const part = yield* partOf(name)
            const { definition, published } = part
            const sent = published.commands.get(command)
            if (sent === undefined) return yield* Effect.fail(new Problem("route-not-found"))
            const one = yield* address(part, id)
            const payload: unknown = yield* payloadOf(sent, request)
            const current = yield* CurrentCommand
            const expectedVersion = headers["if-match"]
            const reply = yield* Effect.mapError(
              refOf(one).ask(command, payload, {
                commandId: current.commandId,
                said: current.sent(),
                ...(expectedVersion !== undefined && { expectedVersion })
              }),
              Failures.ofCommand
            )
            const { commandId, outcome, position, version } = reply
            const fields = CommandAnswer.headersOf(reply)
            if (Either.isLeft(outcome)) {
              const { text } = definition.commands.writeAnswer(command, "refusal", outcome.left)
              return Refusal.response(published, {
                command,
                commandId,
                instance: pathOf(request.url),
                error: outcome.left,
                stored: text,
                headers: fields
              })
            }
            const { text } = definition.commands.writeAnswer(command, "success", outcome.right)
            const body = { ...(text !== "" && { result: JSON.parse(text) }), version, position, commandId }
            return HttpServerResponse.unsafeJson(body, { headers: fields })
          })
        )
        .handle(
          "state",
          Effect.fnUntraced(function* ({ path: { id, name }, urlParams: { at, minPosition, version } }) {
            const part = yield* partOf(name)
            const one = yield* address(part, id)
            if (at !== undefined && version !== undefined) {
              return yield* Effect.fail(new Problem("invalid-request", { detail: "Give version or at, not both." }))
            }
            // What is read is as new as the log; a position that the log has is never waited for.
            yield* PositionAhead.refuse(store, minPosition)
            if (at !== undefined || version !== undefined) {
              const when = version === undefined ? { at: new Date(at as string) } : { version }
              const past = yield* asItWas(part.definition, one.encoded, when)
              if (Option.isNone(past)) return yield* Effect.fail(new Problem("version-not-found"))
              return show(part, past.value)
            }
            const found: Committed<unknown> = yield* Effect.mapError(refOf(one).state, Failures.ofState)
            if (found.version === 0) return yield* Effect.fail(new Problem("aggregate-not-found"))
            return show(part, found)
          })
        )
        .handle(
          "events",
          Effect.fnUntraced(function* ({
            path: { id, name },
            urlParams: { after = 0, limit = defaultLimit, minPosition }
          }) {
            const part = yield* partOf(name)
            const { encoded } = yield* address(part, id)
            yield* PositionAhead.refuse(store, minPosition)
            const streamId = part.definition.streamId(encoded)
            const head = yield* Effect.mapError(store.head(streamId), Failures.ofReading)
            if (head.version === 0) return yield* Effect.fail(new Problem("aggregate-not-found"))
            const page = yield* Effect.mapError(
              store.readStream(streamId, { from: after + 1, limit }),
              Failures.ofReading
            )
            return yield* EventPage.make(page, ({ version }) => version)
          })
        )
        .handle(
          "explain",
          Effect.fnUntraced(function* ({ path: { id, name }, urlParams }) {
            const part = yield* partOf(name)
            const { encoded } = yield* address(part, id)
            return yield* explained.history(part.definition, encoded, urlParams)
          })
        )
        .handle(
          "explainCommand",
          Effect.fnUntraced(function* ({ path: { commandId, id, name } }) {
            const part = yield* partOf(name)
            const { encoded } = yield* address(part, id)
            return yield* explained.command(part.definition, encoded, commandId)
          })
        )
    })
  )
