/**
 * `AggregateSpec` tests what an aggregate decides, without a store or an actor:
 *
 *     const AccountSpec = AggregateSpec.make(Account, behaviour)
 *     AccountSpec.given(opened, deposited(500n)).when("Withdraw", { amount: "9.00" }).failsWith(InsufficientFunds)
 *
 * Each check is an effect that dies with an `AssertionError`, so that any test runner can run it. A spec runs what an actor
 * runs, and finds what could differ between a state in memory and one that was recovered: payloads, events and answers are
 * read back from their text, states and events are frozen, and after each event the state is taken from a snapshot too.
 */
import { AssertionError, deepStrictEqual, fail, ok } from "node:assert"
import type { Rpc } from "@effect/rpc"
import { Effect, Either } from "effect"
import type { AggregateClass, Behaviour } from "../core/Aggregate.ts"
import type { DecideContext, Definition } from "../core/Definition.ts"
import * as EventHash from "../core/EventHash.ts"
import * as HeldValue from "../core/HeldValue.ts"
import * as Staging from "../core/Staging.ts"

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
  readonly last?: Last<E>
}

interface Last<E> {
  readonly command: string
  readonly outcome: Either.Either<ReadonlyArray<E>, unknown>
  /** The answer as every caller gets it, where the command succeeded. */
  readonly answer: unknown
}

const orFail = <A>(what: string, result: Either.Either<A, { readonly message: string }>): A =>
  Either.getOrThrowWith(result, ({ message }) => new AssertionError({ message: `${what}: ${message}` }))

/** What user code throws, told as what was being done. */
const attempt = <A>(what: string, run: () => A): A => {
  try {
    return run()
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    const hint = cause instanceof TypeError ? "; a state or an event is never changed in place, return a new one" : ""
    throw new AssertionError({ message: `${what}: ${message}${hint}` })
  }
}

/** What comes back from a store for the event, frozen. */
const stored = <S, E extends Tagged>(
  { codec, streamId }: Definition<S, E>,
  event: E,
  version: number
): ReadonlyArray<E> => {
  const row: EventHash.Hashed = {
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
  return HeldValue.freeze(
    orFail(
      "the stored event cannot be read",
      codec.decode({ ...row, hash: EventHash.compute(row), sequence: version, principal: null })
    )
  )
}

/** The state as a recovery from a snapshot has it. */
const fromSnapshot = <S, E extends Tagged>({ hold, name, snapshot }: Definition<S, E>, state: S): S => {
  const text = attempt(`a snapshot cannot be made of the state of ${name}`, () => snapshot.encode(state))
  return HeldValue.freeze(hold(snapshot.decode(text)))
}

/** The state after one event, which must be the same live, recovered, and from a snapshot before or after the event. */
const evolve = <S, E extends Tagged>(definition: Definition<S, E>, state: S, event: E, version: number): S => {
  const { name } = definition
  const what = `evolve of ${name} threw on ${event._tag}`
  const fold = (from: S) =>
    HeldValue.freeze(
      attempt(what, () =>
        stored(definition, event, version).reduce((at, each) => definition.hold(definition.evolve(at, each), at), from)
      )
    )
  const recovered = fold(state)
  const live = attempt(
    what,
    () => orFail("the event cannot be stored", Staging.stage(definition, state, [event])).state
  )
  const others = { live, "from a snapshot before it": fold(fromSnapshot(definition, state)) }
  for (const [where, other] of Object.entries(others)) {
    const path = HeldValue.difference(other, recovered)
    if (path !== undefined) fail(`after ${event._tag} the state of ${name} ${where} is another at ${path}`)
  }
  fromSnapshot(definition, recovered)
  return recovered
}

const after = <S, E extends Tagged>(
  definition: Definition<S, E>,
  { state, version }: History<S, E>,
  events: ReadonlyArray<E>
): History<S, E> => ({
  state: events.reduce<S>((at, event, index) => evolve(definition, at, event, version + index + 1), state),
  version: version + events.length
})

/** The answer as its first and every later caller gets it. */
const answerOf = <S, E extends Tagged>(
  definition: Definition<S, E>,
  command: string,
  outcome: "success" | "refusal",
  make: () => unknown
): unknown => {
  const { commands, name } = definition
  const { text, value, version } = attempt(`${name}.${command}`, () => commands.writeAnswer(command, outcome, make()))
  const again = orFail("the kept answer cannot be read", commands.readAnswer(command, outcome, { text, version }))
  const path = HeldValue.difference(value, again)
  if (path !== undefined) fail(`the ${outcome} of ${name}.${command} is another when it is given again, at ${path}`)
  return value
}

export const make = <S, E extends Tagged, R extends Rpc.Any>(
  // biome-ignore lint/suspicious/noExplicitAny: the name and the id of the aggregate play no part here.
  aggregate: AggregateClass<any, any, S, E, R>,
  behaviour: NoInfer<Behaviour<S, E, R>>
): Spec<E, R> => {
  const definition = aggregate.define(behaviour)

  const decide = (command: string, given: unknown, context: Partial<DecideContext>) =>
    Effect.fnUntraced(function* (before: History<S, E>) {
      const { state, version } = before
      const commandId = context.commandId ?? "command"
      const { payload } = orFail(
        "the command cannot be sent",
        definition.commands.receive(command, "spec", given, commandId)
      )
      const decision = definition.decide(command, payload, state, {
        id: "spec",
        version,
        now: 0,
        commandId,
        correlationId: commandId,
        causationId: null,
        ...context
      })
      const outcome = yield* Effect.either(decision)
      if (Either.isLeft(outcome)) {
        const refusal = outcome.left
        if (definition.isKept(refusal)) answerOf(definition, command, "refusal", () => refusal)
        return { state, version, last: { command, outcome, answer: undefined } }
      }
      const next = after(definition, before, outcome.right)
      const at = { version: next.version, position: next.version }
      const answer = answerOf(definition, command, "success", () => definition.reply(command, next.state, at))
      return { ...next, last: { command, outcome, answer } }
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
        deepStrictEqual(found.last.answer, value)
      })
  })

  return {
    given: (...events) => next(Effect.sync(() => after(definition, { state: definition.initial, version: 0 }, events)))
  }
}
