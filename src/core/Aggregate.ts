/**
 * `Aggregate` declares a kind of durable actor: a contract (state, events, commands), which a client may import, and its
 * behaviour, given to `toLayer`. `docs/guides/aggregate.md` shows one whole.
 */
import { type Rpc, RpcGroup, RpcSchema } from "@effect/rpc"
import { Chunk, Context, Duration, Effect, Either, Layer, Option, type ParseResult, Schema, Stream } from "effect"
import { ActorConfig } from "./ActorConfig.ts"
import { type RuntimeError, UnstorableState } from "./ActorError.ts"
import { ActorSystem, type Answer } from "./ActorSystem.ts"
import type { Ask, Methods } from "./AggregateRef.ts"
import type { Behaviour } from "./Behaviour.ts"
import { Causation } from "./Causation.ts"
import * as CommandCodec from "./CommandCodec.ts"
import * as CommandId from "./CommandId.ts"
import * as Damage from "./Damage.ts"
import type { Committed, DecideContext, Decision, Definition, Place, SnapshotPolicy } from "./Definition.ts"
import type * as Event from "./Event.ts"
import * as EventCodec from "./EventCodec.ts"
import type { DecodeError } from "./EventError.ts"
import * as EventHash from "./EventHash.ts"
import * as EventOwner from "./EventOwner.ts"
import type { ReadError } from "./EventStore.ts"
import * as HeldValue from "./HeldValue.ts"
import * as KeptPayload from "./KeptPayload.ts"
import { CurrentMetadata } from "./Metadata.ts"
import * as Platform from "./Platform.ts"
import { Principal } from "./Principal.ts"
import type { Step } from "./Recorded.ts"
import * as SchemaForm from "./SchemaForm.ts"
import * as SchemaPath from "./SchemaPath.ts"
import { CurrentStatements } from "./Statements.ts"
import type { Storable, StorableCommands } from "./Storable.ts"
import { InvalidArgument } from "./StoreError.ts"
import * as StreamId from "./StreamId.ts"
import * as TextCodec from "./TextCodec.ts"
import * as Traces from "./Traces.ts"

export type { Reply } from "./AggregateRef.ts"
export type { Behaviour, BehaviourOf } from "./Behaviour.ts"

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
   * What "the same command" means where the payload does not say it: the same aggregate, id, command and fingerprint. Default:
   * the same aggregate, id, command and fields, as they were given.
   */
  readonly fingerprint?: string
  /**
   * What the caller said, as JSON, where your code has filled in fields of the payload that the caller left out: an HTTP server
   * that decoded a body passes the body on here. Fields that it lacks are not part of what the command is. Default: the payload.
   */
  readonly said?: unknown
  /** One that an earlier release of your code gave to this command: what was stored under it is recognized. */
  readonly formerFingerprint?: string
  /** The conversation that the command belongs to. Default: within a reaction that of its event, else the command's own id. */
  readonly correlationId?: string
  /** The event that caused it, as `STREAM@VERSION`: see `Causation.ts`. Default: within a reaction its event, else none. */
  readonly causationId?: string
}

/** One aggregate, by its id: its commands under their names, and what can be read of it. */
export type Ref<S, E, R extends Rpc.Any> = RefOf<string, S, E, R>

/** `Ref` with the name of the aggregate, which the compiler shows where a command is asked that it does not have. */
export type RefOf<_Name extends string, S, E, R extends Rpc.Any> = Methods<R, CommandOptions, RuntimeError> & {
  readonly ask: Ask<R, CommandOptions, RuntimeError>
  /** The committed state with its version and position; the initial one with version 0 where nothing happened yet. */
  readonly state: Effect.Effect<Committed<S>, RuntimeError>
  /** Its events after a version (default: all), and then each new one as it is stored. */
  readonly changes: (after?: number) => Stream.Stream<Step<E>, ReadError | DecodeError>
}

/** The tags of the errors that the commands declare. */
export type ErrorTag<R extends Rpc.Any> =
  Rpc.Error<R> extends infer E ? (E extends { readonly _tag: infer T extends string } ? T : never) : never

