/**
 * `Replay` folds stored events into a state, from the start or from a snapshot, and checks each link of their chain.
 * The store has checked each event by itself.
 */
import { Effect, Either, LogLevel, Option } from "effect"
import { EvolveFailed, SnapshotAhead } from "./ActorError.ts"
import * as Damage from "./Damage.ts"
import type { Committed, Definition } from "./Definition.ts"
import type { DecodeError } from "./EventError.ts"
import * as EventHash from "./EventHash.ts"
import * as EventLoop from "./EventLoop.ts"
import type { EventStore, LookupError, ReadError } from "./EventStore.ts"
import * as FaultLog from "./FaultLog.ts"
import * as HeldValue from "./HeldValue.ts"
import { checksum, type Snapshot, type SnapshotStore } from "./SnapshotStore.ts"
import type { StoredEvent } from "./StoredEvent.ts"
import { StreamDamaged } from "./StoreError.ts"
import type { StreamId } from "./StreamId.ts"

/** Why stored events give no state; except for the store's own faults, trying again gives the same. */
export type FoldError = StreamDamaged | EvolveFailed | DecodeError
export type ReplayError = FoldError | SnapshotAhead | ReadError

type Tagged = { readonly _tag: string }

/** The state before the first event. */
export const initial = <S, E extends Tagged>(definition: Definition<S, E>): Committed<S> => ({
  state: definition.initial,
  version: 0,
  position: 0,
  hash: EventHash.genesis
})

/** The state after these events, which are those that follow it. */
export const fold = <S, E extends Tagged>(
  definition: Definition<S, E>,
  from: Committed<S>,
  events: ReadonlyArray<StoredEvent>
): Either.Either<Committed<S>, FoldError> => {
  let { state } = from
  let last: { readonly version: number; readonly position: number; readonly hash: string } = from
  for (const stored of events) {
    const damaged = Damage.ofLink(last, stored)
    if (damaged !== undefined) return Either.left(damaged)
    const decoded = definition.codec.decode(stored)
    if (Either.isLeft(decoded)) return Either.left(decoded.left)
    try {
      for (const event of decoded.right) state = definition.hold(definition.evolve(state, event), state)
    } catch (cause) {
      const { streamId, type, version } = stored
      return Either.left(new EvolveFailed({ streamId, version, type, cause }))
    }
    last = stored
  }
  return Either.right({ state, version: last.version, position: last.position, hash: last.hash })
}

/** The state after the next page of events, and whether more follow. */
const nextPage = <S, E extends Tagged>(
  store: EventStore["Type"],
  definition: Definition<S, E>,
  streamId: StreamId,
  from: Committed<S>,
  to: number
): Effect.Effect<{ readonly committed: Committed<S>; readonly more: boolean }, FoldError | ReadError> =>
  Effect.flatMap(store.readStream(streamId, { from: from.version + 1, to }), ({ events, more }) =>
    Either.map(fold(definition, from, events), (committed) => ({ committed, more }))
  )

/** The state after all events that the store has, or after those up to a version. */
export const catchUp = Effect.fnUntraced(function* <S, E extends Tagged>(
  store: EventStore["Type"],
  definition: Definition<S, E>,
  streamId: StreamId,
  from: Committed<S>,
  to = Number.MAX_SAFE_INTEGER
) {
  let current = from
  for (;;) {
    const { committed, more } = yield* nextPage(store, definition, streamId, current, to)
    current = committed
    if (!more) return current
    // The embedded store answers without a pause: let others run between two pages.
    yield* EventLoop.turn
  }
})

/** The newest snapshot that this code can use, decoded. What it cannot use it names in the log and passes over. */
const usable = Effect.fnUntraced(function* <S, E extends Tagged>(
  snapshots: SnapshotStore["Type"],
  { snapshot: policy }: Definition<S, E>,
  streamId: StreamId,
  to: number
) {
  let below = to
  for (;;) {
    const found: Option.Option<Snapshot> = yield* snapshots.load(streamId, below)
    if (Option.isNone(found)) return undefined
    const snapshot = found.value
    // All of them are of an older form of the state, which is not a fault: the next one is of this form.
    if (snapshot.fingerprint !== policy.fingerprint) return undefined
    const decoded = Either.try((): S => {
      if (checksum(snapshot) !== snapshot.checksum) throw new Error("checksum")
      return policy.decode(snapshot.data)
    })
    if (Either.isRight(decoded)) return { snapshot, state: decoded.right }
    const what = "snapshot ignored: it is damaged or does not fit the state's schema"
    yield* FaultLog.report(LogLevel.Warning, what, { streamId, version: snapshot.version })
    below = snapshot.version - 1
  }
})

/** What is kept is not changed in place. While events are folded nothing else holds the state. */
const kept = <S>(committed: Committed<S>): Committed<S> => {
  HeldValue.freeze(committed.state)
  return committed
}

