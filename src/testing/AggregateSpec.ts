/**
 * `AggregateSpec` tests what an aggregate decides, without a store or an actor:
 *
 *     const AccountSpec = AggregateSpec.make(Account, behaviour)
 *     AccountSpec.given(opened, deposited(500n)).when("Withdraw", { amount: "9.00" }).failsWith(InsufficientFunds)
 *
 * Each check is an effect that dies with an `AssertionError`, so that any test runner can run it. A test cannot leave what
 * the runtime allows: payloads must fit their command, events must be storable, and evolve must do the same with an event
 * fresh from decide and with the one that comes back from a store.
 */
import { AssertionError, deepStrictEqual, fail, ok } from "node:assert"
import type { Rpc } from "@effect/rpc"
import { Effect, Either } from "effect"
import type { DecideContext, Definition } from "../core/ActorSystem.ts"
import type { AggregateClass, Behaviour } from "../core/Aggregate.ts"
import * as EventHash from "../core/EventHash.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"

type Tagged = { readonly _tag: string }

/** The outcome of the last command, and the checks on it. */
export interface Then<E, R extends Rpc.Any, Current extends Rpc.Any> extends When<E, R> {
  /** It emitted exactly these events, in this order. */
  readonly emits: (...events: ReadonlyArray<E>) => Effect.Effect<void>
  /** It succeeded and emitted none. */
  readonly emitsNothing: () => Effect.Effect<void>
  /** It was refused with this error, whose fields have these values where they are given. */
  readonly failsWith: <F extends Rpc.Error<Current>>(
    error: new (...values: ReadonlyArray<never>) => F,
    fields?: Partial<F>
  ) => Effect.Effect<void>
  /** It succeeded with this answer. Versions and positions count the events from 1. */
  readonly replies: (value: Rpc.Success<Current>) => Effect.Effect<void>
}

export interface When<E, R extends Rpc.Any> {
  /** Decides a command on what happened so far; a further one builds on the events of this one. */
  readonly when: <K extends R["_tag"]>(
    command: K,
    payload: Rpc.PayloadConstructor<Extract<R, { readonly _tag: K }>>,
    context?: Partial<DecideContext>
  ) => Then<E, R, Extract<R, { readonly _tag: K }>>
}

export interface Spec<E, R extends Rpc.Any> {
  /** What happened before. */
  readonly given: (...events: ReadonlyArray<E>) => When<E, R>
}

interface History<S, E> {
  readonly state: S
  readonly version: number
  readonly last?: { readonly command: string; readonly outcome: Either.Either<ReadonlyArray<E>, unknown> }
}

/** How a schema's constructor fills in defaults. */
type Complete = (values: unknown, options: { readonly disableValidation: true }) => unknown

const orFail = <A>(what: string, result: Either.Either<A, { readonly message: string }>): A =>
  Either.getOrThrowWith(result, ({ message }) => new AssertionError({ message: `${what}: ${message}` }))

/** What comes back from a store for the event. */
const stored = <S, E extends Tagged>(
  { codec, streamId }: Definition<S, E>,
  event: E,
  version: number
): ReadonlyArray<E> => {
  const row: Omit<StoredEvent, "hash"> = {
    ...orFail("the event cannot be stored", codec.encode(event)),
    streamId: streamId("spec"),
    version,
    position: version,
    commandId: `command-${version}`,
    correlationId: `command-${version}`,
    causationId: null,
    traceparent: null,
    recordedAt: 0,
    previousHash: EventHash.genesis
  }
  return orFail("the stored event cannot be read", codec.decode({ ...row, hash: EventHash.compute(row) }))
}

const after = <S, E extends Tagged>(
  definition: Definition<S, E>,
  { state, version }: History<S, E>,
  events: ReadonlyArray<E>
): History<S, E> => ({
  state: events.reduce<S>(
    (current, event, index) => stored(definition, event, version + index + 1).reduce(definition.evolve, current),
    state
  ),
  version: version + events.length
})

export const make = <S, E extends Tagged, R extends Rpc.Any>(
  // biome-ignore lint/suspicious/noExplicitAny: the name and the id of the aggregate play no part here.
  aggregate: AggregateClass<any, any, S, E, R>,
  behaviour: NoInfer<Behaviour<S, E, R>>
): Spec<E, R> => {
  const definition = aggregate.define(behaviour)

  /** The payload as decide gets it: with the defaults of its schema, fitting it, and as it comes back from its text. */
  const received = (command: string, payload: unknown): unknown => {
    const rpc: unknown = aggregate.protocol.requests.get(command)
    const schema = (rpc as Rpc.AnyWithProps).payloadSchema as { readonly make?: Complete }
    const complete = schema.make === undefined ? payload : schema.make(payload, { disableValidation: true })
    const text = orFail("the command cannot be sent", definition.encodePayload(command, complete))
    return orFail("the command cannot be read", definition.decodePayload(command, text))
  }

  const decide = (command: string, payload: unknown, context: Partial<DecideContext>) =>
    Effect.fnUntraced(function* (before: History<S, E>) {
      const { state, version } = before
      const commandId = context.commandId ?? "command"
      const decision = definition.decide(command, received(command, payload), state, {
        id: "spec",
        version,
        now: 0,
        commandId,
        correlationId: commandId,
        causationId: null,
        ...context
      })
      const outcome = yield* Effect.either(decision)
      const events = Either.getOrElse(outcome, (): ReadonlyArray<E> => [])
      return { ...after(definition, before, events), last: { command, outcome } }
    })

  const check = (history: Effect.Effect<History<S, E>>, assert: (found: Required<History<S, E>>) => void) =>
    Effect.map(history, (found) => assert(found as Required<History<S, E>>))

  const next = (history: Effect.Effect<History<S, E>>): When<E, R> => ({
    when: (command, payload, context = {}) =>
      then(Effect.flatMap(history, decide(command, payload, context))) as Then<E, R, never>
  })

  const emitted = ({ last: { command, outcome } }: Required<History<S, E>>): ReadonlyArray<E> =>
    Either.isRight(outcome) ? outcome.right : fail(`${command} was refused: ${String(outcome.left)}`)

  const then = (history: Effect.Effect<History<S, E>>): Then<E, R, R> => ({
    ...next(history),
    emits: (...events) => check(history, (found) => deepStrictEqual(emitted(found), events)),
    emitsNothing: () => check(history, (found) => deepStrictEqual(emitted(found), [])),
    failsWith: (error, fields = {}) =>
      check(history, ({ last: { command, outcome } }) => {
        if (Either.isRight(outcome)) fail(`${command} was not refused: it emitted ${outcome.right.length} events`)
        const refusal = outcome.left
        ok(refusal instanceof error, `${command} was refused with ${String(refusal)}, not with ${error.name}`)
        const found = Object.fromEntries(Object.keys(fields).map((key) => [key, refusal[key as keyof typeof refusal]]))
        deepStrictEqual(found, fields)
      }),
    replies: (value) =>
      check(history, (found) => {
        emitted(found)
        const { version } = found
        deepStrictEqual(definition.reply(found.last.command, found.state, { version, position: version }), value)
      })
  })

  return {
    given: (...events) => next(Effect.sync(() => after(definition, { state: definition.initial, version: 0 }, events)))
  }
}
