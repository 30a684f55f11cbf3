/**
 * `AggregateSpec` tests what an aggregate decides, without a store or an actor:
 *
 *     const AccountSpec = AggregateSpec.make(Account, behaviour)
 *     AccountSpec.given(opened, deposited(500n)).when("Withdraw", { amount: "9.00" }).failsWith(InsufficientFunds)
 *
 * Each check is an effect that dies with an `AssertionError`, so that any test runner can run it. A spec runs what an
 * actor runs, and finds what could differ between a state in memory and one that was recovered: payloads, events and
 * answers are read back from their text, states and events are frozen, and after each event the state is taken from a
 * snapshot too.
 */
import { AssertionError, deepStrictEqual, fail, ok } from "node:assert"
import type { Rpc } from "@effect/rpc"
import { Effect, Either } from "effect"
import { InvalidAnswer } from "../core/ActorError.ts"
import type { AggregateClass, Behaviour } from "../core/Aggregate.ts"
import type { DecideContext, Definition } from "../core/Definition.ts"
import * as EventHash from "../core/EventHash.ts"
import * as HeldValue from "../core/HeldValue.ts"
import * as Staging from "../core/Staging.ts"
import * as SnapshotFixtures from "./SnapshotFixtures.ts"

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
  /**
   * Snapshots that earlier releases made are still what their events give, or are of another `snapshot.version`. The
   * folder has the files of `SnapshotFixtures`.
   */
  readonly holdsSnapshots: (folder: string) => Effect.Effect<void>
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
    throw defect(what, cause)
  }
}

const defect = (what: string, cause: unknown): AssertionError => {
  if (cause instanceof AssertionError) return cause
  const message = cause instanceof Error ? cause.message : String(cause)
  // It says all of that itself.
  if (cause instanceof InvalidAnswer) return new AssertionError({ message })
  // What is frozen answers to a change with a TypeError.
  const isFrozen = cause instanceof TypeError && /read only|not extensible|Cannot (assign|delete|define)/.test(message)
  return new AssertionError({ message: `${what} threw: ${message}${isFrozen ? `; ${inPlace}` : ""}` })
}

const inPlace = "states, events and payloads are never changed in place: return new ones"

/** Fails where a run changes what it was given, be it a date, which cannot be frozen. */
const unchanged = <A>(what: string, textOf: () => string, run: () => A): A => {
  const before = textOf()
  const result = attempt(what, run)
  if (textOf() !== before) fail(`${what} changed what it was given; ${inPlace}`)
  return result
}

