/**
 * `ReactionSpec` tests what a reaction sends, without a store or an actor:
 *
 *     const TransferSpec = ReactionSpec.make(TransferProcess.reaction, aggregates)
 *     TransferSpec.given(refuses("account-bert", "Credit", refusal)).when(requested).sends(["account-anna", "Debit"], …)
 *
 * Each check is an effect that dies with an `AssertionError`. A command that no answer was given for succeeds, and a
 * state that was not given is the initial one. Timers are as they are: they decide by themselves, by the clock of the
 * spec, which stands at 0; `fires` tells what they send at a later time.
 */
import { deepStrictEqual, ok } from "node:assert"
import { Effect, Either, Exit, Layer } from "effect"
import { type RuntimeError, WrongExpectedVersion } from "../core/ActorError.ts"
import { ActorSystem, type Answer, type Ask } from "../core/ActorSystem.ts"
import type { AnyDefinition } from "../core/Definition.ts"
import * as EventHash from "../core/EventHash.ts"
import type { EventStore } from "../core/EventStore.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import * as StreamIds from "../core/StreamId.ts"
import type { CommandIdOf, Reaction } from "../projection/Reaction.ts"
import { Timer, type TimerState } from "../projection/Timer.ts"
import * as Timers from "../projection/Timers.ts"

/** What a command is answered, each time that it comes. */
export interface ScriptedAnswer {
  readonly streamId: string
  readonly command: string
  readonly answer: Effect.Effect<Pick<Answer, "outcome" | "value"> & Partial<Answer>, RuntimeError>
}

const succeeds: ScriptedAnswer["answer"] = Effect.succeed({ outcome: "success", value: undefined })

/** The aggregate answers with this refusal of its own. */
export const refuses = (streamId: string, command: string, value: unknown): ScriptedAnswer => ({
  streamId,
  command,
  answer: Effect.succeed({ outcome: "refusal", value })
})
/** The runtime has no answer, for this reason. */
export const fails = (streamId: string, command: string, error: RuntimeError): ScriptedAnswer => ({
  streamId,
  command,
  answer: Effect.fail(error)
})

/** The aggregate answers what it answered before: the reaction has come here, in an attempt that failed later. */
export const replays = (streamId: string, command: string): ScriptedAnswer => ({
  streamId,
  command,
  answer: Effect.succeed({ outcome: "success", value: undefined, replayed: true })
})

/** What a state is when it is read. */
export interface ScriptedState {
  readonly streamId: string
  readonly state: unknown
}

export type Scripted = ScriptedAnswer | ScriptedState

/** The aggregate has this state. */
export const shows = (streamId: string, state: unknown): ScriptedState => ({ streamId, state })

/** A command as the spec names it: its stream, its name, and which of the ids derived from the event it has, from 0. */
export type Sent = readonly [streamId: string, command: string, number: number]

/**
 * A timer as the spec names it: its key, when it is due, and the stream and the name of the command that it sends then.
 */
export type Scheduled = Timers.When & {
  readonly key: string
  readonly sends: readonly [streamId: string, command: string]
}

export interface Then<E> {
  /** It sent exactly these commands, in this order, and is done. */
  readonly sends: (...commands: ReadonlyArray<Sent>) => Effect.Effect<void>
  /** It scheduled exactly these timers, in this order, and is done. What else it sent is not looked at. */
  readonly schedules: (...timers: ReadonlyArray<Scheduled>) => Effect.Effect<void>
  /** It sent exactly these commands and failed: it will be tried again. */
  readonly failsAfter: (...commands: ReadonlyArray<Sent>) => Effect.Effect<void>
  /**
   * And is done; then it reacts to another event, which the checks behind this are about. What is given holds from then
   * on.
   */
  readonly and: (event: E, streamId?: string, ...given: ReadonlyArray<Scripted>) => Then<E>
  /**
   * By this time its timers have sent exactly these commands, in the order of their times, whether it is done or will
   * be tried again.
   */
  readonly fires: (
    when: Timers.When,
    ...commands: ReadonlyArray<readonly [streamId: string, command: string]>
  ) => Effect.Effect<void>
}

