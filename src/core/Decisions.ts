/**
 * `Decisions` decides the commands of one batch, one after the other on the running state: the committed one with the
 * events of those before.
 *
 * - What a command decided is taken into the running state whole or not at all.
 * - A command that throws, or whose events or answer cannot be stored, is answered by itself, and the next one is
 *   decided on the same state. Only where `evolve` threw it stops: what that may have left in the state is not known.
 * - A decision that is an effect stands alone in its batch, so it runs on committed state, and no other command makes
 *   it run a second time.
 * - The rest waits: behind an effect or before one, behind an `evolve` that threw, and at the size or the time of a
 *   batch.
 *
 * Second of the five rooms of an actor; how a state is loaded is in `Recovery.ts`.
 */
import { Cause, Duration, Effect, Either, Exit } from "effect"
import { DecisionTimedOut, type RuntimeError, WrongExpectedVersion } from "./ActorError.ts"
import type { Host, Watched } from "./ActorHost.ts"
import type * as ActorMetrics from "./ActorMetrics.ts"
import type { Answer, Ask } from "./ActorSystem.ts"
import * as CommandIdentity from "./CommandIdentity.ts"
import type { AnyDefinition, Committed, Decision, Place } from "./Definition.ts"
import type { EncodedEvent } from "./EventCodec.ts"
import type { ProposedCommand } from "./EventStore.ts"
import type { Pending } from "./Mailbox.ts"
import * as Staging from "./Staging.ts"
import * as StoredText from "./StoredText.ts"
import type { StreamId } from "./StreamId.ts"

/** A command with what was decided for it. */
export interface Decided {
  readonly pending: Pending
  readonly proposed: ProposedCommand
  /** The running state after it. */
  readonly after: unknown
  /**
   * The answer, once the append ended: with the place of what was stored, or with the stream's head where nothing is
   * kept.
   */
  readonly answer: (at: Place) => Effect.Effect<Answer, RuntimeError>
  /** `defect`: user code threw, and the command is not decided again. */
  readonly result: Exclude<ActorMetrics.Result, "replayed">
}

type Events = ReadonlyArray<{ readonly _tag: string }>
type Outcome = Either.Either<Events, unknown>

/** A decision that is an effect, of the first command of its batch. */
export interface Effectful {
  readonly pending: Pending
  readonly decision: Effect.Effect<Events, unknown>
}

/** What user code threw, and for which command. */
export interface Defect {
  readonly ask: Ask
  readonly cause: Cause.Cause<never>
}

/** Whose commands are decided. */
export interface Decider {
  readonly definition: AnyDefinition
  readonly id: string
  readonly streamId: StreamId
}

export class Decisions {
  readonly decided: Array<Decided> = []
  readonly committed: Committed<unknown>
  private readonly host: Host
  private readonly decider: Decider
  private readonly now: number
  private running: unknown
  private version: number
  /** How many events were decided, and the characters of their data. */
  private events = 0
  private characters = 0
  /** When the rest waits, in milliseconds of `Host.elapsed`. */
  private readonly until: number
  private evolveThrew = false
  private readonly thrown: Array<Defect> = []

  constructor(host: Host, decider: Decider, committed: Committed<unknown>) {
    this.host = host
    this.decider = decider
    this.committed = committed
    this.now = host.now()
    this.until = host.elapsed() + Duration.toMillis(host.limits.maxBatchTime)
    this.running = committed.state
    this.version = committed.version
  }

  /** Whether `evolve` threw, so that the state is to be loaded again. */
  get isSpoilt(): boolean {
    return this.evolveThrew
  }

  /** What user code threw, for the log. */
  get defects(): ReadonlyArray<Defect> {
    return this.thrown
  }

  /** The command with only its id, to look that up before its decision runs. */
  lookUp({ pending }: Effectful): Decided {
    return unstored(pending, "error", () => Effect.dieMessage("a look-up is not an answer"), this.running)
  }

  /** Whether the rest waits for the next batch: until this one is written, nothing else of the process runs. */
  private get isFull(): boolean {
    const { elapsed, limits } = this.host
    if (this.characters >= limits.maxBatchCharacters || this.events >= limits.maxCommandEvents) return true
    return this.decided.length > 0 && elapsed() >= this.until
  }

  /**
   * Decides what it can of the commands. Where the first one's decision is an effect it returns that, and decides
   * nothing.
   */
  decide(taken: ReadonlyArray<Pending>): Effectful | undefined {
    const { decided, decider, now } = this
    for (;;) {
      const pending = taken[decided.length]
      if (pending === undefined || this.isFull || this.evolveThrew) return undefined
      const { causationId, command, commandId, correlationId, expectedVersion: expected, payload } = pending.ask
      const { metadata, principal } = pending.ask
      const { version } = this
      if (expected !== undefined && expected !== version) {
        const { streamId } = decider
        this.fail(pending, new WrongExpectedVersion({ streamId, expected, actual: version }))
        continue
      }
      let decision: Decision<{ readonly _tag: string }, unknown>
      try {
        const context = { id: decider.id, version, now, commandId, correlationId, causationId, principal, metadata }
        decision = decider.definition.decide(command, payload, this.running, context)
        if (!Either.isEither(decision)) return decided.length === 0 ? { pending, decision } : undefined
      } catch (error) {
        this.defect(pending, Cause.die(error))
        continue
      }
      this.stage(pending, decision)
    }
  }

