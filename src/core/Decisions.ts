/**
 * `Decisions` decides the commands of one batch, one after the other on the running state: the committed one with the events of
 * those before.
 *
 * - What a command decided is taken into the running state whole or not at all.
 * - A command that throws, or whose events cannot be stored, is answered by itself.
 * - It stops before a twin of one of its commands, behind a defect, and at the size of a batch; the rest waits.
 *
 * Second of the four rooms of an actor; how a state is loaded is in `Recovery.ts`.
 */
import { Cause, Effect, Either, LogLevel } from "effect"
import { type RuntimeError, VersionMismatch } from "./ActorError.ts"
import type * as ActorMetrics from "./ActorMetrics.ts"
import type { Answer, Ask } from "./ActorSystem.ts"
import * as CommandIdentity from "./CommandIdentity.ts"
import type { AnyDefinition, Committed, Decision, Place } from "./Definition.ts"
import type { EncodedEvent } from "./EventCodec.ts"
import type { ProposedCommand } from "./EventStore.ts"
import * as Fault from "./Fault.ts"
import type { Pending } from "./Mailbox.ts"
import * as Staging from "./Staging.ts"
import type { StreamId } from "./StreamId.ts"

/** A command with what was decided for it. */
export interface Decided {
  readonly pending: Pending
  readonly proposed: ProposedCommand
  /** The answer, once the append ended: at the place of what was stored, or at the stream's head for what is not kept. */
  readonly answer: (at: Place) => Effect.Effect<Answer, RuntimeError>
  /** `defect`: user code threw. It may have left anything in the state, and is not asked the same again. */
  readonly result: Exclude<ActorMetrics.Result, "replayed">
}

/** Whose commands are decided, and who is told of an effect that is waited for. */
export interface Decider {
  readonly definition: AnyDefinition
  readonly id: string
  readonly streamId: StreamId
  /** An effect begins: until `effectEnded` it may be given up. */
  readonly effectBegan: (pending: Pending) => void
  readonly effectEnded: () => void
}

export class Decisions {
  readonly decided: Array<Decided> = []
  private readonly decider: Decider
  private readonly taken: ReadonlyArray<Pending>
  private readonly now: number
  private readonly maxCharacters: number
  /** Of those that were looked at; one alone has no twin. */
  private readonly ids: Set<string> | undefined
  private running: unknown
  private version: number
  /** Of the data of their events. */
  private characters = 0

  constructor(
    decider: Decider,
    committed: Committed<unknown>,
    taken: ReadonlyArray<Pending>,
    now: number,
    maxCharacters: number
  ) {
    this.decider = decider
    this.taken = taken
    this.now = now
    this.maxCharacters = maxCharacters
    this.ids = taken.length > 1 ? new Set() : undefined
    this.running = committed.state
    this.version = committed.version
  }

  /** The running state: the committed one, once all is stored. */
  get state(): unknown {
    return this.running
  }

  /** Whether the last one threw. */
  get endedInDefect(): boolean {
    return this.decided.at(-1)?.result === "defect"
  }

  /** Decides what it can. What it returns, if anything, is still to be run before all are decided. */
  decide(): Effect.Effect<void> | undefined {
    const { decided, decider, ids, now, taken } = this
    for (;;) {
      const pending = taken[decided.length]
      if (pending === undefined || this.characters >= this.maxCharacters) return undefined
      const { causationId, command, commandId, correlationId, expectedVersion: expected, payload } = pending.ask
      // A twin gets the stored answer, once there is one.
      if (ids?.has(commandId)) return undefined
      ids?.add(commandId)
      const { version } = this
      if (expected !== undefined && expected !== version) {
        const { streamId } = decider
        decided.push(unkept(pending, "error", () => new VersionMismatch({ streamId, expected, actual: version })))
        continue
      }
      let decision: Decision<{ readonly _tag: string }, unknown>
      try {
        const context = { id: decider.id, version, now, commandId, correlationId, causationId }
        decision = decider.definition.decide(command, payload, this.running, context)
      } catch (error) {
        return this.defect(pending, Cause.die(error))
      }
      if (!Either.isEither(decision)) return this.run(pending, decision)
      const defect = this.stage(pending, decision)
      if (defect !== undefined) return defect
    }
  }

