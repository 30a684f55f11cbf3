/**
 * `Boundary` is the one middleware around every request. It finds the route, gives a command its id, and turns whatever
 * went wrong, declared or not, into one `Problem` with its headers; what is the service's own fault it puts in the log
 * under the correlation id that the client got. Each request is a line of the access log. Every reply of a command has
 * a position, and what the client has already is 304. Each answer has the headers that keep browsers from making more
 * of it than it is.
 */

import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { HttpApiDecodeError } from "@effect/platform/HttpApiError"
import type * as HttpApp from "@effect/platform/HttpApp"
import type * as HttpRouter from "@effect/platform/HttpRouter"
import { RouteNotFound } from "@effect/platform/HttpServerError"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Cause, Context, Duration, Effect, Either, type Layer, LogLevel, Schema } from "effect"
import * as CommandId from "../core/CommandId.ts"
import * as Elapsed from "../core/Elapsed.ts"
import { EventStore } from "../core/EventStore.ts"
import * as FaultLog from "../core/FaultLog.ts"
import { Flood, type Summary } from "../core/Flood.ts"
import { CurrentMetadata } from "../core/Metadata.ts"
import { AccessLog } from "./AccessLog.ts"
import { IdempotencyKey } from "./ApiParts.ts"
import { CurrentCommand } from "./CurrentCommand.ts"
import { HttpConfig } from "./HttpConfig.ts"
import * as HttpMetrics from "./HttpMetrics.ts"
import { Lifecycle } from "./Lifecycle.ts"
import * as LogHeader from "./LogHeader.ts"
import * as Problem from "./Problem.ts"
import * as ProtectiveHeaders from "./ProtectiveHeaders.ts"
import { Readiness } from "./Readiness.ts"
import * as RequestBody from "./RequestBody.ts"
import { pathOf } from "./RequestPath.ts"
import * as RequestRules from "./RequestRules.ts"
import { ServedApi } from "./ServedApi.ts"
import * as Session from "./Session.ts"

const isKey = Schema.is(IdempotencyKey)
const idOf = ({ headers, method }: HttpServerRequest.HttpServerRequest): string | undefined => {
  if (method !== "POST") return undefined
  const key = headers["idempotency-key"]
  if (key === undefined) return CommandId.make()
  return isKey(key) ? key : undefined
}

/** Longest reason that is quoted back: a schema's message holds the value that does not fit. */
const maxReason = 200

const reasonOf = ({ _tag, message }: HttpApiDecodeError["issues"][number]): string => {
  if (_tag === "Missing") return "is missing"
  if (_tag === "Unexpected") return "is unknown"
  return message.length > maxReason ? `${message.slice(0, maxReason)}…` : message
}

/** What a failed request answers. */
export const toProblem = (cause: Cause.Cause<unknown>): Problem.Problem => {
  const error = Cause.squash(cause)
  if (error instanceof Problem.Problem) return error
  if (error instanceof RouteNotFound) return new Problem.Problem("route-not-found")
  if (error instanceof HttpApiDecodeError) {
    const errors = error.issues.map((issue) => ({ path: issue.path.map(String).join("."), reason: reasonOf(issue) }))
    const [first] = errors
    const detail = first === undefined ? undefined : [first.path || "The body", first.reason].join(" ")
    return new Problem.Problem("invalid-request", { errors, ...(detail !== undefined && { detail }) })
  }
  return new Problem.Problem("internal", { cause })
}

/** The answer to a problem, as a response. */
export const render = (
  problem: Problem.Problem,
  instance: string,
  commandId: string | undefined,
  correlationId: string | undefined
): HttpServerResponse.HttpServerResponse => {
  const { retryAfter } = problem.kind
  return HttpServerResponse.text(JSON.stringify(Problem.toBody(problem, { instance, commandId, correlationId })), {
    status: problem.status,
    contentType: Problem.contentType,
    headers: {
      ...(retryAfter !== undefined && { "retry-after": String(retryAfter) }),
      ...problem.headers
    }
  })
}

const causeOf = ({ cause }: Problem.Problem): Cause.Cause<unknown> =>
  Cause.isCause(cause) ? cause : cause === undefined ? Cause.empty : Cause.fail(cause)

const report = (problem: Problem.Problem, route: string, correlationId: string) => {
  const cause = causeOf(problem)
  const isOurs = problem.code === "internal" || problem.code === "data-damaged"
  return FaultLog.report(
    isOurs ? LogLevel.Error : LogLevel.Warning,
    "a request failed",
    { code: problem.code, status: problem.status, route, correlationId },
    Cause.isEmpty(cause) ? undefined : cause
  )
}

