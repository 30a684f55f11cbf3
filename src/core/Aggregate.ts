/**
 * `Aggregate` declares a kind of durable actor: a contract (state, events, commands), which a client may import, and its
 * behaviour, given to `toLayer`. `docs/guides/aggregate.md` shows one whole.
 */
import { hash } from "node:crypto"
import { type Rpc, RpcGroup, RpcSchema } from "@effect/rpc"
import { Chunk, Context, Effect, Either, Layer, Option, ParseResult, Schema, type SchemaAST, Stream } from "effect"
import type { RuntimeError, StreamDamaged } from "./ActorError.ts"
import {
  ActorSystem,
  type Answer,
  type Committed,
  type DecideContext,
  type Decision,
  type Definition,
  type Outcome,
  type Place
} from "./ActorSystem.ts"
import * as CommandId from "./CommandId.ts"
import * as CompiledSchema from "./CompiledSchema.ts"
import type * as Event from "./Event.ts"
import * as EventCodec from "./EventCodec.ts"
import type { DecodeError } from "./EventError.ts"
import * as EventHash from "./EventHash.ts"
import { maxPage, type ReadError } from "./EventStore.ts"
import * as Fault from "./Fault.ts"
import * as Json from "./Json.ts"
import * as Replay from "./Replay.ts"
import * as SchemaForm from "./SchemaForm.ts"
import type { StoredEvent } from "./StoredEvent.ts"
import { InvalidArgument } from "./StoreError.ts"
import type { StreamId } from "./StreamId.ts"

/** Identifies the aggregate of this name in an Effect's requirements. */
export interface Service<Name extends string> {
  readonly "daybook/core/Aggregate": Name
}

export interface CommandOptions {
  /**
   * Unique in the whole log: the same id with the same command gets the first answer, with another one
   * `CommandIdReused`. 1 to 255 characters. Default: a new one.
   */
  readonly commandId?: string
  /** The version that the aggregate must have when the command is decided, else `VersionMismatch`. */
  readonly expectedVersion?: number
  /**
   * What "the same command" means to the same aggregate, where the payload does not say it. Up to 1,024 characters. Default: a
   * digest of name and payload.
   */
  readonly fingerprint?: string
  /** The conversation that the command belongs to. Default: its own id. */
  readonly correlationId?: string
  /** The event that caused it. Default: none. */
  readonly causationId?: string
}

/** A command's own answer with where it came from. */
export interface Reply<A, E> extends Place {
  readonly outcome: Either.Either<A, E>
  readonly commandId: string
  /** Whether the answer was given before, to the same command id. */
  readonly replayed: boolean
}

/** An event as its readers get it, upcast and decoded, with what is stored of it. */
export interface Recorded<E> {
  readonly event: E
  readonly stored: StoredEvent
}

/** One place in the log as its readers get it: one event; several where it was split, none where it was retired. */
export interface Step<E> {
  readonly events: ReadonlyArray<E>
  readonly stored: StoredEvent
}

type Commands<R extends Rpc.Any> = {
  readonly [K in R as K["_tag"]]: (
    payload: Rpc.PayloadConstructor<K>,
    options?: CommandOptions
  ) => Effect.Effect<Rpc.Success<K>, Rpc.Error<K> | RuntimeError>
}

/** One aggregate, by its id: its commands under their names, and what can be read of it. */
export type Ref<S, E, R extends Rpc.Any> = Commands<R> & {
  /** Sends the command of this name; its answer tells also whether it was given before. */
  readonly ask: <K extends R["_tag"]>(
    command: K,
    payload: Rpc.PayloadConstructor<Extract<R, { readonly _tag: K }>>,
    options?: CommandOptions
  ) => Effect.Effect<
    Reply<Rpc.Success<Extract<R, { readonly _tag: K }>>, Rpc.Error<Extract<R, { readonly _tag: K }>>>,
    RuntimeError
  >
  /** The committed state with its version and position; the initial one with version 0 where nothing happened yet. */
  readonly state: Effect.Effect<Committed<S>, RuntimeError>
  /** Its events after a version (default: all), and then each new one as it is stored. */
  readonly changes: (after?: number) => Stream.Stream<Step<E>, ReadError | DecodeError | StreamDamaged>
}