export interface Given<E> {
  /** It reacts to this event, recorded at 0 in this stream; default `spec-1`. */
  readonly when: (event: E, streamId?: string) => Then<E>
}

export interface Spec<E> {
  readonly given: (...script: ReadonlyArray<Scripted>) => Given<E>
}

const stored = (type: string, streamId: string): StoredEvent => {
  const event = {
    type,
    schemaVersion: 1,
    data: "{}",
    streamId: StreamIds.StreamId.make(streamId),
    version: 1,
    position: 1,
    commandId: "request",
    correlationId: "conversation",
    causationId: null,
    traceparent: null,
    recordedAt: 0,
    previousHash: EventHash.genesis
  }
  return { ...event, hash: EventHash.compute(event), sequence: 1, principal: null }
}

const succeeded = (exit: Exit.Exit<unknown, unknown>) => ok(Exit.isSuccess(exit), `it failed: ${String(exit)}`)

type Asked = Ask & { readonly streamId: string }

const timer = Timers.part.definition

/** The timers of a spec, each with its state, version and answers by command id. */
class TimersOfSpec {
  private readonly known = new Map<string, { readonly state: TimerState; readonly version: number }>()
  private readonly answers = new Map<string, Answer>()

  of(key: string): { readonly state: TimerState; readonly version: number } {
    return this.known.get(key) ?? { state: timer.initial, version: 0 }
  }

  ask({ command, commandId, expectedVersion, id, payload }: Ask): Effect.Effect<Answer, RuntimeError> {
    const { state, version } = this.of(id)
    const before = this.answers.get(commandId)
    if (before !== undefined) return Effect.succeed({ ...before, replayed: true })
    if (expectedVersion !== undefined && expectedVersion !== version) {
      return new WrongExpectedVersion({ streamId: timer.streamId(id), expected: expectedVersion, actual: version })
    }
    const context = {
      id,
      version,
      now: 0,
      commandId,
      correlationId: commandId,
      causationId: null,
      principal: null,
      metadata: null
    }
    const decided = timer.decide(command, payload, state, context)
    if (!Either.isEither(decided)) return Effect.dieMessage("a timer decides without an effect")
    const events = Either.getOrElse(decided, () => [])
    const after = { state: events.reduce(timer.evolve, state), version: version + events.length }
    this.known.set(id, after)
    const place = { version: after.version, position: after.version }
    const answer: Answer = Either.isRight(decided)
      ? { outcome: "success", value: timer.reply(command, after.state, place), replayed: false, ...place }
      : { outcome: "refusal", value: decided.left, replayed: false, ...place }
    this.answers.set(commandId, answer)
    return Effect.succeed(answer)
  }

  /** Those that have fired by this time, the first one first. */
  dueBy(time: number): ReadonlyArray<TimerState> {
    return Array.from(this.known, ([key, { state }]) => ({ key, state }))
      .filter(({ state }) => state.status === "pending" && state.due <= time)
      .sort((left, right) => left.state.due - right.state.due || (left.key < right.key ? -1 : 1))
      .map(({ state }) => state)
  }
}

/** An actor system that answers as the spec says, and remembers what it was asked. */
const scripted = (
  script: ReadonlyArray<Scripted>,
  timers: TimersOfSpec,
  asked: Array<Asked>
): Layer.Layer<ActorSystem> =>
  Layer.sync(ActorSystem, () => {
    const definitions = new Map<string, AnyDefinition>()
    const streamOf = (aggregate: string, id: string): string => definitions.get(aggregate)?.streamId(id) ?? id
    return ActorSystem.of({
      register: (definition) => Effect.sync(() => void definitions.set(definition.name, definition)),
      ask: (ask) =>
        Effect.suspend(() => {
          const streamId = streamOf(ask.aggregate, ask.id)
          asked.push({ ...ask, streamId })
          const found = script.find(
            (each) => "answer" in each && each.streamId === streamId && each.command === ask.command
          )
          if (found === undefined && ask.aggregate === Timer.aggregate) return timers.ask(ask)
          const answer = found !== undefined && "answer" in found ? found.answer : succeeds
          return Effect.map(answer, (given) => ({ replayed: false, version: 1, position: 1, ...given }))
        }),
      state: (aggregate, id) =>
        Effect.sync(() => {
          const streamId = streamOf(aggregate, id)
          const found = script.find((each) => "state" in each && each.streamId === streamId)
          const initial = { state: definitions.get(aggregate)?.initial, version: 0 }
          const known = aggregate === Timer.aggregate ? timers.of(id) : initial
          const { state, version } = found !== undefined && "state" in found ? { ...found, version: 1 } : known
          return { state, version, position: version, hash: EventHash.genesis }
        }),
      store: {} as EventStore["Type"],
      snapshots: {} as never
    })
  })

