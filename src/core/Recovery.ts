/**
 * `Recovery` loads the state of one actor, catches up with other writers, and has snapshots saved so that the next load
 * is short.
 *
 * - It ends: with the state, or at its deadline, even where the store does not answer. A stream that makes progress,
 *   page by page, is loaded however long that takes (`Loading.ts`).
 * - After failures in a row it waits before the next attempt; meanwhile commands are refused with the last failure.
 *   What was read before a fault of the store is kept, and the next attempt goes on from there.
 *
 * Third of the five rooms of an actor; how its commands get their answers is in `Answers.ts`.
 */
import { Cause, Duration, Effect, Either, Exit, LogLevel } from "effect"
import { RecoveryFailed } from "./ActorError.ts"
import type { Host } from "./ActorHost.ts"
import * as ActorMetrics from "./ActorMetrics.ts"
import * as Backoff from "./Backoff.ts"
import type { AnyDefinition, Committed } from "./Definition.ts"
import * as FaultLog from "./FaultLog.ts"
import { Loading, NoAnswer } from "./Loading.ts"
import { StoreUnavailable, type VersionConflict } from "./StoreError.ts"
import type { StreamId } from "./StreamId.ts"

export class Recovery {
  readonly streamId: StreamId
  private readonly host: Host
  private readonly definition: AnyDefinition
  /** Version of the newest snapshot that is known. */
  private snapshotVersion = 0
  /** What the attempts before have read, of a stream that is not loaded yet. */
  private loading: Loading | undefined
  /** In a row; the backoff grows with them. */
  private failures = 0
  /** The next recovery begins no earlier. */
  private resumeAt = 0
  /** After a failed recovery: what is answered until then, without another try. */
  private recoveryFailure: { readonly until: number; readonly error: RecoveryFailed } | undefined

  constructor(host: Host, definition: AnyDefinition, streamId: StreamId) {
    this.host = host
    this.definition = definition
    this.streamId = streamId
  }

  /** What is answered without another try, after a recovery that failed. */
  get failure(): RecoveryFailed | undefined {
    if (this.recoveryFailure !== undefined && this.recoveryFailure.until <= this.host.elapsed())
      this.recoveryFailure = undefined
    return this.recoveryFailure?.error
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

  /** Loads the state, once the backoff is over. */
  *recover(): Effect.fn.Return<Either.Either<Committed<unknown>, RecoveryFailed>> {
    const { definition, host, streamId } = this
    const delay = this.resumeAt - host.elapsed()
    if (delay > 0) yield* Effect.sleep(delay)
    if (this.loading !== undefined) this.loading.deadline = undefined
    for (let attempts = 1; ; attempts++) {
      const isResumed = this.loading !== undefined
      const loading = this.loading ?? new Loading(host, definition, streamId)
      this.loading = loading
      const { pages } = loading
      const exit = yield* Effect.exit(loading.toEnd)
      if (Exit.isSuccess(exit)) {
        const { committed, snapshotVersion } = exit.value
        this.loading = undefined
        this.snapshotVersion = snapshotVersion
        ActorMetrics.recovered(committed.version - snapshotVersion)
        return Either.right(committed)
      }
      const cause = Cause.squash(exit.cause)
      const isFault = cause instanceof StoreUnavailable || cause instanceof NoAnswer
      if (!isFault) {
        this.loading = undefined
        // What was read before the fault may be of another stream than is there now, such as that of a restored backup.
        if (isResumed) continue
      }
      if (loading.pages > pages) {
        attempts = 1
        this.failures = 0
      }
      yield* this.grow()
      // Only the store's own faults pass; damage and a failing upcaster are the same the next time.
      const isInTime = this.resumeAt < (loading.deadline ?? Number.POSITIVE_INFINITY)
      if (cause instanceof StoreUnavailable && attempts < host.limits.recoveryAttempts && isInTime) {
        yield* Effect.sleep(this.resumeAt - host.elapsed())
        continue
      }
      ActorMetrics.recoveryFailed()
      const error = new RecoveryFailed({ streamId, cause })
      yield* FaultLog.report(LogLevel.Error, "recovery failed", { streamId, attempts }, exit.cause)
      this.recoveryFailure = { until: this.resumeAt, error }
      return Either.left(error)
    }
  }

  /** Offers the state to be saved, where it has as many events more than the newest snapshot. */
  saveSnapshot(committed: Committed<unknown>, least: number): void {
    const news = committed.version - this.snapshotVersion
    if (news > 0 && news >= least && this.host.saver.offer(this.streamId, this.definition, committed)) {
      this.snapshotVersion = committed.version
    }
  }

  /**
   * The state with what another writer has stored since, after a wait that grows with the tries: two writers that
   * collided once should not meet again. Undefined where it cannot be had so, and all is to be recovered.
   */
  afterConflict(
    committed: Committed<unknown> | undefined,
    { actual }: VersionConflict,
    tries: number
  ): Effect.Effect<Committed<unknown> | undefined> {
    return Effect.gen(this, function* () {
      const most = Duration.toMillis(this.host.limits.maxBackoff)
      if (tries > 0) yield* Effect.sleep(yield* Backoff.next({ least: conflictDelay, most }, tries))
      // A stream that ends before what was read of it, or there with another event, is another one, for example the
      // stream of a restored backup.
      return committed !== undefined && actual > committed.version ? yield* this.catchUp(committed) : undefined
    })
  }

  private catchUp(committed: Committed<unknown>): Effect.Effect<Committed<unknown> | undefined> {
    // The recovery from the start reports why it cannot be read.
    return Effect.map(Effect.exit(new Loading(this.host, this.definition, this.streamId, committed).toEnd), (exit) =>
      Exit.isSuccess(exit) ? exit.value.committed : undefined
    )
  }
}

/** Milliseconds before the first retry after a conflict. */
const conflictDelay = 5