export interface Behaviour<S, E extends { readonly _tag: string }, R extends Rpc.Any> {
  readonly decide: {
    readonly [K in R as K["_tag"]]: (
      payload: Rpc.Payload<K>,
      state: S,
      context: DecideContext
    ) => Decision<E, Rpc.Error<K>>
  }
  readonly evolve: { readonly [T in E["_tag"]]: (state: S, event: Extract<E, { readonly _tag: T }>) => S }
  /** The answer is made from the state after evolve, so that nobody computes a balance twice. */
  readonly reply: { readonly [K in R as K["_tag"]]: (state: S, at: Place) => Rpc.Success<K> }
}

export interface Contract<Id, S, SI, E extends Event.Any, R extends Rpc.Any> {
  readonly id: Schema.Schema<Id, string>
  readonly state: Schema.Schema<S, SI>
  readonly initial: NoInfer<S>
  readonly events: ReadonlyArray<E>
  readonly commands: ReadonlyArray<R>
  /** Errors, by tag, that are no answer for ever: the same command id is decided anew when it comes again. */
  readonly unkept?: ReadonlyArray<string>
  readonly snapshot?: {
    /** Events between two snapshots. Default: as `ActorConfig` says. */
    readonly every?: number
    /** Raise it when `evolve` computes another state from the same events; older snapshots are then ignored. */
    readonly version?: number
  }
}

/** Its key in a context; a service of the user's own may have the bare name. */
type Key<Name extends string> = `daybook/Aggregate/${Name}`

export interface AggregateClass<Name extends string, Id, S, E extends { readonly _tag: string }, R extends Rpc.Any>
  extends Context.TagClass<Service<Name>, Key<Name>, (id: Id) => Ref<S, E, R>> {
  readonly aggregate: Name
  readonly protocol: RpcGroup.RpcGroup<R>
  readonly codec: EventCodec.EventCodec<E>
  readonly events: ReadonlyArray<Event.Any>
  readonly streamId: (id: Id) => StreamId
  /** Contract and behaviour in one, for tools that work without an actor system: tests, verification. */
  readonly define: (behaviour: Behaviour<S, E, R>) => Definition<S, E>
  /** Runs the aggregate on an actor system. The behaviour may be an effect, where its decisions need services. */
  readonly toLayer: <X = never, Req = never>(
    behaviour: Behaviour<S, E, R> | Effect.Effect<Behaviour<S, E, R>, X, Req>
  ) => Layer.Layer<Service<Name>, X, ActorSystem | Req>
}

/** Whether a value, such as an export of a module, is an aggregate. */
export const isAggregate = (
  value: unknown
): value is Pick<AggregateClass<string, unknown, unknown, Tagged, never>, Tool> =>
  typeof value === "function" && "aggregate" in value && "codec" in value && "events" in value
/** What tools use that know no aggregate by name. */
type Tool = "aggregate" | "codec" | "events"
type Tagged = { readonly _tag: string }

/** A defect of the declaration, found when the aggregate is made. */
export class InvalidAggregate extends Error {
  override readonly name = "InvalidAggregate"
}

/** Whether a value is the same after it was encoded and decoded, and nothing in it could change. */
const isPrimitive = (ast: SchemaAST.AST): boolean => {
  switch (ast._tag) {
    case "StringKeyword":
    case "BooleanKeyword":
    case "BigIntKeyword":
    case "Literal":
    case "TemplateLiteral":
    case "Enums":
    case "UndefinedKeyword":
    case "VoidKeyword":
      return true
    // Any number may be NaN, which JSON has not; a refined one says which numbers it takes.
    case "Refinement":
      return ast.from._tag === "NumberKeyword" || isPrimitive(ast.from)
    case "Union":
      return ast.types.every(isPrimitive)
    // Any other may lose something, and then the fingerprint does not tell two values apart.
    case "Transformation":
      return ast === Schema.BigInt.ast
    default:
      return false
  }
}
/** Whether a copy of the fields is a copy of the value. */
const isFlat = (ast: SchemaAST.AST): boolean =>
  ast._tag === "TypeLiteral" &&
  ast.indexSignatures.length === 0 &&
  ast.propertySignatures.every(({ type }) => isPrimitive(type))

/** A defect of the behaviour: an answer that is not what the contract says. */
export class InvalidAnswer extends Error {
  override readonly name = "InvalidAnswer"
}

const orThrow =
  (encode: (value: unknown) => Either.Either<unknown, ParseResult.ParseError>) =>
  (value: unknown): unknown =>
    Either.getOrThrowWith(encode(value), (error) => error)

