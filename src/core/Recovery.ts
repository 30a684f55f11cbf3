/**
 * `Recovery` loads the state of one actor, and catches up with other writers.
 *
 * - It ends: with the state, or at its deadline, even where the store does not answer.
 * - After failures in a row it waits before the next attempt; meanwhile commands are refused with the last failure.
 * - It takes one of the system's permits, so that a cold start leaves the store to those that run.
 *
 * Third of the four rooms of an actor; its life is in `Actor.ts`.
 */
import { Cause, Duration, Effect, Either, Exit, LogLevel } from "effect"
import type { Host } from "./Actor.ts"
import { RecoveryFailed } from "./ActorError.ts"
import * as ActorMetrics from "./ActorMetrics.ts"
import * as Backoff from "./Backoff.ts"
import type { AnyDefinition, Committed } from "./Definition.ts"
import * as Fault from "./Fault.ts"
import * as Replay from "./Replay.ts"
import { StoreUnavailable } from "./StoreError.ts"
import type { StreamId } from "./StreamId.ts"
import { turn } from "./Turn.ts"

export class Recovery {
  readonly streamId: StreamId
  private readonly host: Host
  private readonly definition: AnyDefinition
  /** Version of the newest snapshot that is known. */
  snapshotVersion = 0
  /** In a row; the backoff grows with them. */
  private failures = 0
  /** The next recovery begins no earlier. */
  private resumeAt = 0
  /** After a failed recovery: what is answered until then, without another try. */
  private refusing: { readonly until: number; readonly error: RecoveryFailed } | undefined
  /** The reading of events that it waits for, and no longer than until then. */
  private patience: { readonly deadline: number; readonly giveUp: () => void } | undefined

  constructor(host: Host, definition: AnyDefinition, streamId: StreamId) {
    this.host = host
    this.definition = definition
    this.streamId = streamId
  }

  /** What is answered without another try, after a recovery that failed. */
  get failure(): RecoveryFailed | undefined {
    if (this.refusing !== undefined && this.refusing.until <= this.host.elapsed()) this.refusing = undefined
    return this.refusing?.error
  }

  /** Doubles the backoff before the next recovery. */
  *grow(): Effect.fn.Return<void> {
    const delay = yield* Backoff.next(Backoff.policyOf(this.host.limits), ++this.failures)
    this.resumeAt = this.host.elapsed() + delay
  }

  /** What was recovered works: the next failure is the first one again. */
  reset(): void {
    this.failures = 0
    this.resumeAt = 0
  }

  /** Gives up a reading that takes too long; that tells of itself. */
  expire(now: number): undefined {
    if (this.patience !== undefined && now >= this.patience.deadline) this.patience.giveUp()
  }

  /** Nobody waits for it any more. */
  stop(): void {
    this.patience = undefined
    this.host.watched.delete(this)
  }

  /** Loads the state, once the backoff is over. */
  *recover(): Effect.fn.Return<Either.Either<Committed<unknown>, RecoveryFailed>> {
    const { definition, host, streamId } = this
    const { limits, recoveries, snapshots, store } = host
    const delay = this.resumeAt - host.elapsed()
    if (delay > 0) yield* Effect.sleep(delay)
    let deadline: number | undefined
    const attempt = Effect.suspend(() => {
      // From when it has a place: a cold start of many is no fault of the last one.
      deadline ??= host.elapsed() + Duration.toMillis(limits.recoveryTimeout)
      return this.patiently(deadline, Replay.recover(store, snapshots, definition, streamId))
    }).pipe(
      // Those that have recovered are served before the next ones, however many there are and however fast the store is.
      Effect.zipLeft(turn),
      recoveries.within
    )
    for (let attempts = 1; ; attempts++) {
      const exit = yield* Effect.exit(attempt)
      if (Exit.isSuccess(exit)) {
        const { committed, snapshotVersion } = exit.value
        this.snapshotVersion = snapshotVersion
        ActorMetrics.recovered(committed.version - snapshotVersion)
        return Either.right(committed)
      }
      const cause = Cause.squash(exit.cause)
      yield* this.grow()
      // Only the store's own faults pass; damage and a failing upcaster are the same the next time.
      const mayTry = attempts < limits.recoveryAttempts && this.resumeAt < (deadline ?? Number.POSITIVE_INFINITY)
      if (cause instanceof StoreUnavailable && mayTry) {
        yield* Effect.sleep(this.resumeAt - host.elapsed())
        continue
      }
      ActorMetrics.recoveryFailed()
      const error = new RecoveryFailed({ streamId, cause })
      yield* Fault.report(LogLevel.Error, "recovery failed", { streamId, attempts }, exit.cause)
      this.refusing = { until: this.resumeAt, error }
      return Either.left(error)
    }
  }

  /** The state with what another writer has stored since; undefined where that cannot be read, and all is to be recovered. */
  catchUp(committed: Committed<unknown>): Effect.Effect<Committed<unknown> | undefined> {
    const { definition, host, streamId } = this
    const deadline = host.elapsed() + Duration.toMillis(host.limits.recoveryTimeout)
    const missing = Replay.catchUp(host.store, definition, streamId, committed)
    // The recovery from the start reports why it cannot be read.
    return Effect.map(Effect.exit(this.patiently(deadline, missing)), (exit) =>
      Exit.isSuccess(exit) ? exit.value : undefined
    )
  }

  /**
   * Ends the wait for the effect at the deadline, even where the effect does not let itself be interrupted. A fiber of its own
   * and a look now and then: a timeout of Effect is three fibers and a timer, more than all else that a cold start takes.
   */
  private patiently<A, E>(deadline: number, effect: Effect.Effect<A, E>): Effect.Effect<A, E | Error> {
    return Effect.async((resume) => {
      const { host } = this
      const fiber = host.fork(effect)
      const interrupt = () => fiber.unsafeInterruptAsFork(fiber.id())
      const finish = (answer: Effect.Effect<A, E | Error>) => {
        if (this.patience === patience) this.stop()
        resume(answer)
      }
      const giveUp = () => {
        interrupt()
        finish(Effect.fail(new Error(`no answer within ${Duration.format(host.limits.recoveryTimeout)}`)))
      }
      const patience = { deadline, giveUp }
      this.patience = patience
      host.watched.add(this)
      fiber.addObserver(finish)
      return Effect.sync(interrupt)
    })
  }
}