export interface Contract<Id, S, SI, E extends Event.Any, R extends Rpc.Any, Name extends string = string> {
  readonly id: Schema.Schema<Id, string>
  readonly state: Schema.Schema<S, SI> & Storable<SI, `the state of ${Name}`>
  readonly initial: NoInfer<S>
  readonly events: ReadonlyArray<E>
  readonly commands: StorableCommands<Name, R>
  /** Errors, by tag, that are not an answer for ever: the same command id is decided again when it comes again. */
  readonly transientErrors?: ReadonlyArray<ErrorTag<R>>
  /**
   * Of commands with more than 7 fields: the orders in which the payload's fields were declared before Daybook had rules of
   * identity with numbers, so that retries from then are recognized. The lock keeps them; see `daybook schema`.
   */
  readonly formerOrders?: CommandCodec.FormerOrders
  readonly snapshot?: {
    /** Events between two snapshots. Default: as `ActorConfig` says. */
    readonly every?: number
    /**
     * Raise it when `evolve` gives another state for the same events, else states go on from snapshots of the old one. Older
     * snapshots are then ignored. `AggregateSpec` and `daybook verify` find where it was forgotten.
     */
    readonly version?: number
  }
}

/** Its key in a context; a service of the user's own may have the bare name. */
type Key<Name extends string> = `daybook/Aggregate/${Name}`

export interface AggregateClass<Name extends string, Id, S, E extends { readonly _tag: string }, R extends Rpc.Any>
  extends Context.TagClass<Service<Name>, Key<Name>, (id: Id) => RefOf<Name, S, E, R>> {
  readonly aggregate: Name
  readonly id: Schema.Schema<Id, string>
  /** The state before the first event. */
  readonly initial: S
  readonly protocol: RpcGroup.RpcGroup<R>
  readonly codec: EventCodec.EventCodec<E>
  /** All its events, for a reader that takes them from this aggregate alone. */
  // biome-ignore lint/suspicious/noExplicitAny: what is stored of each is its own affair; readers see the events.
  readonly events: ReadonlyArray<Event.EventType<string, E, any>>
  /** One of its events, for a reader that takes it from this aggregate alone. */
  readonly event: <T extends Event.Any>(event: T) => T
  readonly commands: ReadonlyArray<R>
  readonly transientErrors: ReadonlyArray<string>
  readonly formerOrders: CommandCodec.FormerOrders
  readonly state: Schema.Schema.AnyNoContext
  /** Which snapshots its states are taken from: those with this fingerprint. */
  readonly snapshot: Pick<SnapshotPolicy<S>, "fingerprint" | "version">
  readonly streamId: (id: Id) => StreamId.StreamId
  /** Contract and behaviour in one, for tools that work without an actor system: tests, verification. */
  readonly define: (behaviour: Behaviour<S, E, R, Name>) => Definition<S, E>
  /** Runs the aggregate on an actor system. The behaviour may be an effect, where its decisions need services. */
  readonly toLayer: <X = never, Req = never>(
    behaviour: Behaviour<S, E, R, Name> | Effect.Effect<Behaviour<S, E, R, Name>, X, Req>
  ) => Layer.Layer<Service<Name>, X, ActorSystem | Req>
}

/** Whether a value, such as an export of a module, is an aggregate. */
export const isAggregate = (
  value: unknown
): value is Pick<AggregateClass<string, unknown, unknown, Tagged, never>, Tool> =>
  typeof value === "function" && "aggregate" in value && "codec" in value && "events" in value
/** What tools use that know no aggregate by name. */
type Tool =
  | "aggregate"
  | "codec"
  | "commands"
  | "events"
  | "formerOrders"
  | "protocol"
  | "snapshot"
  | "state"
  | "transientErrors"
type Tagged = { readonly _tag: string }

/** A defect of the declaration, found when the aggregate is made. */
export class InvalidAggregate extends Error {
  override readonly name = "InvalidAggregate"
}

/** Where an id does not fit, without quoting it. */
const wrongId = (error: ParseResult.ParseError): InvalidArgument =>
  new InvalidArgument({
    argument: ["id", SchemaPath.of(error)].filter(Boolean).join("."),
    reason: "does not fit its schema"
  })

/** Changes with the stored form of the state, with what that is decoded to, and with the version of evolve. */
const stateFingerprint = (state: Schema.Schema.Any, version: number): string =>
  Platform.sha256(
    JSON.stringify([
      version,
      SchemaForm.of(Schema.encodedBoundSchema(state)),
      // A field that is only computed when a snapshot is decoded may not be what evolve makes of the events.
      SchemaForm.of(Schema.typeSchema(state))
    ])
  )

