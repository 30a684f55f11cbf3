/**
 * `NodeServer` serves the contract on a port of Node's own HTTP server: with time limits on everything that a client may do
 * slowly, bounds on what it may send and leave unread (`Connections.ts`), and a stop that answers what was accepted.
 *
 * What Node refuses before there is a request (a header that is too large or too slow, or is not HTTP) is a problem as
 * well.
 */
import { createServer, type IncomingMessage, type Server, ServerResponse, STATUS_CODES } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { finished } from "node:stream"
import * as Etag from "@effect/platform/Etag"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Headers from "@effect/platform/Headers"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpPlatform from "@effect/platform/HttpPlatform"
import type * as HttpRouter from "@effect/platform/HttpRouter"
import * as Path from "@effect/platform/Path"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Context, Deferred, Duration, Effect, Fiber, Layer, LogLevel, Schema } from "effect"
import * as FaultLog from "../core/FaultLog.ts"
import * as Connections from "./Connections.ts"
import { HttpConfig, type HttpLimits } from "./HttpConfig.ts"
import { Lifecycle } from "./Lifecycle.ts"
import { LogHeader } from "./LogHeader.ts"
import * as Problem from "./Problem.ts"
import * as ProtectiveHeaders from "./ProtectiveHeaders.ts"
import * as RequestTarget from "./RequestTarget.ts"

export interface Address {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
}

/** Where the server listens. */
export class NodeServer extends Context.Tag("daybook/http/NodeServer")<NodeServer, { readonly url: string }>() {}

/** Nobody can listen there: the port is taken, or the address is none of this machine's. */
export class ListenFailed extends Schema.TaggedError<ListenFailed>()("ListenFailed", {
  host: Schema.String,
  port: Schema.Int,
  cause: Schema.Defect
}) {
  override get message() {
    const code = (this.cause as { readonly code?: string } | null)?.code
    const why = code === "EADDRINUSE" ? "the port is taken" : String(code ?? this.cause)
    return `cannot listen on ${this.host} port ${this.port}: ${why}; choose another with --host and --port`
  }
}

/** How often Node looks for connections that are over their time. */
const checkInterval = 1_000

/**
 * Calls back an `end` when the client has gone away as well. Node does so only once all was sent, and the fiber of a request,
 * which `@effect/platform-node` lets wait for it, would stay in memory for ever, with all that it holds.
 */
class Response extends ServerResponse {
  /** Called with where the answer goes, once it was written whole. */
  onWritten: ((socket: Socket) => void) | undefined

  override end(...args: ReadonlyArray<unknown>): this {
    const callback = args.at(-1)
    const parts = typeof callback === "function" ? args.slice(0, -1) : args
    if (typeof callback === "function") finished(this, () => callback())
    super.end(...(parts as [unknown, BufferEncoding]))
    if (this.socket !== null) this.onWritten?.(this.socket)
    return this
  }
}

const create = (limits: HttpLimits): Server<typeof IncomingMessage, typeof Response> => {
  const server = createServer({
    ServerResponse: Response,
    headersTimeout: Duration.toMillis(limits.headerTimeout),
    requestTimeout: Duration.toMillis(limits.requestTimeout),
    keepAliveTimeout: Duration.toMillis(limits.keepAlive),
    connectionsCheckingInterval: checkInterval,
    // Checked below, so that the refusal is a problem as any other.
    requireHostHeader: false
  })
  server.maxConnections = limits.maxConnections
  server.timeout = Duration.toMillis(limits.idleTimeout)
  return server
}

const codeOf = (error: Error & { readonly code?: string }): Problem.Code => {
  if (error.code === "ERR_HTTP_REQUEST_TIMEOUT") return "request-timeout"
  return error.code === "HPE_HEADER_OVERFLOW" ? "headers-too-large" : "invalid-request"
}

/** Answers what never became a request. */
const refuse = (log: string, error: Error & { readonly code?: string }, socket: Socket): void => {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy()
    return
  }
  const problem = error instanceof Problem.Problem ? error : new Problem.Problem(codeOf(error))
  const body = JSON.stringify(Problem.toBody(problem, { instance: "" }))
  socket.end(
    [
      `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
      `Content-Type: ${Problem.contentType}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
      `Daybook-Log: ${log}`,
      ...Object.entries(ProtectiveHeaders.always).map(([name, value]) => `${name}: ${value}`),
      "Connection: close",
      "",
      body
    ].join("\r\n"),
    // A client that was too slow to write may be too slow to read.
    () => socket.destroy()
  )
}