/** The schemas of one command, compiled. */
const compile = (rpc: Rpc.AnyWithProps) => {
  const success = rpc.successSchema as Schema.Schema<unknown, unknown>
  const error = rpc.errorSchema as Schema.Schema<unknown, unknown>
  const payload = rpc.payloadSchema as unknown as Schema.Schema<unknown, unknown>
  const { ast } = payload
  const isConstructed = "fields" in payload && "make" in payload
  return {
    /** Whether what `complete` gives is out of the caller's reach. What is not is decided as it was encoded. */
    isOwn: isPrimitive(ast) || (isConstructed && isFlat(ast)),
    // A struct's own constructor fills in its defaults, and copies the fields.
    complete: isConstructed
      ? (values: unknown) =>
          (payload.make as (values: unknown, options: { disableValidation: boolean }) => unknown)(values, {
            disableValidation: true
          })
      : (value: unknown) => value,
    encodePayload: CompiledSchema.encodeUnknownEither(payload),
    decodePayload: Schema.decodeUnknownEither(payload),
    encode: { success: orThrow(CompiledSchema.encodeUnknownEither(success)), refusal: Schema.encodeSync(error) },
    decode: { success: Schema.decodeUnknownSync(success), refusal: Schema.decodeUnknownSync(error) }
  }
}

/** The error without what it quotes, where it is one of the schema or of JSON. */
const discreet = (what: string, error: unknown): unknown =>
  ParseResult.isParseError(error)
    ? new InvalidAnswer(`${what} does not fit its schema at ${Fault.pathOf(error) || "the whole value"}`)
    : error instanceof SyntaxError
      ? new InvalidAnswer(`${what} is not JSON`)
      : error

/** JSON has no undefined, which is what a command without payload or success has: it is the empty text. */
const toText = (value: unknown): string => JSON.stringify(value) ?? ""
const fromText = (text: string): unknown => (text === "" ? undefined : JSON.parse(text))

/** Where a payload does not fit, without quoting it. */
const misfit = (command: string, error: ParseResult.ParseError): InvalidArgument => {
  const argument = [command, Fault.pathOf(error)].filter(Boolean).join(".")
  return new InvalidArgument({ argument, reason: "does not fit its schema" })
}

const notJson = (command: string, { path, reason }: Json.Misfit): InvalidArgument =>
  new InvalidArgument({ argument: [command, path].filter(Boolean).join("."), reason })

/** Changes with the stored form of the state, with what that is decoded to, and with the version of evolve. */
const stateFingerprint = (state: Schema.Schema.Any, version: number): string =>
  hash(
    "sha256",
    JSON.stringify([
      version,
      SchemaForm.of(Schema.encodedBoundSchema(state)),
      // A field that is only computed when a snapshot is decoded may not be what evolve makes of the events.
      SchemaForm.of(Schema.typeSchema(state))
    ])
  )

const isName = (name: string): boolean => /^[A-Za-z][A-Za-z0-9]*$/.test(name)
/** What an aggregate has beside its commands; with `then` it would be taken for a promise. */
const reserved: ReadonlySet<string> = new Set(["ask", "state", "changes", "then", "constructor"])

const traceparentOf = (span: { readonly traceId: string; readonly spanId: string; readonly sampled: boolean }) =>
  `00-${span.traceId}-${span.spanId}-${span.sampled ? "01" : "00"}`

/**
 * `name` becomes the first part of every stream id, with its first letter small: `Account` has `account-704`. It is a letter
 * and then letters and digits, so that no aggregate's streams can begin as another's do.
 */
