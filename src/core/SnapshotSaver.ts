/**
 * `SnapshotSaver` saves states in the background, away from the replies: of each stream that waits the latest state, a
 * few streams in one write. A snapshot that cannot be saved is given up, since the events hold all it says.
 */
import { Cause, Clock, Effect, LogLevel, type Scope } from "effect"
import type { ActorLimits } from "./ActorConfig.ts"
import * as ActorMetrics from "./ActorMetrics.ts"
import type { AnyDefinition, Committed } from "./Definition.ts"
import { detached } from "./Detached.ts"
import * as Fault from "./Fault.ts"
import { checksum, type Snapshot, type SnapshotStore } from "./SnapshotStore.ts"
import type { StreamId } from "./StreamId.ts"

export interface SnapshotSaver {
  /** Whether there was room; without room the stream's next occasion comes. */
  readonly offer: (streamId: StreamId, definition: AnyDefinition, committed: Committed<unknown>) => boolean
  /** Waits until all that was offered is saved or given up. */
  readonly flush: Effect.Effect<void>
}

/** Streams in one write: the writer of the store is shared with commands. */
const maxWrite = 64

interface Pending {
  readonly definition: AnyDefinition
  readonly committed: Committed<unknown>
}

export const make = Effect.fnUntraced(function* (
  store: SnapshotStore["Type"],
  limits: ActorLimits
): Effect.fn.Return<SnapshotSaver, never, Scope.Scope> {
  const pending = new Map<StreamId, Pending>()
  let wake: (() => void) | undefined
  let failing = false
  const lock = yield* Effect.makeSemaphore(1)

  const encode = (streamId: StreamId, { committed, definition }: Pending, recordedAt: number): Snapshot => {
    const { fingerprint } = definition.snapshot
    const { hash: eventHash, position, state, version } = committed
    const data = definition.snapshot.encode(state)
    const snapshot = { streamId, version, position, eventHash, fingerprint, data, recordedAt }
    return { ...snapshot, checksum: checksum(snapshot) }
  }

  const saveSome = Effect.gen(function* () {
    const now = Math.floor(yield* Clock.currentTimeMillis)
    const snapshots: Array<Snapshot> = []
    for (const [streamId, waiting] of [...pending].slice(0, maxWrite)) {
      pending.delete(streamId)
      try {
        snapshots.push(encode(streamId, waiting, now))
      } catch (cause) {
        ActorMetrics.snapshots(0, 1)
        const what = "snapshot given up: the state does not encode"
        yield* Fault.report(LogLevel.Warning, what, { streamId }, Cause.die(cause))
      }
    }
    const saved = yield* Effect.exit(store.save(snapshots, limits.snapshotsKept))
    if (saved._tag === "Success") {
      ActorMetrics.snapshots(snapshots.length, 0)
      failing = false
      return
    }
    ActorMetrics.snapshots(0, snapshots.length)
    if (!failing) {
      const what = "snapshots given up: the store does not save them"
      yield* Fault.report(LogLevel.Warning, what, {}, saved.cause)
    }
    failing = true
  }).pipe(lock.withPermits(1))

  const saveAll = Effect.whileLoop({ while: () => pending.size > 0, body: () => saveSome, step: () => undefined })

  const waitForWork = Effect.async<void>((resume) => {
    if (pending.size > 0) resume(Effect.void)
    else wake = () => resume(Effect.void)
  })
  yield* Effect.forkScoped(detached(Effect.forever(Effect.zipRight(waitForWork, saveAll))))

  return {
    offer: (streamId, definition, committed) => {
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