  /**
   * Runs the decision in a fiber of its own, which it may interrupt, and stages what it decided. Ends at
   * `decideTimeout`, even where the effect does not let itself be interrupted.
   */
  run({ decision, pending }: Effectful): Effect.Effect<void> {
    const { decider, host } = this
    const { streamId } = decider
    return Effect.async<void>((resume) => {
      const { decideTimeout } = host.limits
      const deadline = host.elapsed() + Duration.toMillis(decideTimeout)
      // A decision that is not even an effect is a defect of the same kind.
      const fiber = host.fork(Effect.suspend(() => decision))
      const interrupt = () => fiber.unsafeInterruptAsFork(fiber.id())
      const finish = (end: () => void) => {
        if (!host.watched.delete(watched)) return
        end()
        resume(Effect.void)
      }
      const watched: Watched = {
        streamId,
        expire: (now) => {
          if (now < deadline) return undefined
          const { command } = pending.ask
          const limit = Duration.format(decideTimeout)
          interrupt()
          finish(() => this.fail(pending, new DecisionTimedOut({ streamId, command, limit })))
          return "decision"
        }
      }
      host.watched.add(watched)
      fiber.addObserver((exit) => finish(() => this.ended(pending, exit)))
      return Effect.sync(() => {
        host.watched.delete(watched)
        interrupt()
      })
    })
  }

  /** The decision's own success or error is its outcome. What else ends it is a defect. */
  private ended(pending: Pending, exit: Exit.Exit<Events, unknown>): void {
    if (Exit.isSuccess(exit)) {
      this.stage(pending, Either.right(exit.value))
      return
    }
    const failure = Cause.failureOrCause(exit.cause)
    if (Either.isLeft(failure)) this.stage(pending, Either.left(failure.left))
    // The caller was not interrupted, and would take such an answer for that.
    else this.defect(pending, Cause.isInterrupted(exit.cause) ? interrupted : failure.right)
  }

  /** Takes one decision into the running state. */
  private stage(pending: Pending, outcome: Outcome): void {
    const { definition } = this.decider
    if (Either.isLeft(outcome)) {
      this.decided.push(refusal(definition, pending, outcome.left, this.running))
      return
    }
    try {
      const staged = Staging.stage(definition, this.running, outcome.right, this.host.limits)
      if (Either.isLeft(staged)) {
        this.fail(pending, staged.left)
        return
      }
      const { characters, events, state } = staged.right
      const decided = success(definition, pending, events, state)
      const version = this.version + events.length
      // It was dropped behind a command whose answer could not be made, or might be again: nothing else in this batch
      // should rest on it.
      if (pending.isAgain && !this.hasAnswer(decided, version)) return
      this.decided.push(decided)
      this.events += events.length
      this.characters += characters
      this.version = version
      this.running = state
    } catch (error) {
      this.evolveThrew = true
      this.defect(pending, Cause.die(error))
    }
  }

  /**
   * Makes the answer for the place that it will have unless another writer is first, and fails the command where that
   * fails.
   */
  private hasAnswer({ pending, proposed }: Decided, version: number): boolean {
    const { committed } = this
    try {
      const { text } = proposed.answer({ version, position: committed.position + version - committed.version })
      const wrong = StoredText.wrongAnswer(text)
      if (wrong === undefined) return true
      this.fail(pending, wrong)
    } catch (error) {
      this.defect(pending, Cause.die(error))
    }
    return false
  }

  private fail(pending: Pending, error: RuntimeError): void {
    this.decided.push(unstored(pending, "error", () => error, this.running))
  }

  private defect(pending: Pending, cause: Cause.Cause<never>): void {
    this.decided.push(unstored(pending, "defect", () => Effect.failCause(cause), this.running))
    this.thrown.push({ ask: pending.ask, cause })
  }
}

/**
 * The answer to a command whose decision interrupted its fiber: a mistake of its code, and no interruption of the
 * caller.
 */
const interrupted = Cause.die(new Error("the decision interrupted itself"))

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
  principal: ask.principal,
  isPersonal: ask.isPersonal,
  metadata: ask.metadata,
  payload: outcome === "unstored" ? undefined : ask.kept,
  statements: outcome === "success" ? ask.statements : undefined,
  events,
  outcome,
  answer
})

const unstored = (pending: Pending, result: Decided["result"], answer: Decided["answer"], after: unknown): Decided => ({
  pending,
  proposed: propose(pending, [], "unstored", () => ({ text: "", version: 1 })),
  after,
  answer,
  result
})

const refusal = (definition: AnyDefinition, pending: Pending, error: unknown, after: unknown): Decided => {
  const { ask } = pending
  let value = error
  const answer = ({ position, version }: Place) =>
    Effect.succeed<Answer>({ outcome: "refusal", value, replayed: false, version, position })
  // A caller that did not choose the id cannot come again with it.
  if (!ask.retryable || !definition.isKept(error)) return unstored(pending, "refusal", answer, after)
  const keep = () => {
    const written = definition.commands.writeAnswer(ask.command, "refusal", error)
    value = written.value
    return written
  }
  return { pending, proposed: propose(pending, [], "refusal", keep), after, answer, result: "refusal" }
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
  return { pending, proposed: propose(pending, events, "success", keep), after, answer, result: "success" }
}
