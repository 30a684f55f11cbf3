/**
 * `ReactionSpec` tests what a reaction sends, without a store or an actor:
 *
 *     const TransferSpec = ReactionSpec.make(TransferProcess.reaction, aggregates)
 *     TransferSpec.given(refuses("account-bert", "Credit", refusal)).when(requested).sends(["account-anna", "Debit"], …)
 *
 * Each check is an effect that dies with an `AssertionError`. A command that no answer was given for succeeds.
 */
import { deepStrictEqual, ok } from "node:assert"
import { Effect, Exit, Layer } from "effect"
import type { RuntimeError } from "../core/ActorError.ts"
import { ActorSystem, type Ask } from "../core/ActorSystem.ts"
import type { AnyDefinition } from "../core/Definition.ts"
import * as EventHash from "../core/EventHash.ts"
import type { EventStore } from "../core/EventStore.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import * as StreamIds from "../core/StreamId.ts"
import type { CommandIdOf, Reaction } from "../projection/Reaction.ts"
import { Timer } from "../projection/Timer.ts"
import * as Timers from "../projection/Timers.ts"

/** What a command is answered, each time that it comes. */
export interface ScriptedAnswer {
  readonly streamId: string
  readonly command: string
  readonly answer: Effect.Effect<{ readonly outcome: "success" | "refusal"; readonly value: unknown }, RuntimeError>
}

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

/** A command as the spec names it: its stream, its name, and which of the ids derived from the event it has, from 0. */
export type Sent = readonly [streamId: string, command: string, number: number]

/** A timer as the spec names it: its key, when it is due, and the stream and the name of the command that it sends then. */
export type Scheduled = Timers.When & {
  readonly key: string
  readonly sends: readonly [streamId: string, command: string]
}

export interface Then {
  /** It sent exactly these commands, in this order, and is done. */
  readonly sends: (...commands: ReadonlyArray<Sent>) => Effect.Effect<void>
  /** It scheduled exactly these timers, in this order, and is done. What else it sent is not looked at. */
  readonly schedules: (...timers: ReadonlyArray<Scheduled>) => Effect.Effect<void>
  /** It sent exactly these commands and failed: it will be tried again. */
  readonly failsAfter: (...commands: ReadonlyArray<Sent>) => Effect.Effect<void>
}

export interface Given<E> {
  /** It reacts to this event, recorded at 0 in this stream; default `spec-1`. */
  readonly when: (event: E, streamId?: string) => Then
}

export interface Spec<E> {
  readonly given: (...answers: ReadonlyArray<ScriptedAnswer>) => Given<E>
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

/** An actor system that answers as the spec says, and remembers what it was asked. */
const scripted = (answers: ReadonlyArray<ScriptedAnswer>, asked: Array<Ask & { readonly streamId: string }>) =>
  Layer.sync(ActorSystem, () => {
    const definitions = new Map<string, AnyDefinition>()
    return ActorSystem.of({
      register: (definition) => Effect.sync(() => void definitions.set(definition.name, definition)),
      ask: (ask) =>
        Effect.suspend(() => {
          const streamId = definitions.get(ask.aggregate)?.streamId(ask.id) ?? ask.id
          asked.push({ ...ask, streamId })
          const found = answers.find((each) => each.streamId === streamId && each.command === ask.command)
          const answer = found?.answer ?? Effect.succeed({ outcome: "success" as const, value: undefined })
          return Effect.map(answer, (given) => ({ ...given, replayed: false, version: 1, position: 1 }))
        }),
      state: () => Effect.dieMessage("a reaction is told by its event and by answers, not by states"),
      store: {} as EventStore["Type"],
      snapshots: {} as never
    })
  })

/** `aggregates` are those that it sends to, and whatever else it needs. */
export const make = <E extends { readonly _tag: string }, R>(
  reaction: Reaction<E, R>,
  aggregates: Layer.Layer<R, never, ActorSystem>
): Spec<E> => ({
  given: (...answers) => ({
    when: (event, streamId = "spec-1") => {
      type Asked = Ask & { readonly streamId: string }
      const commandId: CommandIdOf = (n = 0) => `\u0001spec:${n}`
      const reacting = (check: (exit: Exit.Exit<unknown, unknown>, asked: ReadonlyArray<Asked>) => void) =>
        Effect.gen(function* () {
          // As what runs it does.
          reaction.selection.check()
          const asked: Array<Asked> = []
          const exit = yield* reaction
            .react({ event, stored: stored(event._tag, streamId) }, commandId)
            .pipe(Effect.provide(Layer.provide(aggregates, scripted(answers, asked))), Effect.exit)
          check(exit, asked)
        })
      const run = (check: (exit: Exit.Exit<unknown, unknown>) => void, commands: ReadonlyArray<Sent>) =>
        reacting((exit, asked) => {
          check(exit)
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
        failsAfter: (...commands) => run((exit) => ok(Exit.isFailure(exit), "it did not fail"), commands)
      }
    }
  })
})