/** What comes back from a store for the event, frozen. */
const stored = <S, E extends Tagged>(
  { codec, name, streamId }: Definition<S, E>,
  event: E,
  version: number
): ReadonlyArray<E> => {
  const row: EventHash.Hashed = {
    ...orFail("an event of this spec", codec.encode(event)),
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
  const decoded = codec.decode({ ...row, hash: EventHash.compute(row), sequence: version, principal: null })
  return HeldValue.freeze(orFail(`a stored event of ${name} cannot be read`, decoded))
}

const textOf = <S, E extends Tagged>({ codec }: Definition<S, E>, event: E): string =>
  Either.getOrElse(
    Either.map(codec.encode(event), ({ data }) => data),
    () => "an event that cannot be stored"
  )

/** The text of a snapshot, which each state must have. */
const snapshotOf = <S, E extends Tagged>({ name, snapshot }: Definition<S, E>, state: S, when: string): string => {
  try {
    return snapshot.encode(state)
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    const hint = "make evolve and initial give what the state's schema says"
    throw new AssertionError({ message: `the state of ${name} ${when} cannot be kept: ${message}; ${hint}` })
  }
}

/** The state after one event, which must be the same live, recovered, and from a snapshot before or after the event. */
const evolve = <S, E extends Tagged>(definition: Definition<S, E>, state: S, event: E, version: number): S => {
  const { hold, name, snapshot } = definition
  const { _tag: tag } = event
  const what = `evolve of ${name} on ${tag}`
  const before = version === 1 ? "before its first event" : `before ${tag}`
  const fold = (from: S): S => {
    const step = (at: S, each: E): S =>
      unchanged(
        what,
        () => `${snapshotOf(definition, at, before)}${textOf(definition, each)}`,
        () => HeldValue.freeze(hold(definition.evolve(at, each), at))
      )
    return stored(definition, event, version).reduce(step, from)
  }
  const ofSnapshot = (of: S, when: string): S =>
    HeldValue.freeze(hold(snapshot.decode(snapshotOf(definition, of, when))))
  const recovered = fold(state)
  const live = attempt(what, () => orFail("an event of this spec", Staging.stage(definition, state, [event])).state)
  const others = {
    "while the actor lives": live,
    "from a snapshot before it": fold(ofSnapshot(state, before)),
    "from a snapshot after it": ofSnapshot(recovered, `after ${tag}`)
  }
  for (const [where, other] of Object.entries(others)) {
    const path = HeldValue.difference(other, recovered)
    if (path !== undefined) {
      const hint = "evolve may depend on the state and the event alone, and the state's schema must hold all of it"
      fail(`after ${tag} the state of ${name} ${where} is not the recovered one, at ${path}; ${hint}`)
    }
  }
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
  const made = attempt(`the reply of ${name}.${command}`, make)
  const { text, value, version } = attempt(`${name}.${command}`, () => commands.writeAnswer(command, outcome, made))
  const read = commands.readAnswer(command, outcome, { text, version })
  const again = orFail(`the kept answer of ${name}.${command} cannot be read`, read)
  const path = HeldValue.difference(value, again)
  if (path !== undefined) fail(`the ${outcome} of ${name}.${command} is another when it is given again, at ${path}`)
  return value
}

/** Given, when, then for one aggregate, without a store. */
export const make = <S, E extends Tagged, R extends Rpc.Any>(
  // biome-ignore lint/suspicious/noExplicitAny: the name and the id of the aggregate play no part here.
  aggregate: AggregateClass<any, any, S, E, R>,
  behaviour: NoInfer<Behaviour<S, E, R>>
): Spec<E, R> => {
  const definition = aggregate.define(behaviour)
  const { name } = definition

  const decide = (command: string, given: unknown, context: Partial<DecideContext>) =>
    Effect.fnUntraced(function* (before: History<S, E>) {
      const { state, version } = before
      const commandId = context.commandId ?? "command"
      const { payload } = orFail(
        "the command cannot be sent",
        definition.commands.receive(command, "spec", given, commandId)
      )
      const what = `decide of ${name}.${command}`
      const when = `before ${command}`
      const texts = () => {
        const { text } = orFail(`${what} changed its payload`, definition.commands.writePayload(command, payload))
        return `${snapshotOf(definition, state, when)}${text}`
      }
      const text = texts()
      const decision = attempt(what, () =>
        definition.decide(command, payload, state, {
          id: "spec",
          version,
          now: 0,
          commandId,
          correlationId: commandId,
          causationId: null,
          principal: null,
          metadata: null,
          ...context
        })
      )
      const outcome = yield* Effect.either(decision).pipe(
        Effect.catchAllDefect((cause) => Effect.die(defect(what, cause)))
      )
      if (texts() !== text) fail(`${what} changed what it was given; ${inPlace}`)
      if (Either.isLeft(outcome)) {
        // One that is decided again is answered to another node all the same.
        const refusal = answerOf(definition, command, "refusal", () => outcome.left)
        return { state, version, last: { command, outcome: Either.left(refusal), answer: undefined } }
      }
      const next = after(definition, before, outcome.right)
      const at = { version: next.version, position: next.version }
      const answer = unchanged(
        `reply of ${name}.${command}`,
        () => snapshotOf(definition, next.state, `after ${command}`),
        () => answerOf(definition, command, "success", () => definition.reply(command, next.state, at))
      )
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
    given: (...events) => next(Effect.sync(() => after(definition, { state: definition.initial, version: 0 }, events))),
    holdsSnapshots: (folder) => SnapshotFixtures.assertFolded(definition, folder)
  }
}
