/**
 * `Aggregate` declares a kind of durable actor: a contract (state, events, commands), which a client may import, and
 * its behaviour, given to `toLayer`. `docs/guides/aggregate.md` shows one whole.
 */
import type * as Rpc from "@effect/rpc/Rpc"
import * as RpcGroup from "@effect/rpc/RpcGroup"
import * as RpcSchema from "@effect/rpc/RpcSchema"
import { Context, Duration, Effect, Either, Layer, type ParseResult, Schema, Stream } from "effect"
import { ActorConfig } from "./ActorConfig.ts"
import { ActorSystem } from "./ActorSystem.ts"
import type { Ref, RefOf } from "./AggregateInstance.ts"
import * as AggregateInstance from "./AggregateInstance.ts"
import * as AggregateState from "./AggregateState.ts"
import type { Behaviour } from "./Behaviour.ts"
import * as CommandCodec from "./CommandCodec.ts"
import type { DecideContext, Decision, Definition, Place, SnapshotPolicy } from "./Definition.ts"
import type * as Event from "./Event.ts"
import * as EventCodec from "./EventCodec.ts"
import * as EventOwner from "./EventOwner.ts"
import * as HeldValue from "./HeldValue.ts"
import * as SchemaPath from "./SchemaPath.ts"
import type { Storable, StorableCommands } from "./Storable.ts"
import { InvalidArgument } from "./StoreError.ts"
import * as StreamId from "./StreamId.ts"
import * as TextCodec from "./TextCodec.ts"

export type { CommandOptions, Ref, RefOf } from "./AggregateInstance.ts"
export type { Reply } from "./AggregateRef.ts"
export type { Behaviour, BehaviourOf } from "./Behaviour.ts"

/** Identifies the aggregate of this name in an Effect's requirements. */
export interface Service<Name extends string> {
  readonly "daybook/core/Aggregate": Name
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
  /** Errors, by tag, that are not kept as the answer: a command that comes again with the same id is decided again. */
  readonly transientErrors?: ReadonlyArray<ErrorTag<R>>
  /**
   * Of commands with more than 7 fields: the orders in which the payload's fields were declared before Daybook had
   * rules of identity with numbers, so that retries from then are recognized. The lock keeps them; see `daybook
   * schema`.
   */
  readonly formerOrders?: CommandCodec.FormerOrders
  readonly snapshot?: {
    /** Events between two snapshots. Default: as `ActorConfig` says. */
    readonly every?: number
    /**
     * Raise it when `evolve` returns another state for the same events; otherwise states go on from snapshots made by
     * the old one. Older snapshots are then ignored. `AggregateSpec` and `daybook verify` find where it was forgotten.
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

const isDecision = <E>(value: unknown): value is Decision<E, unknown> =>
  Either.isEither(value) || Effect.isEffect(value)

const isName = (name: string): boolean => /^[A-Za-z][A-Za-z0-9]*$/.test(name)
/** What an aggregate has beside its commands; with `then` it would be taken for a promise. */
const reserved: ReadonlySet<string> = new Set(["ask", "state", "changes", "then", "constructor"])

/**
 * `name` becomes the first part of every stream id, with its first letter small: `Order` has `order-704`. It is a
 * letter and then letters and digits, so that no aggregate's streams can begin as another's do.
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
  const initial = AggregateState.initialOf(stateCodec, contract.initial)
  const stateSchema = contract.state as Schema.Schema.AnyNoContext
  const hold = HeldValue.holder<S>(stateSchema)
  const lend = AggregateState.lender(stateSchema, stateCodec)
  const snapshot = AggregateState.snapshotPolicy(name, stateSchema, stateCodec, contract.snapshot)

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

  /** For an id that does not fit its schema: every question gets the same error. */
  const unusable = (error: InvalidArgument): Ref<S, Evt, R> => {
    const methods = Object.fromEntries([...commands.tags, "ask"].map((tag) => [tag, () => error]))
    return { ...methods, changes: () => Stream.fail(error), state: error } as never
  }

  const Instance = AggregateInstance.of({ name, codec, commands, streamOf, lend })
  const ref = (system: ActorSystem["Type"], keepsPayloads: boolean, id: Id): Ref<S, Evt, R> => {
    const encoded = encodeId(id)
    return Either.isLeft(encoded)
      ? unusable(wrongId(encoded.left))
      : (new Instance({ system, keepsPayloads, id: encoded.right }) as never)
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
