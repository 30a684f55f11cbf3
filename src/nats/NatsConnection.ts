/**
 * `NatsConnection` is one connection to a NATS server or cluster, which reconnects by itself. Its requests end: with an
 * answer, or with a `NatsFault` after a time limit. The client is loaded when a connection is opened.
 */
import { Effect, type Scope } from "effect"
import * as MissingPackage from "../core/MissingPackage.ts"
import { DatabaseError } from "../sql/DatabaseError.ts"
import type { NatsAddress } from "./NatsAddress.ts"
import { NatsFault } from "./NatsFault.ts"

/**
 * What is read of a message that came: its code and what that says, where the server sent one, and its named values.
 */
export interface Headers {
  readonly code: number
  readonly description: string
  readonly get: (name: string) => string
}

export interface Message {
  readonly data: Uint8Array
  readonly headers?: Headers | undefined
  readonly json: <T>() => T
}

/** What a server says of itself. */
export interface ServerInfo {
  readonly version: string
  readonly jetstream?: boolean | undefined
  readonly max_payload: number
}

export type Body = Uint8Array | string
export type HeaderValues = Readonly<Record<string, string>>

/**
 * What is used of the package's client. The client's own declarations compile only in a program that does not check its
 * libraries, so ours do not name them.
 */
export interface Client {
  readonly info: () => ServerInfo | undefined
  readonly publish: (
    subject: string,
    body: Body,
    options?: { readonly headers?: HeaderValues; readonly reply?: string }
  ) => void
  readonly request: (subject: string, body: Body | undefined, headers?: HeaderValues) => Promise<Message>
  readonly subscribe: (
    subject: string,
    callback: (error: Error | null, message: Message) => void
  ) => { readonly unsubscribe: () => void }
}

export interface NatsConnection {
  readonly client: Client
  /** Whether a server is connected at this moment: what is sent otherwise would go out at some later time. */
  readonly isConnected: () => boolean
  /** Calls back when the connection is lost, until the function that it gives is called. */
  readonly onLost: (callback: () => void) => () => void
}

/**
 * How long a request waits for its answer, in milliseconds. A new leader of a cluster is found within it, as a rule.
 */
export const requestTimeoutMs = 5_000

/** How long the first connection may take, in milliseconds. */
const connectTimeoutMs = 5_000

/** Between two attempts to connect again, in milliseconds, and between two looks whether the server is there. */
const reconnectMs = 250
const pingMs = 10_000

const problemOf = (cause: unknown) => (MissingPackage.nameOf(cause) === undefined ? "unreachable" : "noDriver")

/** Closed with its scope. */
export const open = (address: NatsAddress): Effect.Effect<NatsConnection, DatabaseError, Scope.Scope> =>
  Effect.gen(function* () {
    const { connect, headers } = yield* Effect.promise(() => import("@nats-io/transport-node"))
    const { password, servers, tls, token, user } = address
    const connection = yield* Effect.acquireRelease(
      Effect.tryPromise(() =>
        connect({
          servers: [...servers],
          name: "daybook",
          // A process knows what it wrote itself.
          noEcho: true,
          timeout: connectTimeoutMs,
          maxReconnectAttempts: -1,
          reconnectTimeWait: reconnectMs,
          // While a password is changed at both ends it is wrong for a while, and the client would give up for good.
          ignoreAuthErrorAbort: true,
          pingInterval: pingMs,
          ...(user !== undefined && { user, pass: password ?? "" }),
          ...(token !== undefined && { token }),
          ...(tls && { tls: {} })
        })
      ).pipe(Effect.mapError(({ cause }) => cause)),
      (connection) => Effect.promise(() => connection.close())
    )
    let connected = true
    const waiting = new Set<() => void>()
    yield* Effect.forkScoped(
      Effect.promise(async () => {
        for await (const { type } of connection.status()) {
          if (type === "disconnect" || type === "close") {
            connected = false
            for (const lost of [...waiting]) lost()
          } else if (type === "reconnect") connected = true
        }
      })
    )
    const withHeaders = (values: HeaderValues | undefined) => {
      if (values === undefined) return {}
      const all = headers()
      for (const [name, value] of Object.entries(values)) all.set(name, value)
      return { headers: all }
    }
    return {
      client: {
        info: () => connection.info,
        publish: (subject, body, { headers, reply } = {}) =>
          connection.publish(subject, body, { ...withHeaders(headers), ...(reply !== undefined && { reply }) }),
        request: (subject, body, headers) =>
          connection.request(subject, body, { timeout: requestTimeoutMs, ...withHeaders(headers) }),
        subscribe: (subject, callback) => connection.subscribe(subject, { callback })
      },
      isConnected: () => connected && !connection.isClosed(),
      onLost: (callback) => {
        waiting.add(callback)
        return () => waiting.delete(callback)
      }
    } satisfies NatsConnection
  }).pipe(
    Effect.catchAllDefect(Effect.fail),
    Effect.mapError((cause) => new DatabaseError({ filename: address.name, problem: problemOf(cause), cause }))
  )

/**
 * Sends a message and waits for the answer to it: until the bound, or until the connection is lost, behind which no
 * answer comes. Whether the message has come anywhere then is not known.
 */
export const ask = (
  { client, onLost }: NatsConnection,
  subject: string,
  body: Body | undefined,
  headers?: HeaderValues
): Effect.Effect<Message, unknown> =>
  Effect.async((resume) => {
    const forget = onLost(() => resume(Effect.fail(new Error("the connection was lost"))))
    client.request(subject, body, headers).then(
      (answer) => {
        forget()
        resume(Effect.succeed(answer))
      },
      (error: unknown) => {
        forget()
        resume(Effect.fail(error))
      }
    )
    return Effect.sync(forget)
  })

/** One question and its answer. Not for what writes: when no answer comes, it is only known that none came. */
export const request = (
  connection: NatsConnection,
  subject: string,
  body?: string
): Effect.Effect<Message, NatsFault> =>
  Effect.suspend(() =>
    connection.isConnected()
      ? Effect.mapError(
          ask(connection, subject, body),
          (cause) => new NatsFault("unreachable", "the NATS server does not answer", cause)
        )
      : Effect.fail(new NatsFault("unreachable", "no NATS server is connected"))
  )
