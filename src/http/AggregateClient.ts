/**
 * `AggregateClient`, which users know as `Client`, speaks to a service that serves an aggregate, and has the methods of
 * the embedded one: commands under their names, `ask`, `state`, `changes`. It is made from the contract, and runs
 * wherever `fetch` does.
 *
 *     const tanks = Client.make(Tank, { baseUrl: "http://127.0.0.1:8080" })
 *     const { litres } = yield* tanks("7").Fill({ litres: 40 })
 *
 * A command fails with its own error, as in the process; with `RequestFailed` where the service says why it has no
 * answer; or with `Unreachable`, and then it is not known whether it was done: both have its id, and the same command
 * with that id is safe.
 */
import type { Rpc } from "@effect/rpc"
import { Chunk, Effect, Either, Option, ParseResult, Schema, Stream } from "effect"
import type { AggregateClass, CommandOptions } from "../core/Aggregate.ts"
import type { Ask, Methods } from "../core/AggregateRef.ts"
import type { EventType } from "../core/Event.ts"
import type { DecodeError } from "../core/EventError.ts"
import * as PayloadDefaults from "../core/PayloadDefaults.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import * as Published from "../projection/Published.ts"
import * as EntityTag from "./EntityTag.ts"

export interface Options {
  /** The service's URL, such as `https://tanks.example.org`. */
  readonly baseUrl: string
  /** Its bearer token. Default: none. */
  readonly token?: string
  /** Default: that of the platform. */
  readonly fetch?: typeof globalThis.fetch
  /** Between two looks of `changes` for new events, in milliseconds. Default: 1,000. */
  readonly lookInterval?: number
}

/** The service answered, but not with an answer of the command: `code` is that of its problem. */
export class RequestFailed extends Schema.TaggedError<RequestFailed>()("RequestFailed", {
  status: Schema.Int,
  code: Schema.String,
  detail: Schema.String,
  /** Seconds after which the same request may fare better. */
  retryAfter: Schema.NullOr(Schema.Number),
  /** The same as in the service's log. */
  correlationId: Schema.NullOr(Schema.String),
  /** The id of the command: send it again with this id. */
  commandId: Schema.NullOr(Schema.String)
}) {
  override get message() {
    return `${this.code}: ${this.detail}`
  }
}

/** No answer came. A command may have been done: send it again with the same id, and it is done once. */
export class Unreachable extends Schema.TaggedError<Unreachable>()("Unreachable", {
  url: Schema.String,
  commandId: Schema.NullOr(Schema.String),
  cause: Schema.Defect
}) {
  override get message() {
    return `${this.url} did not answer`
  }
}

/** The value does not fit the contract: what was to be sent, or what came. */
export class Misfit extends Schema.TaggedError<Misfit>()("Misfit", {
  what: Schema.String,
  reason: Schema.String
}) {
  override get message() {
    return `${this.what} does not fit the contract: ${this.reason}`
  }
}

export type ClientError = RequestFailed | Unreachable | Misfit

export type { Reply } from "../core/AggregateRef.ts"

export type SendOptions = Pick<CommandOptions, "commandId" | "expectedVersion">

export interface RemoteState<S> {
  readonly state: S
  readonly version: number
  readonly position: number
}

/** An event as the service shows it. */
export interface EventView {
  readonly position: number
  readonly streamId: string
  readonly version: number
  readonly type: string
  readonly schemaVersion: number
  readonly data: unknown
  readonly commandId: string
  readonly correlationId: string
  readonly recordedAt: string
  readonly hash: string
  /** From its entry in the journal. A service of a release before these two does not send them. */
  readonly sequence?: number
  /** Who sent its command; null where none is named. */
  readonly principal?: string | null
}

/** One place in the stream: one event; several where it was split, none where it was retired. */
export interface RemoteStep<E> {
  readonly events: ReadonlyArray<E>
  readonly stored: EventView
}

/** One aggregate of the service, by its id. */
export type RemoteRef<S, E, R extends Rpc.Any> = Methods<R, SendOptions, ClientError> & {
  readonly ask: Ask<R, SendOptions, ClientError>
  /** The committed state with its version and position; the initial one with version 0 where nothing happened yet. */
  readonly state: Effect.Effect<RemoteState<S>, ClientError>
  /** Its events after a version (default: all), and then each new one as the service has it. */
  readonly changes: (after?: number) => Stream.Stream<RemoteStep<E>, ClientError | DecodeError>
}

/** What came of a request that was answered. */
interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly json: Readonly<Record<string, unknown>>
}

