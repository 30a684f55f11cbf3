/** The account service for tests: in this process, or as a process of its own; and a plain client without retries. */
import { writeFileSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import process from "node:process"
import { Clock, Context, Duration, Effect, Layer, Logger } from "effect"
import { application } from "../../src/bank/Bank.ts"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import { scopes } from "../../src/http/Access.ts"
import * as ApplicationServer from "../../src/http/ApplicationServer.ts"
import * as HttpConfig from "../../src/http/HttpConfig.ts"
import { NodeServer } from "../../src/http/NodeServer.ts"
import type { Body } from "../../src/http/Problem.ts"
import type { Find, Token } from "../../src/http/Tokens.ts"
import * as ProjectionsLocal from "../../src/projection/ProjectionsLocal.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import * as Cli from "../cli/Cli.ts"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"
import * as ContractProxy from "./ContractProxy.ts"
import * as Serve from "./Serve.ts"

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it asked for.
  readonly json: any
}

export interface Asked {
  readonly method?: string
  readonly body?: unknown
  /** As it is, instead of `body`. */
  readonly raw?: string | Uint8Array
  readonly key?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** One request, on a connection of the pool, without a retry. Fails when there is no answer. */
export const tryAsk = (url: string, { body, headers, key, method, raw }: Asked = {}) =>
  Effect.tryPromise(async (signal): Promise<Answer> => {
    const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body))
    const response = await fetch(url, {
      method: method ?? (payload === undefined ? "GET" : "POST"),
      signal,
      ...(payload !== undefined && { body: payload as string }),
      headers: {
        ...(payload !== undefined && { "content-type": "application/json" }),
        ...(key !== undefined && { "idempotency-key": key }),
        ...headers
      }
    })
    const text = await response.text()
    const violations = ContractProxy.violations(response.headers)
    if (violations.length > 0) throw new Error(`${response.status} ${text}: ${violations.join("; ")}`)
    const isJson = response.headers.get("content-type")?.includes("json") === true && text !== ""
    return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : undefined }
  })

/** The same where there must be an answer. */
export const ask = (url: string, asked: Asked = {}): Effect.Effect<Answer> => Effect.orDie(tryAsk(url, asked))

/** What a connection answers to bytes that no client would send. It ends when the server ends it. */
export const exchange = (url: string, ...parts: ReadonlyArray<string>): Effect.Effect<string> =>
  Effect.async((resume) => {
    const { hostname, port } = new URL(url)
    let received = ""
    const socket = connect({ host: hostname, port: Number(port) }, () => {
      for (const part of parts) socket.write(part)
    })
    socket.setEncoding("latin1").on("data", (text: string) => {
      received += text
    })
    socket.on("error", () => {})
    socket.on("close", () => resume(Effect.succeed(received)))
    return Effect.sync(() => socket.destroy())
  })

/** The address of the service that a test runs against. */
export class Url extends Context.Tag("test/http/Url")<Url, string>() {}

/** What the server needs, on the given stores. */
export const domain = Layer.mergeAll(
  application.layer.pipe(Layer.provideMerge(ActorSystemLocal.layer)),
  ProjectionsLocal.layer(application.projections, application.reactions)
)

interface ServiceOptions {
  readonly filename?: string
  readonly tokens?: ReadonlyArray<Token> | Find
  /** Those that are not the defaults. */
  readonly limits?: Partial<HttpConfig.HttpLimits>
}

const inThisProcess = (options: ServiceOptions) =>
  Layer.effect(
    Url,
    Effect.map(NodeServer, ({ url }) => url)
  ).pipe(
    Layer.provide(ApplicationServer.layer(application, { host: "127.0.0.1", port: 0, tokens: options.tokens ?? null })),
    Layer.provide(domain),
    Layer.provide(options.limits === undefined ? Layer.empty : HttpConfig.layer(options.limits)),
    Layer.provideMerge(SqliteStore.layer({ filename: options.filename ?? ":memory:" })),
    Layer.provide(Logger.remove(Logger.defaultLogger))
  )

export type { Running } from "./Serve.ts"