  /** Waits for the decision's own success or error, and decides the rest. What else ends it is a defect. */
  private run(
    pending: Pending,
    decision: Effect.Effect<ReadonlyArray<{ readonly _tag: string }>, unknown>
  ): Effect.Effect<void> {
    const { decider } = this
    const go = (outcome: Either.Either<ReadonlyArray<{ readonly _tag: string }>, unknown>) =>
      this.stage(pending, outcome) ?? this.decide() ?? Effect.void
    decider.effectBegan(pending)
    return Effect.matchCauseEffect(decision, {
      onFailure: (cause) => {
        decider.effectEnded()
        const failure = Cause.failureOrCause(cause)
        if (Either.isLeft(failure)) return go(Either.left(failure.left))
        // The caller was not interrupted, and would take such an answer for that.
        return this.defect(pending, Cause.isInterrupted(cause) ? interrupted : failure.right)
      },
      onSuccess: (events) => {
        decider.effectEnded()
        return go(Either.right(events))
      }
    })
  }

  /** Takes one decision into the running state. What it returns, if anything, is the report of a defect. */
  private stage(
    pending: Pending,
    outcome: Either.Either<ReadonlyArray<{ readonly _tag: string }>, unknown>
  ): Effect.Effect<void> | undefined {
    const { definition } = this.decider
    if (Either.isLeft(outcome)) {
      this.decided.push(refusal(definition, pending, outcome.left))
      return undefined
    }
    try {
      const staged = Staging.stage(definition, this.running, outcome.right)
      if (Either.isLeft(staged)) {
        this.decided.push(unkept(pending, "error", () => staged.left))
        return undefined
      }
      const { characters, events, state } = staged.right
      this.decided.push(success(definition, pending, events, state))
      this.characters += characters
      this.version += events.length
      this.running = state
      return undefined
    } catch (error) {
      return this.defect(pending, Cause.die(error))
    }
  }

  private defect(pending: Pending, cause: Cause.Cause<never>): Effect.Effect<void> {
    const { command, commandId } = pending.ask
    this.decided.push(unkept(pending, "defect", () => Effect.failCause(cause)))
    const { streamId } = this.decider
    return Fault.report(LogLevel.Error, "a command ended in a defect", { streamId, command, commandId }, cause)
  }
}

/** The answer to a command whose decision interrupted the actor: a mistake of its code, and no interruption of the caller. */
export const interrupted = Cause.die(new Error("the decision interrupted itself"))

const recognizerOf = (ask: Ask): ProposedCommand["recognizes"] => {
  const { earlier } = ask
  return earlier && ((stored) => CommandIdentity.recognizes(ask, ask.commandId, earlier, stored))
}

const propose = (
  { ask }: Pending,
  events: ReadonlyArray<EncodedEvent>,
  outcome: ProposedCommand["outcome"],
  answer: ProposedCommand["answer"]
): ProposedCommand => ({
  commandId: ask.commandId,
  isNew: !ask.retryable,
  command: ask.command,
  fingerprint: ask.fingerprint,
  recognizes: recognizerOf(ask),
  correlationId: ask.correlationId,
  causationId: ask.causationId,
  traceparent: ask.traceparent,
  events,
  outcome,
  answer
})

const unkept = (pending: Pending, result: Decided["result"], answer: Decided["answer"]): Decided => ({
  pending,
  proposed: propose(pending, [], "unkept", () => ({ text: "", version: 1 })),
  answer,
  result
})

const refusal = (definition: AnyDefinition, pending: Pending, error: unknown): Decided => {
  const { ask } = pending
  let value = error
  const answer = ({ position, version }: Place) =>
    Effect.succeed<Answer>({ outcome: "refusal", value, replayed: false, version, position })
  // A caller that did not choose the id cannot come again with it.
  if (!ask.retryable || !definition.isKept(error)) return unkept(pending, "refusal", answer)
  const keep = () => {
    const written = definition.commands.writeAnswer(ask.command, "refusal", error)
    value = written.value
    return written
  }
  return { pending, proposed: propose(pending, [], "refusal", keep), answer, result: "refusal" }
}

const success = (
  definition: AnyDefinition,
  pending: Pending,
  events: ReadonlyArray<EncodedEvent>,
  after: unknown
): Decided => {
  const { command } = pending.ask
  // As it reads from its text: a later caller gets the same.
  let value: unknown
  const keep = (at: Place) => {
    const written = definition.commands.writeAnswer(command, "success", definition.reply(command, after, at))
    value = written.value
    return written
  }
  const answer = ({ position, version }: Place) =>
    Effect.succeed<Answer>({ outcome: "success", value, replayed: false, version, position })
  return { pending, proposed: propose(pending, events, "success", keep), answer, result: "success" }
}