/** The state before the first event, with nothing in it that somebody else could change. */
const initialOf = <S>(codec: TextCodec.TextCodec<S>, given: S): (() => S) => {
  const held = HeldValue.hold(HeldValue.copy(given))
  const frozen = HeldValue.freeze(held)
  if (HeldValue.isPlain(frozen)) return () => frozen
  const written = codec.write(frozen)
  if (Either.isLeft(written)) return () => frozen
  const form: unknown = JSON.parse(written.right.text)
  // A date or a map cannot be frozen: each who asks gets one of its own.
  return () => HeldValue.freeze(Either.getOrThrow(codec.read(form)))
}

/** The state as a reader gets it. What is frozen he may have; of anything else a copy, so that he cannot change the actor's. */
const lender = <S>(schema: Schema.Schema.AnyNoContext, codec: TextCodec.TextCodec<S>): ((state: S) => S) => {
  if (!HeldValue.mayChange(schema)) return (state) => state
  return (state) => {
    if (HeldValue.isPlain(state)) return state
    const copy = Either.map(codec.write(state), ({ asRead }) => asRead)
    // What no text holds has no copy either; no snapshot is made of it, which says so.
    return Either.isRight(copy) && HeldValue.difference(state, copy.right) === undefined ? copy.right : state
  }
}

/** Snapshots hold states that come back as they are, or none. */
const snapshotPolicy = <S>(
  aggregate: string,
  state: Schema.Schema.AnyNoContext,
  codec: TextCodec.TextCodec<S>,
  { every, version = 1 }: { readonly every?: number; readonly version?: number } = {}
): SnapshotPolicy<S> => ({
  every,
  version,
  fingerprint: stateFingerprint(state, version),
  encode: (value) => {
    const written = Either.getOrThrowWith(codec.write(value), (misfit) => new UnstorableState({ aggregate, ...misfit }))
    const path = HeldValue.difference(value, written.asRead)
    if (path === undefined) return written.text
    throw new UnstorableState({ aggregate, path, reason: "it reads back as another value" })
  },
  decode: (data) =>
    Either.getOrThrowWith(
      Either.flatMap(TextCodec.parse(data), codec.read),
      (misfit) => new UnstorableState({ aggregate, ...misfit })
    )
})

const isDecision = <E>(value: unknown): value is Decision<E, unknown> =>
  Either.isEither(value) || Effect.isEffect(value)

const isName = (name: string): boolean => /^[A-Za-z][A-Za-z0-9]*$/.test(name)
/** What an aggregate has beside its commands; with `then` it would be taken for a promise. */
const reserved: ReadonlySet<string> = new Set(["ask", "state", "changes", "then", "constructor"])

const traceparentOf = (span: { readonly traceId: string; readonly spanId: string; readonly sampled: boolean }) =>
  `00-${span.traceId}-${span.spanId}-${span.sampled ? "01" : "00"}`

/**
 * `name` becomes the first part of every stream id, with its first letter small: `Order` has `order-704`. It is a letter
 * and then letters and digits, so that no aggregate's streams can begin as another's do.
 */
