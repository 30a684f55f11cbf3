/** The answers to those who run the service: health, metrics, and the documentation. */
import { Buffer } from "node:buffer"
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as OpenApi from "@effect/platform/OpenApi"
import { Context, Effect, Layer, Metric } from "effect"
import { EventStore } from "../core/EventStore.ts"
import * as LogShape from "../core/LogShape.ts"
import * as Operation from "../core/Operation.ts"
import { type ProjectionStatus, Projections } from "../projection/Projections.ts"
import * as Status from "../projection/Status.ts"
import { defaultLimit } from "./ApiParts.ts"
import * as Documents from "./Documents.ts"
import * as Failures from "./Failures.ts"
import { Figures } from "./Figures.ts"
import { Lifecycle } from "./Lifecycle.ts"
import { LogHeader } from "./LogHeader.ts"
import * as OperationView from "./OperationView.ts"
import { Problem } from "./Problem.ts"
import * as Prometheus from "./Prometheus.ts"
import * as ProtectiveHeaders from "./ProtectiveHeaders.ts"
import { Readiness } from "./Readiness.ts"
import { ServedApi } from "./ServedApi.ts"
import { ServiceApi } from "./ServiceApi.ts"

/** The page of Scalar with this document, which brings megabytes of script: loaded with its first reader. */
const docsPage = Effect.fnUntraced(function* (served: ServedApi["Type"]) {
  const { layer } = yield* Effect.promise(() => import("@effect/platform/HttpApiScalar"))
  const described = served.api.annotate(OpenApi.Transform, () => ({ ...served.document() }))
  const api = HttpApi.Api.of({ api: described, context: Context.empty() })
  const router = layer({ scalar: { withDefaultFonts: false } }).pipe(
    Layer.provideMerge(HttpApiBuilder.Router.Live),
    Layer.provide(Layer.succeed(HttpApi.Api, api))
  )
  const request = HttpServerRequest.fromWeb(new Request("http://localhost/docs"))
  const { body } = yield* Effect.flatMap(HttpApiBuilder.Router.router, HttpRouter.toHttpApp).pipe(
    Effect.flatten,
    Effect.provide(router),
    Effect.provideService(HttpServerRequest.HttpServerRequest, request),
    Effect.scoped,
    Effect.orDie
  )
  return body._tag === "Uint8Array" ? Buffer.from(body.body).toString() : yield* Effect.dieMessage("no page of text")
})

export const layer = HttpApiBuilder.group(ServiceApi, "operations", (handlers) =>
  Effect.gen(function* () {
    const readiness = yield* Readiness
    const lifecycle = yield* Lifecycle
    const projections = yield* Projections
    const figures = yield* Figures
    const log = yield* LogHeader
    const store = yield* EventStore
    const served = yield* ServedApi
    const services = yield* Effect.context<HttpRouter.HttpRouter.DefaultServices>()
    const ok = { status: "ok" } as const
    const json = Effect.sync(() => JSON.stringify(served.document()))
    // It reads the whole log: one at a time.
    const counting = yield* Effect.makeSemaphore(1)
    const document = Documents.make("application/json", json)
    const page = Documents.make("text/html", Effect.provide(docsPage(served), services), ProtectiveHeaders.ofDocs)

    return handlers
      .handle("live", () => Effect.succeed(ok))
      .handle("ready", () =>
        Effect.gen(function* () {
          if (lifecycle.isStopping()) return yield* Effect.fail(new Problem("shutting-down"))
          if (!(yield* readiness.isReady)) return yield* Effect.fail(new Problem("not-ready"))
          const all = yield* Effect.mapError(projections.list, () => new Problem("not-ready"))
          const namesOf = (which: (status: ProjectionStatus) => boolean) => all.filter(which).map(({ name }) => name)
          const ahead = namesOf(({ status }) => status === "ahead")
          if (ahead.length > 0) {
            const detail = `ahead of the log, which was restored: ${ahead.join(", ")}; rebuild models, resume reactions`
            return yield* Effect.fail(new Problem("not-ready", { detail }))
          }
          return {
            ...ok,
            log: log.value(),
            stuck: all.reduce((sum, status) => sum + Status.stuckOf(status), 0),
            projections: { halted: namesOf(({ isHalted, kind }) => kind === "projection" && isHalted), ahead },
            processes: { stuck: namesOf((status) => status.kind === "reaction" && Status.stuckOf(status) > 0) }
          }
        })
      )
      .handle("metrics", () =>
        Effect.map(figures.all, (read) =>
          HttpServerResponse.text(Prometheus.format(Metric.unsafeSnapshot(), read, figures.handedOver), {
            contentType: "text/plain; version=0.0.4; charset=utf-8"
          })
        )
      )
      .handle("operations", ({ urlParams: { after = 0, limit = defaultLimit } }) =>
        Operation.page(after, limit).pipe(
          Effect.provideService(EventStore, store),
          Effect.mapBoth({
            onFailure: Failures.ofReading,
            onSuccess: ({ more, operations }) => ({
              operations: operations.map(OperationView.of),
              next: more ? (operations.at(-1)?.sequence ?? null) : null
            })
          })
        )
      )
      .handle("stats", () =>
        LogShape.read().pipe(
          Effect.provideService(EventStore, store),
          Effect.mapError(Failures.ofLookup),
          counting.withPermits(1)
        )
      )
      .handle("openapi", () => document)
      .handle("docs", () => page)
  })
)
