/**
 * `Answers` gives each command of an actor its one answer, and the same one to the commands that joined it: what was
 * decided, once it is stored; what was stored before; or why there is no answer. Each answer is counted, and what user
 * code threw is logged.
 *
 * Fourth of the five rooms of an actor; `Actor.ts` says which answer follows from what the store says.
 */
import { Cause, Effect, Either, LogLevel } from "effect"
import { type RuntimeError, WrongExpectedVersion } from "./ActorError.ts"
import type { Host } from "./ActorHost.ts"
import * as ActorMetrics from "./ActorMetrics.ts"
import type { Answer } from "./ActorSystem.ts"
import type { Decided, Defect } from "./Decisions.ts"
import type { AnyDefinition, Place } from "./Definition.ts"
import type { CommandRefusal, StoredCommand, Verdict } from "./EventStore.ts"
import * as FaultLog from "./FaultLog.ts"
import type { Mailbox, Pending } from "./Mailbox.ts"
import type { StreamId } from "./StreamId.ts"

/** Whose commands are answered: the actor. */
export interface Answering {
  readonly definition: AnyDefinition
  readonly streamId: StreamId
  readonly mailbox: Mailbox
  /** Accepts a command once more. */
  readonly offer: (pending: Pending) => void
}

export class Answers {
  private readonly host: Host
  private readonly of: Answering
  private readonly counters: ActorMetrics.CommandCounters

  constructor(host: Host, of: Answering) {
    this.host = host
    this.of = of
    this.counters = ActorMetrics.countersOf(of.definition.name)
  }

  /** The command was not accepted. */
  decline({ ask, resume }: Pending, error: RuntimeError): void {
    this.counters.count(ask.command, "error")
    resume(error)
  }

  /** Answers a command, and those that joined it: as a replay, where the answer is stored now. */
  private resume(pending: Pending, answer: Effect.Effect<Answer, RuntimeError>, isStored = false): void {
    const joined = this.of.mailbox.forget(pending)
    pending.resume(answer)
    for (const twin of joined) {
      if (answer instanceof WrongExpectedVersion && twin.ask.expectedVersion !== pending.ask.expectedVersion) {
        // It asked for another version, of which this answer says nothing.
        this.of.offer(twin)
      } else {
        this.counters.count(twin.ask.command, "replayed")
        twin.resume(isStored ? Effect.map(answer, (given) => ({ ...given, replayed: true })) : answer)
      }
      this.host.answered()
    }
    this.host.answered()
  }

  /** Gives all of them the same error. The mailbox no longer holds them. */
  all(batch: ReadonlyArray<Pending>, error: RuntimeError): void {
    for (const pending of batch) {
      this.counters.count(pending.ask.command, "error")
      this.resume(pending, error)
    }
  }

  /**
   * Gives each command what the store says of it, and returns those of which it says nothing: they are decided again.
   */
  judged(decided: ReadonlyArray<Decided>, verdicts: ReadonlyArray<Verdict>, head: Place): Array<Pending> {
    const again: Array<Pending> = []
    for (const [index, one] of decided.entries()) {
      const verdict = verdicts[index]
      if (verdict?._tag === "Stored") this.conclude(one, verdict.command, true)
      else if (verdict?._tag === "StoredBefore") this.replay(one.pending, verdict.command)
      else if (verdict?._tag === "Refused") this.refuse(one.pending, verdict.error)
      // What ended in a defect is not decided again.
      else if (verdict?._tag === "Unstored" || one.result === "defect") this.conclude(one, head)
      else again.push(one.pending)
    }
    return again
  }

  /** Gives a command what was decided for it. */
  private conclude({ answer, pending, result }: Decided, at: Place, isStored = false): void {
    this.counters.count(pending.ask.command, result)
    this.resume(pending, answer(at), isStored)
  }

  /** It was stored before, by an earlier try or by another process: its answer is the stored one. */
  private replay(pending: Pending, stored: StoredCommand): void {
    const { command } = pending.ask
    const { answer: text, answerVersion, outcome, position, version } = stored
    this.counters.count(command, "replayed")
    const answer = Effect.suspend(() =>
      Either.map(
        this.of.definition.commands.readAnswer(command, outcome, { text, version: answerVersion }),
        (value): Answer => ({ outcome, value, replayed: true, version, position })
      )
    )
    this.resume(pending, answer)
  }

  /** What user code threw when it made the answers: an answer that cannot be made is a separate defect. */
  defectsOf(decided: ReadonlyArray<Decided>, verdicts: ReadonlyArray<Verdict>): ReadonlyArray<Defect> {
    if (!verdicts.some(({ _tag }) => _tag === "Refused")) return []
    return decided.flatMap(({ pending }, index) => {
      const verdict = verdicts[index]
      if (verdict?._tag !== "Refused" || verdict.error._tag !== "AnswerFailed") return []
      return [{ ask: pending.ask, cause: Cause.die(verdict.error.cause) }]
    })
  }

  /** The store does not take it. */
  private refuse(pending: Pending, error: CommandRefusal): void {
    if (error._tag !== "AnswerFailed") {
      this.all([pending], error)
      return
    }
    this.counters.count(pending.ask.command, "defect")
    this.resume(pending, Effect.die(error.cause))
  }

  /** Logs what user code threw: one line for a batch, since its neighbours wait for it. */
  report([first, ...others]: ReadonlyArray<Defect>): Effect.Effect<void> {
    if (first === undefined) return Effect.void
    const { command, commandId } = first.ask
    const more = others.length > 0 ? { others: others.length } : {}
    const annotations = { streamId: this.of.streamId, command, commandId, ...more }
    return FaultLog.report(LogLevel.Error, "a command ended in a defect", annotations, first.cause)
  }

  /**
   * Nothing of the batch was stored, or it is not known whether anything was. All of it gets the same error, except
   * commands that ended in a defect.
   */
  fail(decided: ReadonlyArray<Decided>, error: RuntimeError): void {
    this.of.mailbox.takeInFlight()
    for (const one of decided) {
      if (one.result === "defect") this.conclude(one, nowhere)
      else this.all([one.pending], error)
    }
  }
}

/** A defect has no place in the log, so its answer names none. */
const nowhere: Place = { version: 0, position: 0 }