export const make = <const Name extends string, Id, S, SI, E extends Event.Any, R extends Rpc.Any>(
  name: Name,
  contract: Contract<Id, S, SI, E, R, Name>
): AggregateClass<Name, Id, S, Event.Of<E>, R> => {
  type Evt = Event.Of<E>
  if (!isName(name)) {
    throw new InvalidAggregate(`${JSON.stringify(name)} is not a name: give a letter, then letters and digits`)
  }
  const codec = EventCodec.make(contract.events, name) as EventCodec.EventCodec<Evt>
  const rpcs = contract.commands as ReadonlyArray<unknown> as ReadonlyArray<Rpc.AnyWithProps>
  for (const [index, { _tag: tag, successSchema }] of rpcs.entries()) {
    if (rpcs.findIndex(({ _tag }) => _tag === tag) !== index) {
      throw new InvalidAggregate(`${name} declares the command ${tag} twice; give each command its own name`)
    }
    if (RpcSchema.isStreamSchema(successSchema)) {
      throw new InvalidAggregate(`${name}.${tag} answers with a stream; a command has one answer, to keep`)
    }
    if (reserved.has(tag) || !isName(tag)) {
      const rule = "give it a letter, then letters and digits, and no name that every aggregate has"
      throw new InvalidAggregate(`${name}: a command cannot be named ${JSON.stringify(tag)}; ${rule}`)
    }
  }
  const commands = CommandCodec.make(name, rpcs, contract.formerOrders)
  for (const { command, part } of commands.nested) {
    throw new InvalidAggregate(
      `within the ${part} of ${name}.${command} stands a form with versions of its own; give the versions to the whole ${part}`
    )
  }
  const transient: ReadonlySet<string> = new Set(contract.transientErrors ?? [])
  for (const tag of transient) {
    if (!commands.errorTags.has(tag)) {
      throw new InvalidAggregate(`${name}: no command has the transient error ${tag}; name one that a command declares`)
    }
  }

  EventOwner.claim(name, contract.events)
  const prefix = StreamId.prefixOf(name)
  // Checked where an actor is made, not for each command.
  const streamOf = (id: string): StreamId.StreamId => `${prefix}${id}` as StreamId.StreamId
  const encodeId = Schema.encodeEither(contract.id)
  const stateCodec = TextCodec.make<S, SI>(contract.state, { refuseExcess: true })
  const initial = initialOf(stateCodec, contract.initial)
  const stateSchema = contract.state as Schema.Schema.AnyNoContext
  const hold = HeldValue.holder<S>(stateSchema)
  const lend = lender(stateSchema, stateCodec)
  const snapshot = snapshotPolicy(name, stateSchema, stateCodec, contract.snapshot)

  const define = (behaviour: Behaviour<S, Evt, R, Name>): Definition<S, Evt> => {
    // The mapped types of a generic union do not reduce here; for each concrete tag they are these.
    const { decide, evolve, reply } = behaviour as unknown as {
      decide: Record<string, (payload: unknown, state: S, context: DecideContext) => Decision<Evt, unknown>>
      evolve: Record<string, (state: S, event: Evt) => S>
      reply: Record<string, (state: S, at: Place) => unknown>
    }
    const own = <F>(table: Record<string, F>, what: string, tag: string): F => {
      const found = Object.hasOwn(table, tag) ? table[tag] : undefined
      if (found === undefined) throw new InvalidAggregate(`${name} has no ${what} for ${tag}; add it to the behaviour`)
      return found
    }
    for (const tag of commands.tags) {
      own(decide, "decide", tag)
      own(reply, "reply", tag)
    }
    for (const { fate, tag } of contract.events) if (fate === undefined) own(evolve, "evolve", tag)
    return {
      name,
      streamId: streamOf,
      codec,
      commands,
      get initial() {
        return initial()
      },
      evolve: (state, event) => own(evolve, "evolve", event._tag)(state, event),
      hold,
      decide: (tag, payload, state, context) => {
        const decision: unknown = own(decide, "decide", tag)(payload, state, context)
        if (isDecision<Evt>(decision)) return decision
        throw new TypeError(
          `${name}.${tag}: decide returns neither; wrap its events in Either.right([…]), or in an Effect`
        )
      },
      reply: (tag, state, at) => own(reply, "reply", tag)(state, at),
      isKept: (error) => !transient.has((error as { readonly _tag?: string } | null)?._tag ?? ""),
      snapshot
    }
  }

  /** What an id that does not fit its schema gives: the same error to all that is asked. */
  const unusable = (error: InvalidArgument): Ref<S, Evt, R> => {
    const methods = Object.fromEntries([...commands.tags, "ask"].map((tag) => [tag, () => error]))
    return { ...methods, changes: () => Stream.fail(error), state: error } as never
  }

  const ref = (system: ActorSystem["Type"], keepsPayloads: boolean, id: Id): Ref<S, Evt, R> => {
    const encoded = encodeId(id)
    if (Either.isLeft(encoded)) return unusable(wrongId(encoded.left))
    const encodedId = encoded.right

    const send = <A>(
      tag: string,
      given: unknown,
      options: CommandOptions | undefined,
      onAnswer: (answer: Answer, commandId: string) => Effect.Effect<A, unknown>,
      isInSpan = false
    ): Effect.Effect<A, unknown> =>
      Effect.withFiberRuntime((fiber) => {
        if (!isInSpan && Context.get(fiber.currentContext, Traces.Traced)) {
          return Traces.command(name, tag, send(tag, given, options, onAnswer, true))
        }
        const commandId = options?.commandId ?? CommandId.make()
        const received = commands.receive(tag, encodedId, given, commandId, options)
        if (Either.isLeft(received)) return received.left
        const expectedVersion = options?.expectedVersion
        if (expectedVersion !== undefined && !(Number.isSafeInteger(expectedVersion) && expectedVersion >= 0)) {
          return new InvalidArgument({ argument: "expectedVersion", reason: "is not 0 or a positive integer" })
        }
        const { earlier, fingerprint, payload, stored } = received.right
        const span = fiber.currentSpan
        const sender = Context.get(fiber.currentContext, Principal)
        const cause = Context.get(fiber.currentContext, Causation)
        const answer = system.ask({
          aggregate: name,
          id: encodedId,
          command: tag,
          payload,
          commandId,
          retryable: options?.commandId !== undefined,
          fingerprint,
          // Nothing can have been stored under an id that was made for it.
          earlier: options?.commandId === undefined ? undefined : earlier,
          expectedVersion,
          correlationId: options?.correlationId ?? cause?.correlationId ?? commandId,
          causationId: options?.causationId ?? cause?.causationId ?? null,
          traceparent: span === undefined ? null : traceparentOf(span),
          principal: sender === null ? null : sender.name,
          isPersonal: sender?.isPersonal === true,
          // A caller that chose no id cannot ask about it.
          kept: keepsPayloads && options?.commandId !== undefined ? KeptPayload.write(stored) : undefined,
          metadata: Context.get(fiber.currentContext, CurrentMetadata),
          statements: Context.get(fiber.currentContext, CurrentStatements) ?? undefined
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

    const changes = (after = 0): Stream.Stream<Step<Evt>, ReadError | DecodeError> =>
      Stream.suspend(() => {
        let version = Math.max(0, after)
        // The hash at a place within the stream is not known; what the first event says of it is taken.
        let hash = version === 0 ? EventHash.genesis : undefined
        const next = Effect.gen(function* () {
          const events: Array<Step<Evt>> = []
          const page = yield* system.store.readStream(streamOf(encodedId), { from: version + 1 })
          for (const stored of page.events) {
            const damaged = Damage.ofLink({ version, hash: hash ?? stored.previousHash }, stored)
            if (damaged !== undefined) return yield* damaged
            events.push({ events: yield* codec.decode(stored), stored })
            version = stored.version
            hash = stored.hash
          }
          return [Chunk.unsafeFromArray(events), Option.liftPredicate(0, () => page.more)] as const
        })
        // Woken by commits of this process, and each second for those of another.
        return Stream.merge(system.store.commits, Stream.tick("1 second")).pipe(
          Stream.flatMap(() => Stream.paginateChunkEffect(0, () => next))
        )
      })

    const methods = Object.fromEntries(
      commands.tags.map((tag) => [
        tag,
        (payload: unknown, options?: CommandOptions) => send(tag, payload, options, own)
      ])
    )
    const state = Effect.map(system.state(name, encodedId), (found) => ({ ...found, state: lend(found.state as S) }))
    return { ...methods, ask, changes, state } as never
  }

  class Tag extends Context.Tag(`daybook/Aggregate/${name}`)<Service<Name>, (id: Id) => Ref<S, Evt, R>>() {
    static readonly aggregate = name
    static readonly id = contract.id
    static get initial() {
      return initial()
    }
    static readonly protocol = RpcGroup.make(...contract.commands)
    static readonly codec = codec
    static readonly events = contract.events.map((event) => EventOwner.only(name, event))
    static readonly event = <T extends Event.Any>(event: T): T => {
      if ((contract.events as ReadonlyArray<Event.Any>).includes(event)) return EventOwner.only(name, event)
      throw new InvalidAggregate(`${name} does not declare the event ${event.tag} in this form`)
    }
    static readonly commands = contract.commands
    static readonly transientErrors = contract.transientErrors ?? []
    static readonly formerOrders = contract.formerOrders ?? {}
    static readonly snapshot = snapshot
    static readonly state = contract.state
    static readonly streamId = (id: Id): StreamId.StreamId => streamOf(Either.getOrThrow(encodeId(id)))
    static readonly define = define
    static readonly toLayer = <X, Req>(behaviour: Behaviour<S, Evt, R> | Effect.Effect<Behaviour<S, Evt, R>, X, Req>) =>
      Layer.scoped(
        Tag,
        Effect.gen(function* () {
          const system = yield* ActorSystem
          yield* system.register(define(Effect.isEffect(behaviour) ? yield* behaviour : behaviour))
          const keepsPayloads = Duration.toMillis((yield* ActorConfig).payloadRetention) > 0
          return (id: Id) => ref(system, keepsPayloads, id)
        })
      )
  }
  return Tag as never
}