/**
 * The same state, once the journal confirms that the stream ends there: a stream whose last events are missing would
 * look like one that is complete. What another process has stored meanwhile is read too.
 */
const toLastEntry = Effect.fnUntraced(function* <S, E extends Tagged>(
  store: EventStore["Type"],
  definition: Definition<S, E>,
  streamId: StreamId,
  recovered: Committed<S>
) {
  const { version: end = 0 } = (yield* store.lastEntry(streamId)) ?? {}
  const found = end > recovered.version ? yield* catchUp(store, definition, streamId, recovered) : recovered
  if (found.version < end) return yield* Damage.endMissing(streamId, found.version + 1, end)
  // Its entry was there before the event could be read.
  return end < recovered.version ? yield* Damage.unvouched(streamId, end + 1) : found
})

/**
 * Version of the stream's last event, 0 where it has none, once the journal says the same: for code that reads a stream
 * to its end without a recovery.
 */
export const endOf = Effect.fnUntraced(function* (
  store: EventStore["Type"],
  streamId: StreamId
): Effect.fn.Return<number, StreamDamaged | LookupError> {
  const lastEntry = Effect.map(store.lastEntry(streamId), (entry) => entry?.version ?? 0)
  const before = yield* lastEntry
  const { version } = yield* store.head(streamId)
  if (version < before) return yield* Damage.endMissing(streamId, version + 1, before)
  // What another process has stored meanwhile has its entry by now.
  const after = version === before ? before : yield* lastEntry
  return after < version ? yield* Damage.unvouched(streamId, after + 1) : version
})

export interface Recovered<S> {
  readonly committed: Committed<S>
  /** Version of the snapshot it began with, 0 without one. */
  readonly snapshotVersion: number
}

/** How far a recovery has come. What keeps it goes on from there after a fault. */
export interface Progress<S> extends Recovered<S> {
  readonly isDone: boolean
}

/** Where a recovery begins: at the newest snapshot, if the log agrees with it. */
const begin = Effect.fnUntraced(function* <S, E extends Tagged>(
  store: EventStore["Type"],
  snapshots: SnapshotStore["Type"],
  definition: Definition<S, E>,
  streamId: StreamId,
  to: number
) {
  const start = yield* usable(snapshots, definition, streamId, to)
  if (start === undefined) return { committed: initial(definition), snapshotVersion: 0 }
  const { snapshot, state } = start
  const { version } = snapshot
  // The snapshot's own event is read too: it shows that the log has it, and has the same.
  const [event] = (yield* store.readStream(streamId, { from: version, to: version })).events
  if (event === undefined) {
    const { version: head } = yield* store.head(streamId)
    if (head < version) return yield* new SnapshotAhead({ streamId, snapshot: version, head })
    return yield* Damage.missing(streamId, version)
  }
  if (event.hash !== snapshot.eventHash || event.position !== snapshot.position) {
    const { type } = event
    const reason = "the snapshot was made of another event"
    return yield* new StreamDamaged({ streamId, version, position: event.position, type, reason })
  }
  const at = { state: definition.hold(state), version, position: event.position, hash: event.hash }
  return { committed: at, snapshotVersion: version }
})

/** One step of a recovery, from where the last one came to: reads and folds one page. */
export const step = Effect.fnUntraced(function* <S, E extends Tagged>(
  store: EventStore["Type"],
  snapshots: SnapshotStore["Type"],
  definition: Definition<S, E>,
  streamId: StreamId,
  progress: Progress<S> | undefined,
  to = Number.MAX_SAFE_INTEGER
): Effect.fn.Return<Progress<S>, ReplayError> {
  const from: Recovered<S> = progress ?? (yield* begin(store, snapshots, definition, streamId, to))
  const { snapshotVersion } = from
  const { committed, more } = yield* nextPage(store, definition, streamId, from.committed, to)
  if (more) return { committed, snapshotVersion, isDone: false }
  const isWhole = to === Number.MAX_SAFE_INTEGER
  const end = isWhole ? yield* toLastEntry(store, definition, streamId, committed) : committed
  return { committed: kept(end), snapshotVersion, isDone: true }
})

/** The state of a stream, from its newest snapshot and the events after it, or up to a version. */
export const recover = Effect.fnUntraced(function* <S, E extends Tagged>(
  store: EventStore["Type"],
  snapshots: SnapshotStore["Type"],
  definition: Definition<S, E>,
  streamId: StreamId,
  to = Number.MAX_SAFE_INTEGER
): Effect.fn.Return<Recovered<S>, ReplayError> {
  let progress: Progress<S> | undefined
  for (;;) {
    progress = yield* step(store, snapshots, definition, streamId, progress, to)
    if (progress.isDone) return progress
    // The embedded store answers without a pause: let others run between two pages.
    yield* EventLoop.turn
  }
})