interface Asked {
  readonly path: string
  readonly commandId?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Of a command: its JSON; undefined where it has none. */
  readonly body?: string | undefined
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const textOf = (value: unknown): string | null => (typeof value === "string" ? value : null)

/** What the service says about a request that it refused or could not answer. */
const failureOf = ({ headers, json, status }: Answer, commandId: string | undefined): RequestFailed =>
  new RequestFailed({
    status,
    code: textOf(json.code) ?? `http-${status}`,
    detail: textOf(json.detail) ?? "the answer is not one of a Daybook service",
    retryAfter: headers.has("retry-after") ? Number(headers.get("retry-after")) : null,
    correlationId: textOf(json.correlationId),
    commandId: commandId ?? null
  })

const misfit = (what: string) => (error: ParseResult.ParseError) =>
  new Misfit({ what, reason: ParseResult.TreeFormatter.formatErrorSync(error) })

const Placed = Schema.Struct({ version: Schema.Int, position: Schema.Int })
const Page = Schema.Struct({
  events: Schema.Array(
    Schema.Struct({
      ...Placed.fields,
      streamId: Schema.String,
      type: Schema.String,
      schemaVersion: Schema.Int,
      data: Schema.Unknown,
      commandId: Schema.String,
      correlationId: Schema.String,
      recordedAt: Schema.String,
      hash: Schema.String,
      sequence: Schema.optionalWith(Schema.Int, { exact: true }),
      principal: Schema.optionalWith(Schema.NullOr(Schema.String), { exact: true })
    })
  ),
  next: Schema.NullOr(Schema.Int)
})

/** Makes requests to one service. */
const requester = ({ baseUrl, fetch = globalThis.fetch, token }: Options) => {
  const base = baseUrl.replace(/\/+$/, "")
  return ({ body, commandId, headers, path }: Asked): Effect.Effect<Answer, Unreachable> => {
    const url = `${base}${path}`
    return Effect.tryPromise({
      try: async (signal) => {
        const response = await fetch(url, {
          method: commandId === undefined ? "GET" : "POST",
          signal,
          headers: {
            accept: "application/json, application/problem+json",
            ...(token !== undefined && { authorization: `Bearer ${token}` }),
            ...(commandId !== undefined && { "idempotency-key": commandId }),
            ...(body !== undefined && { "content-type": "application/json" }),
            ...headers
          },
          ...(body !== undefined && { body })
        })
        const text = await response.text()
        return { status: response.status, headers: response.headers, json: parsed(text) }
      },
      catch: (cause) => new Unreachable({ url, commandId: commandId ?? null, cause })
    })
  }
}

/** A proxy's answer in place of the service's may be anything. */
const parsed = (text: string): Answer["json"] => {
  try {
    const json: unknown = JSON.parse(text)
    return isObject(json) ? json : {}
  } catch {
    return {}
  }
}

/** A command of a contract, its types forgotten, and what its payload fills in. */
interface Sent extends Published.PublicCommand {
  readonly defaults: PayloadDefaults.PayloadDefaults
}

const sentOf = (rpc: Rpc.AnyWithProps): Sent => ({
  ...Published.commandOf(rpc),
  defaults: PayloadDefaults.of(rpc.payloadSchema)
})

/**
 * What the service shows of an event, as the codec of the contract reads it: in today's form, except one that is
 * no more.
 */
const toStored = (view: EventView, type: EventType<string, never, never> | undefined): StoredEvent => {
  const isCurrent = type !== undefined && type.fate === undefined
  return {
    ...view,
    streamId: view.streamId as StoredEvent["streamId"],
    type: isCurrent ? type.tag : view.type,
    schemaVersion: isCurrent ? type.version : view.schemaVersion,
    data: JSON.stringify(view.data),
    recordedAt: Date.parse(view.recordedAt),
    causationId: null,
    traceparent: null,
    previousHash: "",
    principal: view.principal ?? null,
    sequence: view.sequence ?? 0
  }
}

/** The aggregates of this contract that the service has, by their ids. */
export const make = <Name extends string, Id, S, E extends { readonly _tag: string }, R extends Rpc.Any>(
  aggregate: AggregateClass<Name, Id, S, E, R>,
  options: Options
): ((id: Id) => RemoteRef<S, E, R>) => {
  const name: string = aggregate.aggregate
  const request = requester(options)
  const { lookInterval = 1_000 } = options
  const rpcs = aggregate.commands as ReadonlyArray<unknown> as ReadonlyArray<Rpc.AnyWithProps>
  const commands = new Map(rpcs.map((rpc) => [rpc._tag as string, sentOf(rpc)]))
  const types = new Map(
    aggregate.events.flatMap((type) => [type.tag, ...type.formerTags].map((tag) => [tag, type] as const))
  )
  const encodeId = Schema.encodeEither(aggregate.id)

  const bodyOf = (tag: string, { defaults, payload }: Sent, given: unknown) =>
    Schema.encodeUnknownEither(payload)(defaults.complete(given)).pipe(
      Either.mapBoth({
        onLeft: misfit(`the payload of ${name}.${tag}`),
        // What the caller did not say is the service's to fill in.
        onRight: (form): string | undefined => JSON.stringify(PayloadDefaults.without(form, defaults.defaulted(given)))
      })
    )

  const send = (
    path: string,
    tag: string,
    given: unknown,
    { commandId = crypto.randomUUID(), expectedVersion }: SendOptions
  ) =>
    Effect.gen(function* () {
      const command = commands.get(tag)
      if (command === undefined)
        return yield* new Misfit({ what: `${name}.${tag}`, reason: "there is no such command" })
      const body = yield* bodyOf(tag, command, given)
      const headers = expectedVersion === undefined ? {} : { "if-match": `"${expectedVersion}"` }
      const answer = yield* request({ path: `${path}/${tag}`, commandId, headers, body })
      const replayed = answer.headers.get("idempotency-replayed") === "true"
      const place = {
        commandId,
        replayed,
        version: EntityTag.versionOf(answer.headers.get("etag")),
        position: Number(answer.headers.get("daybook-position") ?? 0)
      }
      const what = `the answer to ${name}.${tag}`
      if (answer.status === 200) {
        const result: unknown = yield* Effect.mapError(
          Schema.decodeUnknown(command.success)(answer.json.result),
          misfit(what)
        )
        return { ...place, outcome: Either.right(result) }
      }
      if (!("error" in answer.json)) return yield* failureOf(answer, commandId)
      const error: unknown = yield* Effect.mapError(
        Schema.decodeUnknown(command.error)(answer.json.error),
        misfit(what)
      )
      return { ...place, outcome: Either.left(error) }
    })

  const state = (path: string): Effect.Effect<RemoteState<S>, ClientError> =>
    Effect.gen(function* () {
      const answer = yield* request({ path })
      if (answer.json.code === "aggregate-not-found") return { state: aggregate.initial, version: 0, position: 0 }
      if (answer.status !== 200) return yield* failureOf(answer, undefined)
      const what = `the state of ${name}`
      const place = yield* Effect.mapError(Schema.decodeUnknown(Placed)(answer.json), misfit(what))
      const found: unknown = yield* Effect.mapError(
        Schema.decodeUnknown(aggregate.state)(answer.json.state),
        misfit(what)
      )
      return { ...place, state: found as S }
    })

  const changes = (path: string, from: number): Stream.Stream<RemoteStep<E>, ClientError | DecodeError> =>
    Stream.paginateChunkEffect({ after: from, wait: false }, ({ after, wait }) =>
      Effect.gen(function* () {
        if (wait) yield* Effect.sleep(lookInterval)
        const answer = yield* request({ path: `${path}/events?after=${after}&limit=1000` })
        const isNone = answer.json.code === "aggregate-not-found"
        if (answer.status !== 200 && !isNone) return yield* failureOf(answer, undefined)
        const { events, next } = isNone
          ? { events: [], next: null }
          : yield* Effect.mapError(Schema.decodeUnknown(Page)(answer.json), misfit(`the events of ${name}`))
        const steps: Array<RemoteStep<E>> = []
        for (const stored of events) {
          const type = types.get(stored.type) as EventType<string, never, never> | undefined
          steps.push({ stored, events: yield* aggregate.codec.decode(toStored(stored, type)) })
        }
        const last = events.at(-1)?.version ?? after
        return [Chunk.unsafeFromArray(steps), Option.some({ after: last, wait: next === null })] as const
      })
    )

  /** What an id that does not fit its schema gives: the same error to all that is asked. */
  const unusable = (error: Misfit): RemoteRef<S, E, R> => {
    const methods = Object.fromEntries([...commands.keys(), "ask"].map((tag) => [tag, () => error]))
    return { ...methods, state: error, changes: () => Stream.fail(error) } as never
  }

  return (id) => {
    const encoded = encodeId(id)
    if (Either.isLeft(encoded)) return unusable(misfit(`the id of ${name}`)(encoded.left))
    const path = `/aggregates/${name}/${encodeURIComponent(encoded.right)}`
    const methods = Object.fromEntries(
      [...commands.keys()].map((tag) => [
        tag,
        (payload: unknown, given: SendOptions = {}) =>
          Effect.flatMap(send(path, tag, payload, given), ({ outcome }): Effect.Effect<unknown, unknown> => outcome)
      ])
    )
    const ask = (tag: string, payload: unknown, given: SendOptions = {}) => send(path, tag, payload, given)
    // The mapped types of a generic union do not reduce here; for each concrete contract they are these.
    return { ...methods, ask, state: state(path), changes: (after = 0) => changes(path, after) } as never
  }
}