/** An event, and how the world is when it is reacted to. */
interface Happened<E> {
  readonly event: E
  readonly streamId: string
  readonly script: ReadonlyArray<Scripted>
}

/** `aggregates` are those that it sends to, and whatever else it needs. */
export const make = <E extends { readonly _tag: string }, R>(
  reaction: Reaction<E, R>,
  aggregates: Layer.Layer<R, never, ActorSystem>
): Spec<E> => {
  /** Its ids are those of this event alone. */
  const commandIdOf =
    (index: number): CommandIdOf =>
    (n = 0) =>
      `\u0001spec:${index}:${n}`

  const then = (events: ReadonlyArray<Happened<E>>): Then<E> => {
    /** Reacts to all events, and checks what it did for the last one. */
    const reacting = (
      check: (exit: Exit.Exit<unknown, unknown>, asked: ReadonlyArray<Asked>, timers: TimersOfSpec) => void
    ) =>
      Effect.gen(function* () {
        // As what runs it does.
        reaction.selection.check()
        const timers = new TimersOfSpec()
        const asked: Array<Asked> = []
        let exit: Exit.Exit<unknown, unknown> = Exit.void
        for (const [index, { event, script, streamId }] of events.entries()) {
          succeeded(exit)
          asked.length = 0
          exit = yield* reaction
            .react({ event, stored: stored(event._tag, streamId) }, commandIdOf(index))
            .pipe(Effect.provide(Layer.provide(aggregates, scripted(script, timers, asked))), Effect.exit)
        }
        check(exit, asked, timers)
      })
    const run = (check: (exit: Exit.Exit<unknown, unknown>) => void, commands: ReadonlyArray<Sent>) =>
      reacting((exit, asked) => {
        check(exit)
        const commandId = commandIdOf(events.length - 1)
        deepStrictEqual(
          asked.map(({ command, commandId: id, streamId }) => [streamId, command, id]),
          commands.map(([streamId, command, number]) => [streamId, command, commandId(number)])
        )
      })
    return {
      sends: (...commands) => run(succeeded, commands),
      schedules: (...timers) =>
        reacting((exit, asked) => {
          succeeded(exit)
          const scheduled = asked.flatMap(({ aggregate, command, id, payload }) =>
            aggregate === Timer.aggregate && command === "Schedule"
              ? [{ key: id, ...(payload as ReturnType<typeof Timers.timeOf> & Timers.Command) }]
              : []
          )
          deepStrictEqual(
            scheduled.map(({ aggregate, after, at, command, id, key }) => ({
              key,
              ...(at === undefined ? { after } : { at }),
              sends: [`${StreamIds.prefixOf(aggregate)}${id}`, command]
            })),
            timers.map(({ key, sends, ...when }) => ({ key, ...Timers.timeOf(when), sends: [...sends] }))
          )
        }),
      failsAfter: (...commands) => run((exit) => ok(Exit.isFailure(exit), "it did not fail"), commands),
      and: (event, streamId = "spec-1", ...given) => {
        // What is given last is found first.
        const script = [...given, ...(events.at(-1)?.script ?? [])]
        return then([...events, { event, streamId, script }])
      },
      fires: (when, ...commands) =>
        reacting((_, __, timers) => {
          const { after = 0, at = after } = Timers.timeOf(when)
          deepStrictEqual(
            timers.dueBy(at).map(({ aggregate, command, id }) => [`${StreamIds.prefixOf(aggregate)}${id}`, command]),
            commands.map((command) => [...command])
          )
        })
    }
  }

  return {
    given: (...script) => ({ when: (event, streamId = "spec-1") => then([{ event, streamId, script }]) })
  }
}
