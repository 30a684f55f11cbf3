/**
 * `SnapshotQueue` saves states in the background, apart from the replies: the latest state of each stream that waits, a
 * few streams in one write. A snapshot that cannot be saved is given up, since the events hold all it says; so is one
 * whose last event the log no longer has, as after a stream was cut and rewritten under its actor; and so is one that
 * is too large, which is not tried again before its stream is twice as long.
 */
import { Cause, Clock, Effect, Exit, LogLevel, Option, type Scope } from "effect"
import type { ActorLimits } from "./ActorConfig.ts"
import { LimitExceeded } from "./ActorError.ts"
import * as ActorMetrics from "./ActorMetrics.ts"
import type { AnyDefinition, Committed } from "./Definition.ts"
import { detached } from "./Detached.ts"
import type { EventStore, ReadError } from "./EventStore.ts"
import * as FaultLog from "./FaultLog.ts"
import * as HeldValue from "./HeldValue.ts"
import { checksum, type Snapshot, type SnapshotStore } from "./SnapshotStore.ts"
import type { StreamId } from "./StreamId.ts"

export interface SnapshotQueue {
  /** Whether there was room; without room the stream's next occasion comes. */
  readonly offer: (streamId: StreamId, definition: AnyDefinition, committed: Committed<unknown>) => boolean
  /** Waits until all that was offered is saved or given up. */
  readonly flush: Effect.Effect<void>
}

/**
 * Streams in one write, and characters of their states after which it takes no further one: the writer is shared with
 * commands.
 */
const maxWrite = 64
const maxWriteCharacters = 1_048_576

/** Streams of which it is remembered that their state was too large. */
const maxTooLarge = 1_024

const isDamage = (cause: Cause.Cause<ReadError>): boolean =>
  Option.getOrUndefined(Cause.failureOption(cause))?._tag === "StreamDamaged"

interface Pending {
  readonly definition: AnyDefinition
  readonly committed: Committed<unknown>
}

export const make = Effect.fnUntraced(function* (
  events: EventStore["Type"],
  store: SnapshotStore["Type"],
  limits: ActorLimits
): Effect.fn.Return<SnapshotQueue, never, Scope.Scope> {
  const pending = new Map<StreamId, Pending>()
  /** Versions before which a stream's state is not looked at again. The oldest entry comes first. */
  const tooLarge = new Map<StreamId, number>()
  let wake: (() => void) | undefined
  let failing = false
  const lock = yield* Effect.makeSemaphore(1)

  const most = limits.maxSnapshotCharacters
  const encode = (streamId: StreamId, { committed, definition }: Pending, recordedAt: number): Snapshot => {
    const { fingerprint } = definition.snapshot
    const { hash: eventHash, position, state, version } = committed
    const isTooLarge = HeldValue.isLargerThan(most, state)
    const data = isTooLarge ? "" : definition.snapshot.encode(state)
    if (isTooLarge || data.length > most) {
      const found = Math.max(data.length, most + 1)
      throw new LimitExceeded({ aggregate: definition.name, limit: "maxSnapshotCharacters", most, found })
    }
    const snapshot = { streamId, version, position, eventHash, fingerprint, data, recordedAt }
    return { ...snapshot, checksum: checksum(snapshot) }
  }

  const giveUp = (why: string, streamId: StreamId, cause: Cause.Cause<unknown>) => {
    ActorMetrics.snapshots(0, 1)
    return FaultLog.report(LogLevel.Warning, `snapshot given up: ${why}`, { streamId }, cause)
  }
  /** An outage is logged once. */
  const unavailable = (count: number, cause: Cause.Cause<unknown>) => {
    ActorMetrics.snapshots(0, count)
    const what = "snapshots given up: the store does not save them"
    const told = failing ? Effect.void : FaultLog.report(LogLevel.Warning, what, {}, cause)
    failing = true
    return told
  }

  /** The snapshot to save, if the log still has the event that it was made after. */
  const prepare = Effect.fnUntraced(function* (streamId: StreamId, waiting: Pending, now: number) {
    const { hash, version } = waiting.committed
    const found = yield* Effect.exit(events.readStream(streamId, { from: version, to: version }))
    if (Exit.isFailure(found) && !isDamage(found.cause)) return yield* unavailable(1, found.cause)
    if (Exit.isFailure(found) || found.value.events[0]?.hash !== hash) {
      const cause = Exit.isFailure(found) ? found.cause : Cause.empty
      return yield* giveUp("the log does not have its last event", streamId, cause)
    }
    try {
      return encode(streamId, waiting, now)
    } catch (cause) {
      if (!(cause instanceof LimitExceeded)) {
        return yield* giveUp("the state does not encode", streamId, Cause.die(cause))
      }
      if (tooLarge.size >= maxTooLarge) for (const [oldest] of tooLarge) if (tooLarge.delete(oldest)) break
      tooLarge.set(streamId, 2 * version)
      return yield* giveUp("the state is too large", streamId, Cause.fail(cause))
    }
  })

  const saveSome = Effect.gen(function* () {
    const now = Math.floor(yield* Clock.currentTimeMillis)
    const snapshots: Array<Snapshot> = []
    let characters = 0
    for (const [streamId, waiting] of [...pending].slice(0, maxWrite)) {
      if (characters >= maxWriteCharacters) break
      pending.delete(streamId)
      const snapshot = yield* prepare(streamId, waiting, now)
      if (snapshot === undefined) continue
      snapshots.push(snapshot)
      characters += snapshot.data.length
    }
    if (snapshots.length === 0) return
    const saved = yield* Effect.exit(store.save(snapshots, limits.snapshotsKept))
    if (Exit.isFailure(saved)) return yield* unavailable(snapshots.length, saved.cause)
    ActorMetrics.snapshots(snapshots.length, 0)
    failing = false
  }).pipe(lock.withPermits(1))

  const saveAll = Effect.whileLoop({ while: () => pending.size > 0, body: () => saveSome, step: () => undefined })

  const waitForWork = Effect.async<void>((resume) => {
    if (pending.size > 0) resume(Effect.void)
    else wake = () => resume(Effect.void)
  })
  yield* Effect.forkScoped(detached(Effect.forever(Effect.zipRight(waitForWork, saveAll))))

  return {
    offer: (streamId, definition, committed) => {
      // Nothing is wrong: it waits for its next occasion with what has room.
      if (committed.version < (tooLarge.get(streamId) ?? 0)) return true
      if (!pending.has(streamId) && pending.size >= limits.maxPendingSnapshots) {
        ActorMetrics.snapshots(0, 1)
        return false
      }
      pending.set(streamId, { definition, committed })
      wake?.()
      wake = undefined
      return true
    },
    // The lock is free only between two writes: holding it once means that the last one ended.
    flush: Effect.zipRight(saveAll, lock.withPermits(1)(Effect.void))
  }
})
