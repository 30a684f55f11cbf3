/**
 * `ApplicationServer` serves an application: its own API, and the log, the feed, projections, health and metrics that
 * every service has, behind one boundary on a port.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Effect, Layer } from "effect"
import type { SnapshotStore } from "../core/SnapshotStore.ts"
import * as StreamId from "../core/StreamId.ts"
import type { Application, Runtime } from "../projection/Application.ts"
import type { Projections } from "../projection/Projections.ts"
import * as AggregateHandlers from "./AggregateHandlers.ts"
import * as Boundary from "./Boundary.ts"
import * as ConsoleHandlers from "./ConsoleHandlers.ts"
import * as EventView from "./EventView.ts"
import * as Figures from "./Figures.ts"
import type { Provided } from "./HttpPart.ts"
import * as Lifecycle from "./Lifecycle.ts"
import * as LogHandlers from "./LogHandlers.ts"
import * as LogHeader from "./LogHeader.ts"
import * as NodeServer from "./NodeServer.ts"
import * as OperationHandlers from "./OperationHandlers.ts"
import * as OriginGuard from "./OriginGuard.ts"
import * as Places from "./Places.ts"
import * as ProjectionHandlers from "./ProjectionHandlers.ts"
import * as Readiness from "./Readiness.ts"
import * as ServedApi from "./ServedApi.ts"
import * as SessionHandlers from "./SessionHandlers.ts"
import * as SignIns from "./SignIns.ts"
import * as TimerHandlers from "./TimerHandlers.ts"
import * as Tokens from "./Tokens.ts"

export interface Options extends NodeServer.Address {
  /**
   * The tokens, or how a token's bearer is found. Null: anyone who reaches the address may do everything, except the
   * web pages of others.
   */
  readonly tokens: ReadonlyArray<Tokens.Token> | Tokens.Find | null
  /** Nothing is changed for anybody, whatever the token. Default: what tokens allow. */
  readonly readOnly?: boolean
  /**
   * What sign-ins are sealed with, `SignIns.keyBytes` long: the same for all nodes that one browser may meet. Default:
   * one of the process, so that its end is theirs.
   */
  readonly sessionKey?: Uint8Array
}

const findBy = (tokens: Options["tokens"]): Tokens.Find | null =>
  tokens === null || typeof tokens === "function" ? tokens : Tokens.among(() => tokens)

/** What an application's handlers may need, besides the services of the application itself. */
type OwnHandlers<P> = Layer.Layer<never, never, P | Runtime | SnapshotStore | Projections | Provided>

/**
 * Serves while its scope is open, with the services that the application's layer provides. When it closes, no new
 * request is taken and the accepted ones are answered.
 */
export const layer = <P>(
  app: Application<P>,
  { host, port, readOnly = false, sessionKey, tokens }: Options
): Layer.Layer<NodeServer.NodeServer, NodeServer.ListenFailed, P | Runtime | SnapshotStore | Projections> =>
  Layer.unwrapEffect(
    Effect.map(ServedApi.load(app), (part) => {
      const served = ServedApi.make(app, part)
      // `Application.make` has checked what they need.
      const own = (part?.handlers ?? Layer.empty) as OwnHandlers<P>
      const handlers = Layer.mergeAll(
        own,
        AggregateHandlers.layer(app),
        LogHandlers.layer,
        ProjectionHandlers.layer,
        ProjectionHandlers.reactions,
        TimerHandlers.layer,
        OperationHandlers.layer,
        SessionHandlers.layer,
        ConsoleHandlers.layer(app)
      )
      const api = Layer.effect(
        HttpApi.Api,
        Effect.map(Effect.context<never>(), (context) => ({ api: served.api, context }))
      )
      return NodeServer.layer({ host, port }).pipe(
        Layer.provide(
          Boundary.layer(tokens === null ? (headers) => OriginGuard.refusal(host, headers) : () => undefined)
        ),
        Layer.provide(api),
        Layer.provide(handlers),
        Layer.provide(Tokens.layer),
        Layer.provide([
          Layer.succeed(Tokens.Tokens, { find: findBy(tokens), isReadOnly: readOnly }),
          SignIns.layer(sessionKey)
        ]),
        // As long as a stream's id may be, in escapes; the router's own limit is 100 characters.
        Layer.provide(HttpRouter.setRouterConfig({ maxParamLength: 9 * StreamId.maxLength })),
        Layer.provide([HttpApiBuilder.Router.Live, HttpApiBuilder.Middleware.layer, NodeHttpServer.layerContext]),
        Layer.provide([
          Readiness.layer,
          LogHeader.layer,
          Places.layer,
          EventView.layer(app),
          Figures.layer,
          Layer.succeed(ServedApi.ServedApi, served)
        ]),
        Layer.provide(Lifecycle.layer)
      )
    })
  )