/** `daybook serve` as a process of its own, once it listens. It ends with the scope, if not before. */
export const start = (args: ReadonlyArray<string>, options: Serve.ServeOptions = {}) =>
  Effect.suspend(() => Serve.start(Cli.program(), args, options))

/**
 * The same with limits that `serve` has no option for, by the program that `DAYBOOK_LIMITED` names: it takes them from a file, with
 * times in milliseconds.
 */
const startLimited = (folder: string, limits: Partial<HttpConfig.HttpLimits>, args: ReadonlyArray<string>) =>
  Effect.suspend(() => {
    const file = join(folder, "limits.json")
    const plain = Object.entries(limits).map(([name, value]) => [
      name,
      Duration.isDuration(value) ? Duration.toMillis(value) : value
    ])
    writeFileSync(file, JSON.stringify(Object.fromEntries(plain)))
    return Serve.startVerb(JSON.parse(process.env.DAYBOOK_LIMITED ?? "[]"), ["--limits", file, ...args])
  })

/** The problem of an answer. */
export const problem = ({ json }: Answer): Body => json

/**
 * Its stores are those of this process, on the same file. They wait for the other's lock on it, which the clock of a test would
 * never let end.
 */
const inItsOwnProcess = (options: ServiceOptions) =>
  Layer.provide(
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const filename = options.filename ?? join(folder, "d.db")
      const args = ["--db", `sqlite:${filename}`]
      if (typeof options.tokens === "object") {
        const file = join(folder, "tokens.json")
        const entryOf = ({ digest, level, name }: Token) => {
          return { name, sha256: digest.toString("hex"), scopes: [scopes[level]] }
        }
        writeFileSync(file, JSON.stringify(options.tokens.map(entryOf)))
        args.push("--tokens", file)
      }
      const { url } = yield* options.limits === undefined ? start(args) : startLimited(folder, options.limits, args)
      return Layer.merge(Layer.succeed(Url, url), SqliteStore.layer({ filename, mode: "existing" }))
    }).pipe(Layer.unwrapScoped),
    Layer.setClock(Clock.make())
  )

/** The same service with a proxy before it that compares what passes with this document. */
const behindProxy = <A, E, R>(document: string, service: Layer.Layer<A | Url, E, R>) =>
  Layer.flatMap(service, (context) =>
    Layer.merge(
      Layer.succeedContext(context),
      Layer.scoped(Url, Effect.orDie(ContractProxy.start(document, Context.unsafeGet(context, Url), "lenient")))
    )
  )

/**
 * The service on a free port: in this process, or by what `DAYBOOK_PROGRAM` says; behind the proxy where `DAYBOOK_PROXY` names its
 * document.
 */
export const layer = (options: ServiceOptions = {}) => {
  const { DAYBOOK_PROGRAM: program, DAYBOOK_PROXY: document } = process.env
  const service = program === undefined ? inThisProcess(options) : inItsOwnProcess(options)
  return document === undefined ? service : behindProxy(document, service)
}

let accounts = 0
/** Opens an account of its own and gives its id. */
export const open = (url: string, fields: object = {}) =>
  Effect.gen(function* () {
    const accountId = `account-${process.pid}-${++accounts}`
    yield* ask(`${url}/accounts`, { body: { accountId, owner: "Anna", currency: "EUR", ...fields } })
    return accountId
  })

/** A connection that a test writes to as it likes. */
export const connection = (url: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const { hostname, port } = new URL(url)
      let received = ""
      let check = () => {}
      const socket = connect({ host: hostname, port: Number(port) })
      socket.setEncoding("latin1").on("data", (text: string) => {
        received += text
        check()
      })
      socket.on("error", () => {})
      return {
        send: (text: string) => Effect.async<void>((resume) => void socket.write(text, () => resume(Effect.void))),
        /** Waits for this text. */
        receive: (text: string) =>
          Effect.async<void>((resume) => {
            check = () => {
              if (received.includes(text)) resume(Effect.void)
            }
            check()
          }),
        close: () => socket.destroy()
      }
    }),
    ({ close }) => Effect.sync(close)
  )