/** How many failures of one kind are logged with their own correlation id, and how long until the next ones are. */
const flooding = { burst: 3, windowMs: 30_000 }
const lookInterval = "5 seconds"

/**
 * Logs failures, as many as anybody reads. One that is not logged itself answers with the correlation id of the last
 * one of its kind that was, so the id that a client gets is in the log, with the cause.
 */
const makeTelling = Effect.gen(function* () {
  const flood = new Flood(flooding)
  const sums = (of: (now: number) => ReadonlyArray<Summary>) =>
    Effect.flatMap(Elapsed.millis, (now) =>
      Effect.forEach(of(now), ({ count, kind, mark, seconds }) =>
        FaultLog.report(LogLevel.Warning, `${count} more requests failed like it within ${seconds} s`, {
          kind,
          correlationId: mark
        })
      )
    )
  const look = sums((now) => flood.due(now))
  yield* Effect.addFinalizer(() => sums((now) => flood.rest(now)))
  yield* Effect.forkScoped(Effect.forever(Effect.delay(look, lookInterval)))
  return (problem: Problem.Problem, route: string): Effect.Effect<string> =>
    Effect.flatMap(Elapsed.millis, (now) => {
      const correlationId = CommandId.make()
      const told = flood.note(`${problem.code} ${route} ${FaultLog.kindOf(causeOf(problem))}`, correlationId, now)
      return told === undefined ? Effect.as(report(problem, route, correlationId), correlationId) : Effect.succeed(told)
    })
})

type App = HttpApp.Default<never, HttpRouter.HttpRouter.Provided>

/**
 * Whether a tag of the client's stands for this one. Its answer is compared and not its bytes, so a weak tag does too.
 */
const isKnown = (ifNoneMatch: string, etag: string): boolean =>
  ifNoneMatch.trim() === "*" || ifNoneMatch.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag)

/** The answer, or 304 where the client has it. */
const unlessKnown = (
  { headers, method }: HttpServerRequest.HttpServerRequest,
  response: HttpServerResponse.HttpServerResponse
): HttpServerResponse.HttpServerResponse => {
  const { etag } = response.headers
  const known = headers["if-none-match"]
  if (etag === undefined || known === undefined || response.status !== 200) return response
  if ((method !== "GET" && method !== "HEAD") || !isKnown(known, etag)) return response
  const { "content-length": _, "content-type": __, "content-encoding": ___, ...kept } = response.headers
  return HttpServerResponse.empty({ status: 304, headers: kept })
}

/** Refusals that say nothing about the log: to callers who may not know, and of requests that never were commands. */
const withoutPosition: ReadonlySet<number> = new Set([401, 403, 405, 408, 429])

/**
 * A command that was not decided has no place in the log: its reply has the log's end, so that with `minPosition` one
 * reads what it was refused by. Without it where the store does not answer.
 */
const withPosition = (store: EventStore["Type"], response: HttpServerResponse.HttpServerResponse) =>
  Effect.match(store.lastPosition, {
    onFailure: () => response,
    onSuccess: (position) => HttpServerResponse.setHeader(response, "daybook-position", String(position))
  })

const positionOf = ({ headers }: HttpServerResponse.HttpServerResponse): number | null => {
  const position = headers["daybook-position"]
  return position === undefined ? null : Number(position)
}

/** Why a request is refused whatever it asks for; undefined when it is not. */
type Refusal = (headers: Readonly<Record<string, string | undefined>>) => string | undefined

