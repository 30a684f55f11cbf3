/** The account service, put together: the contract, its handlers, and the server on a port. */

import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Layer } from "effect"
import * as Boundary from "../../http/Boundary.ts"
import * as Lifecycle from "../../http/Lifecycle.ts"
import * as LogHandlers from "../../http/LogHandlers.ts"
import * as LogHeader from "../../http/LogHeader.ts"
import * as NodeServer from "../../http/NodeServer.ts"
import * as OperationHandlers from "../../http/OperationHandlers.ts"
import * as ProjectionHandlers from "../../http/ProjectionHandlers.ts"
import * as Readiness from "../../http/Readiness.ts"
import * as Tokens from "../../http/Tokens.ts"
import * as Trust from "../../http/Trust.ts"
import * as AccountHandlers from "./AccountHandlers.ts"
import { AccountsApi } from "./AccountsApi.ts"
import * as HoldHandlers from "./HoldHandlers.ts"
import * as TransferHandlers from "./TransferHandlers.ts"

export interface Options extends NodeServer.Address {
  /** Null: whoever reaches the address may do everything, but for the web pages of others. */
  readonly tokens: ReadonlyArray<Tokens.Token> | null
}

const handlers = Layer.mergeAll(
  AccountHandlers.layer,
  HoldHandlers.layer,
  TransferHandlers.layer,
  LogHandlers.layer,
  ProjectionHandlers.layer,
  OperationHandlers.layer
)

/** Serves while its scope is open. When it closes, no new request is taken and the accepted ones are answered. */
export const layer = ({ host, port, tokens }: Options) =>
  NodeServer.layer({ host, port }).pipe(
    Layer.provide(Boundary.layer(tokens === null ? (headers) => Trust.refusal(host, headers) : () => undefined)),
    Layer.provide(HttpApiBuilder.api(AccountsApi)),
    Layer.provide(handlers),
    Layer.provide(Tokens.layer),
    Layer.provide(Layer.succeed(Tokens.Tokens, { all: tokens })),
    Layer.provide([HttpApiBuilder.Router.Live, HttpApiBuilder.Middleware.layer, NodeHttpServer.layerContext]),
    Layer.provide([Readiness.layer, LogHeader.layer]),
    Layer.provide(Lifecycle.layer)
  )