/** What requests need beside what their handlers need. */
const ofPlatform = (context: Context.Context<HttpRouter.HttpRouter.DefaultServices>) =>
  Context.pick(HttpPlatform.HttpPlatform, Etag.Generator, FileSystem.FileSystem, Path.Path)(context)

const listen = (server: ReturnType<typeof create>, { host, port }: Address) =>
  Effect.async<string, ListenFailed>((resume) => {
    const onError = (cause: Error) => resume(new ListenFailed({ host, port, cause }))
    server.once("error", onError)
    server.listen({ host, port }, () => {
      server.off("error", onError)
      const taken = server.address() as AddressInfo
      resume(Effect.succeed(`http://${host.includes(":") ? `[${host}]` : host}:${taken.port}`))
    })
  })

const make = (address: Address) =>
  Effect.gen(function* () {
    const limits = yield* HttpConfig
    const lifecycle = yield* Lifecycle
    const log = yield* LogHeader
    const app = yield* HttpApiBuilder.httpApp
    // Each request begins with this context, and copies it some times. What handlers need they have of their layers.
    const handler = yield* Effect.mapInputContext(NodeHttpServer.makeHandler(app), ofPlatform)
    const server = create(limits)
    const drained = yield* Deferred.make<void>()
    const connections = Connections.make(limits, {
      serve: (request, response) => {
        if (request.httpVersion === "1.1" && request.headers.host === undefined) {
          refuse(log.value(), new Problem.Problem("invalid-request", { detail: "host is missing" }), request.socket)
          return
        }
        RequestTarget.toPath(request)
        if (lifecycle.isStopping() || Connections.isForAnotherProtocol(request)) {
          response.setHeader("connection", "close")
        }
        // It waits for a next request that is not to come.
        response.once("close", () => {
          if (lifecycle.isStopping()) server.closeIdleConnections()
        })
        handler(request, response)
      },
      refuse: (error, socket) => refuse(log.value(), error, socket),
      onIdle: () => {
        if (lifecycle.isStopping()) Deferred.unsafeDone(drained, Effect.void)
      }
    })
    const onRequest = (request: IncomingMessage, response: Response): void => {
      response.onWritten = connections.written
      connections.accept(request, response)
    }
    server.on("request", onRequest)
    // What a client expects beyond `100-continue` it does not get, and is served all the same.
    server.on("checkExpectation", onRequest)
    // A client that waits for a slow command is not idle, however little its connection moves: the command has limits of its own.
    const onTimeout = (socket: Socket): void => {
      if (connections.awaitsUs(socket)) socket.setTimeout(server.timeout)
      else socket.destroy()
    }
    server.on("timeout", onTimeout)
    server.on("clientError", (error, socket) => connections.misfit(error, socket as Socket))
    // Node would end the connection without a word, and hands it over without any of its own listeners.
    server.on("connect", (_, stream) => {
      const socket = stream as Socket
      socket.on("error", () => socket.destroy())
      socket.on("timeout", () => onTimeout(socket))
      connections.misfit(new Problem.Problem("method-not-implemented"), socket)
      // What follows is for the tunnel that there is not. Unread, it would hide that the client has gone away.
      socket.resume()
    })

    const stop = Effect.gen(function* () {
      yield* lifecycle.stop
      server.close()
      server.closeIdleConnections()
      const open = connections.open()
      if (open > 0) {
        yield* Deferred.await(drained).pipe(
          Effect.timeout(limits.stopTimeout),
          Effect.catchAll(() =>
            FaultLog.report(LogLevel.Warning, "stopped with requests unanswered", { requests: open })
          )
        )
      }
      server.closeAllConnections()
    })
    // In a fiber of its own: a finalizer cannot be interrupted, so its time limit would wait for what it limits; and made
    // interruptible it would be over at once where an interruption, such as by a signal, is what closes the scope.
    const url = yield* Effect.acquireRelease(listen(server, address), () =>
      Effect.flatMap(Effect.forkDaemon(Effect.interruptible(stop)), Fiber.await)
    )
    return { url }
  }).pipe(
    // Traces must not hold what would let a reader retry a client's command, or pose as the client.
    Effect.locallyWith(Headers.currentRedactedNames, (names) => [...names, "idempotency-key"])
  )

export const layer = (address: Address) => Layer.scoped(NodeServer, make(address))