export const make = <const Name extends string, Id, S, SI, E extends Event.Any, R extends Rpc.Any>(
  name: Name,
  contract: Contract<Id, S, SI, E, R>
): AggregateClass<Name, Id, S, Event.Of<E>, R> => {
  type Evt = Event.Of<E>
  if (!isName(name)) {
    throw new InvalidAggregate(`${JSON.stringify(name)} is no name: give a letter, then letters and digits`)
  }
  const codec = EventCodec.make(contract.events) as EventCodec.EventCodec<Evt>
  const commands = new Map(contract.commands.map((rpc) => [rpc._tag, compile(rpc as never)]))
  if (commands.size < contract.commands.length) throw new InvalidAggregate(`${name} declares a command twice`)
  for (const {
    _tag: tag,
    successSchema
  } of contract.commands as ReadonlyArray<unknown> as ReadonlyArray<Rpc.AnyWithProps>) {
    if (RpcSchema.isStreamSchema(successSchema)) {
      throw new InvalidAggregate(`${name}.${tag} answers with a stream; a command has one answer, to keep`)
    }
    if (reserved.has(tag) || !isName(tag)) {
      throw new InvalidAggregate(`${name}: a command cannot be named ${JSON.stringify(tag)}`)
    }
  }
  const command = (tag: string) => {
    const found = commands.get(tag)
    if (found === undefined) throw new InvalidAggregate(`${name} has no command ${tag}`)
    return found
  }

  const prefix = `${name.charAt(0).toLowerCase()}${name.slice(1)}-`
  // Checked where an actor is made, not for each command.
  const streamOf = (id: string): StreamId => `${prefix}${id}` as StreamId
  const encodeId = Schema.encodeEither(contract.id)
  const encodePayload = (tag: string, payload: unknown): Either.Either<string, InvalidArgument> => {
    const { encodePayload, isOwn } = command(tag)
    const encoded = encodePayload(payload)
    if (Either.isLeft(encoded)) return Either.left(misfit(tag, encoded.left))
    // The schema gives the fields of a flat one in its own order; it says nothing of the order in a record.
    if (isOwn || encoded.right === undefined) return Either.right(toText(encoded.right))
    const bad = Json.misfit(encoded.right)
    return bad === undefined ? Either.right(Json.canonical(encoded.right)) : Either.left(notJson(tag, bad))
  }
  const decodePayload = (tag: string, text: string): Either.Either<unknown, InvalidArgument> =>
    Either.mapLeft(command(tag).decodePayload(fromText(text)), (error) => misfit(tag, error))

  const encodeState = Schema.encodeSync(contract.state)
  const decodeState = Schema.decodeUnknownSync(contract.state)

  const define = (behaviour: Behaviour<S, Evt, R>): Definition<S, Evt> => {
    // The mapped types of a generic union do not reduce here; for each concrete tag they are these.
    const { decide, evolve, reply } = behaviour as unknown as {
      decide: Record<string, (payload: unknown, state: S, context: DecideContext) => Decision<Evt, unknown>>
      evolve: Record<string, (state: S, event: Evt) => S>
      reply: Record<string, (state: S, at: Place) => unknown>
    }
    const own = <F>(table: Record<string, F>, what: string, tag: string): F => {
      const found = Object.hasOwn(table, tag) ? table[tag] : undefined
      if (found === undefined) throw new InvalidAggregate(`${name} has no ${what} for ${tag}`)
      return found
    }
    for (const tag of commands.keys()) {
      own(decide, "decide", tag)
      own(reply, "reply", tag)
    }
    for (const { fate, tag } of contract.events) if (fate === undefined) own(evolve, "evolve", tag)
    return {
      name,
      streamId: streamOf,
      codec,
      initial: contract.initial,
      evolve: (state, event) => own(evolve, "evolve", event._tag)(state, event),
      decide: (tag, payload, state, context) => own(decide, "decide", tag)(payload, state, context),
      reply: (tag, state, at) => own(reply, "reply", tag)(state, at),
      isKept: (error) => !(contract.unkept ?? []).includes((error as { readonly _tag?: string } | null)?._tag ?? ""),
      encodeAnswer: (tag: string, outcome: Outcome, value) => {
        try {
          return toText(command(tag).encode[outcome](value))
        } catch (error) {
          throw discreet(`the ${outcome} of ${name}.${tag}`, error)
        }
      },
      decodeAnswer: (tag: string, outcome: Outcome, text) => {
        try {
          return command(tag).decode[outcome](fromText(text))
        } catch (error) {
          throw discreet(`the stored ${outcome} of ${name}.${tag}`, error)
        }
      },
      encodePayload,
      decodePayload,
      snapshot: {
        every: contract.snapshot?.every,
        fingerprint: stateFingerprint(contract.state, contract.snapshot?.version ?? 1),
        encode: (state) => JSON.stringify(encodeState(state)),
        decode: (data) => decodeState(JSON.parse(data))
      }
    }
  }

  /** What an id that does not fit its schema gives: the same error to all that is asked. */
  const unusable = (error: InvalidArgument): Ref<S, Evt, R> => {
    const methods = Object.fromEntries([...commands.keys(), "ask"].map((tag) => [tag, () => error]))
    return { ...methods, changes: () => Stream.fail(error), state: error } as never
  }

  const ref = (system: ActorSystem["Type"], id: Id): Ref<S, Evt, R> => {
    const encoded = encodeId(id)
    if (Either.isLeft(encoded)) return unusable(misfit("id", encoded.left))
    const encodedId = encoded.right

    const send = <A>(
      tag: string,
      given: unknown,
      options: CommandOptions | undefined,
      onAnswer: (answer: Answer, commandId: string) => Effect.Effect<A, unknown>
    ): Effect.Effect<A, unknown> =>
      Effect.withFiberRuntime((fiber) => {
        const { complete, isOwn } = command(tag)
        const completed = complete(given)
        const encoded = encodePayload(tag, completed)
        if (Either.isLeft(encoded)) return encoded.left
        let payload = completed
        if (!isOwn) {
          const decoded = decodePayload(tag, encoded.right)
          if (Either.isLeft(decoded)) return decoded.left
          payload = decoded.right
        }
        const expectedVersion = options?.expectedVersion
        if (expectedVersion !== undefined && !(Number.isSafeInteger(expectedVersion) && expectedVersion >= 0)) {
          return new InvalidArgument({ argument: "expectedVersion", reason: "is not 0 or a positive integer" })
        }
        const commandId = options?.commandId ?? CommandId.make()
        const span = fiber.currentSpan
        const answer = system.ask({
          aggregate: name,
          id: encodedId,
          command: tag,
          payload,
          commandId,
          retryable: options?.commandId !== undefined,
          fingerprint: options?.fingerprint ?? CommandId.fingerprint(name, encodedId, tag, encoded.right),
          expectedVersion,
          correlationId: options?.correlationId ?? commandId,
          causationId: options?.causationId ?? null,
          traceparent: span === undefined ? null : traceparentOf(span)
        })
        return Effect.flatMap(answer, (given) => onAnswer(given, commandId))
      })

    const ask = (tag: string, payload: unknown, options?: CommandOptions) =>
      send(tag, payload, options, ({ outcome, position, replayed, value, version }, commandId) =>
        Effect.succeed({
          outcome: outcome === "success" ? Either.right(value) : Either.left(value),
          commandId,
          replayed,
          version,
          position
        })
      )
    const own = ({ outcome, value }: Answer) => (outcome === "success" ? Effect.succeed(value) : Effect.fail(value))

    const changes = (after = 0): Stream.Stream<Step<Evt>, ReadError | DecodeError | StreamDamaged> =>
      Stream.suspend(() => {
        let version = Math.max(0, after)
        // Of a place within the stream the hash is not known; what the first event says of it is taken.
        let hash = version === 0 ? EventHash.genesis : undefined
        const page = Effect.gen(function* () {
          const events: Array<Step<Evt>> = []
          for (const stored of yield* system.store.readStream(streamOf(encodedId), { from: version + 1 })) {
            const damaged = Replay.damage({ version, hash: hash ?? stored.previousHash }, stored)
            if (damaged !== undefined) return yield* damaged
            events.push({ events: yield* codec.decode(stored), stored })
            version = stored.version
            hash = stored.hash
          }
          return [Chunk.unsafeFromArray(events), Option.liftPredicate(0, () => events.length === maxPage)] as const
        })
        // Woken by commits of this process, and each second for those of another.
        return Stream.merge(system.store.commits, Stream.tick("1 second")).pipe(
          Stream.flatMap(() => Stream.paginateChunkEffect(0, () => page))
        )
      })

    const methods = Object.fromEntries(
      [...commands.keys()].map((tag) => [
        tag,
        (payload: unknown, options?: CommandOptions) => send(tag, payload, options, own)
      ])
    )
    return { ...methods, ask, changes, state: system.state(name, encodedId) } as never
  }

  class Tag extends Context.Tag(`daybook/Aggregate/${name}`)<Service<Name>, (id: Id) => Ref<S, Evt, R>>() {
    static readonly aggregate = name
    static readonly protocol = RpcGroup.make(...contract.commands)
    static readonly codec = codec
    static readonly events = contract.events
    static readonly streamId = (id: Id): StreamId => streamOf(Either.getOrThrow(encodeId(id)))
    static readonly define = define
    static readonly toLayer = <X, Req>(behaviour: Behaviour<S, Evt, R> | Effect.Effect<Behaviour<S, Evt, R>, X, Req>) =>
      Layer.scoped(
        Tag,
        Effect.gen(function* () {
          const system = yield* ActorSystem
          yield* system.register(define(Effect.isEffect(behaviour) ? yield* behaviour : behaviour))
          return (id: Id) => ref(system, id)
        })
      )
  }
  return Tag as never
}