const around =
  (
    refusalOf: Refusal,
    { metadata, routes }: ServedApi["Type"],
    lifecycle: Lifecycle["Type"],
    readiness: Readiness["Type"],
    log: LogHeader.LogHeader["Type"],
    store: EventStore["Type"],
    tell: Effect.Effect.Success<typeof makeTelling>,
    accessLog: typeof AccessLog.Service,
    slowCommandMs: number
  ) =>
  (app: HttpApp.Default): App =>
    Effect.withFiberRuntime((fiber) => {
      const start = performance.now()
      const request = Context.unsafeGet(fiber.currentContext, HttpServerRequest.HttpServerRequest)
      const { method, url } = request
      const found = routes.find(method, url)
      const route = "path" in found ? found.path : "none"
      const commandId = idOf(request)
      const isKeyed = request.headers["idempotency-key"] !== undefined
      const session = Session.make("path" in found ? found : undefined)
      let correlationId: string | null = null

      const answer = (problem: Problem.Problem): App => {
        if (problem.status < 500) return Effect.succeed(render(problem, pathOf(url), commandId, undefined))
        const isFault = problem.code === "store-unavailable" || problem.code === "outcome-unknown"
        return tell(problem, route).pipe(
          Effect.zipLeft(isFault && method === "POST" ? readiness.noteFault : Effect.void),
          Effect.map((told) => {
            correlationId = told
            return render(problem, pathOf(url), commandId, told)
          })
        )
      }
      const reply = (): App => {
        const doubled = RequestRules.ofHeaders(request)
        if (doubled !== undefined) return answer(doubled)
        const refusal = refusalOf(request.headers)
        if (refusal !== undefined) return answer(new Problem.Problem("foreign-page", { detail: refusal }))
        if (!("path" in found)) {
          const headers = { allow: found.join(", ") }
          if (found.length === 0) return answer(new Problem.Problem("route-not-found"))
          if (method === "OPTIONS") return Effect.succeed(HttpServerResponse.empty({ status: 204, headers }))
          return answer(new Problem.Problem("method-not-allowed", { headers }))
        }
        if (lifecycle.isStopping() && !route.startsWith("/health/")) return answer(new Problem.Problem("shutting-down"))
        const misfit = RequestRules.ofRoute(request, found)
        if (misfit !== undefined) return answer(misfit)
        const noted = RequestRules.metadataOf(request, metadata)
        if (Either.isLeft(noted)) return answer(noted.left)
        const strict = RequestBody.strict(request)
        const command = { commandId: commandId ?? "", isKeyed, sent: strict.sent }
        const ofRequest = Context.make(HttpServerRequest.HttpServerRequest, strict.request).pipe(
          Context.add(Session.CurrentSession, session),
          Context.add(CurrentMetadata, noted.right),
          Context.add(CurrentCommand, command)
        )
        return app.pipe(
          // At once: each time, the whole context is copied.
          Effect.provide(ofRequest),
          // Anyone who went away gets no answer.
          Effect.catchAllCause((cause) =>
            Cause.isInterruptedOnly(cause) ? Effect.failCause(cause) : answer(toProblem(cause))
          )
        )
      }
      const toReply = (response: HttpServerResponse.HttpServerResponse) => {
        const durationMs = performance.now() - start
        HttpMetrics.answered(method, route, response.status, durationMs / 1_000)
        if (session.refused !== null) HttpMetrics.refused(session.refused)
        accessLog?.({
          method: HttpMetrics.known(method),
          route,
          status: response.status,
          durationMs: Math.round(durationMs * 1_000) / 1_000,
          principal: session.caller?.name ?? null,
          refused: session.refused,
          position: positionOf(response),
          correlationId
        })
        return HttpServerResponse.setHeaders(response, {
          ...ProtectiveHeaders.always,
          [LogHeader.name]: log.value(),
          ...response.headers
        })
      }
      const tellSlow = (since: number, of: string, status: number) => {
        const took = performance.now() - since
        return took < slowCommandMs
          ? Effect.void
          : FaultLog.report(LogLevel.Warning, "a slow command", { route: of, status, milliseconds: Math.round(took) })
      }
      const isUnplaced = ({ headers, status }: HttpServerResponse.HttpServerResponse) =>
        method === "POST" &&
        route !== "none" &&
        status < 500 &&
        headers["daybook-position"] === undefined &&
        !withoutPosition.has(status)
      const placed = Effect.flatMap(reply(), (response) =>
        isUnplaced(response)
          ? Effect.map(withPosition(store, response), toReply)
          : Effect.succeed(toReply(unlessKnown(request, response)))
      )
      return method === "POST" ? Effect.tap(placed, ({ status }) => tellSlow(start, route, status)) : placed
    })

export const layer = (
  refusalOf: Refusal
): Layer.Layer<never, never, ServedApi | Lifecycle | Readiness | LogHeader.LogHeader | EventStore> =>
  HttpApiBuilder.middleware(
    Effect.map(
      Effect.all([
        ServedApi,
        Lifecycle,
        Readiness,
        LogHeader.LogHeader,
        EventStore,
        makeTelling,
        AccessLog,
        HttpConfig
      ]),
      ([served, lifecycle, readiness, log, store, tell, accessLog, { slowCommand }]) =>
        around(refusalOf, served, lifecycle, readiness, log, store, tell, accessLog, Duration.toMillis(slowCommand))
    )
  )
