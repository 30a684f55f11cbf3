/** `TimeTravel` gives the state of an aggregate as it was: at a version of its stream, or at a time. */
import { Clock, Effect } from "effect"
import { NoSuchVersion } from "./ActorError.ts"
import * as Damage from "./Damage.ts"
import type { Committed, Definition } from "./Definition.ts"
import { EventStore, type ReadError } from "./EventStore.ts"
import * as RecordedAt from "./RecordedAt.ts"
import * as Replay from "./Replay.ts"
import { SnapshotStore } from "./SnapshotStore.ts"
import type { StoredEvent } from "./StoredEvent.ts"
import { InvalidArgument } from "./StoreError.ts"
import type { StreamId } from "./StreamId.ts"

/** A version from 1, or a time: then the last version that was stored up to it. */
export type When = { readonly version: number } | { readonly at: Date }

/** Where times are right again after an event that was ahead of the clock: a later event of the log, or now. */
interface RightTime {
  readonly position: number
  readonly recordedAt: number
}

/** The greatest number of a range of which the condition holds, given that it holds of `from` and not of `to`. */
const lastWhere = Effect.fnUntraced(function* <E>(
  from: number,
  to: number,
  holds: (at: number) => Effect.Effect<boolean, E>
): Effect.fn.Return<number, E> {
  let [yes, no] = [from, to]
  while (no - yes > 1) {
    const middle = Math.floor((yes + no) / 2)
    if (yield* holds(middle)) yes = middle
    else no = middle
  }
  return yes
})

const eventAt = (store: EventStore["Type"], streamId: StreamId, version: number) =>
  Effect.map(store.readStream(streamId, { from: version, to: version }), ({ events: [event] }) => event)

/** The first event of the log from this position on. Damaged ones are passed over: they may be of any stream. */
const eventFrom = (store: EventStore["Type"], position: number): Effect.Effect<StoredEvent | undefined, ReadError> =>
  store.readAll(position - 1, 1).pipe(
    Effect.map(({ events: [event] }) => event),
    Effect.catchTag("StreamDamaged", (error) => eventFrom(store, Math.max(position, error.position ?? position) + 1))
  )

/**
 * Evidence that an event was ahead of the clock, if there is any. Looks at the log 1, 2, 4, 8 … positions later, at its
 * end, and at the clock. These few reads are enough where more events were stored between the event and the time that
 * it claims than were stored ahead of the clock.
 */
const rightTimeAfter = Effect.fnUntraced(function* (
  store: EventStore["Type"],
  { position, recordedAt }: StoredEvent
): Effect.fn.Return<RightTime | undefined, ReadError> {
  const end = yield* store.lastPosition
  for (let distance = 1; distance < 2 * (end - position); distance *= 2) {
    const later = yield* eventFrom(store, Math.min(position + distance, end))
    if (later !== undefined && RecordedAt.isAhead(recordedAt, later.recordedAt, store.maxClockLead)) return later
  }
  const now = yield* Clock.currentTimeMillis
  const isAhead = RecordedAt.isAhead(recordedAt, now, store.maxClockLead)
  return isAhead ? { position: Number.MAX_SAFE_INTEGER, recordedAt: now } : undefined
})

/** The time of the event before one that was ahead of the clock: the last one in the log before it that was not. */
const timeBefore = Effect.fnUntraced(function* (
  store: EventStore["Type"],
  { position }: StoredEvent,
  right: RightTime
): Effect.fn.Return<number, ReadError> {
  const isRight = ({ recordedAt }: StoredEvent) => !RecordedAt.isAhead(recordedAt, right.recordedAt, store.maxClockLead)
  const isBefore = (at: number) =>
    Effect.map(eventFrom(store, at), (event) => event !== undefined && event.position < position && isRight(event))
  // From the event backwards, 1, 2, 4, 8 … positions: others were ahead before those that are right before this one.
  let distance = 1
  while (distance < position && !(yield* isBefore(position - distance))) distance *= 2
  const at = yield* lastWhere(Math.max(position - distance, 0), position, isBefore)
  const before = at === 0 ? undefined : yield* eventFrom(store, at)
  return before?.recordedAt ?? Number.NEGATIVE_INFINITY
})

/**
 * The last version up to a time; 0 before the first. Times never decrease along a stream, so a search by halves finds
 * it. An event that was ahead of the clock counts as recorded with the event before it in the log, and the search goes
 * on behind it.
 */
const versionAt = Effect.fnUntraced(function* (
  store: EventStore["Type"],
  streamId: StreamId,
  millis: number
): Effect.fn.Return<number, ReadError> {
  const end = (yield* Replay.endOf(store, streamId)) + 1
  const lastOf = (from: number, condition: (event: StoredEvent) => boolean) =>
    lastWhere(from, end, (version) =>
      Effect.flatMap(eventAt(store, streamId, version), (event) =>
        // Up to the stream's end each is there: one that is not must not pass for a later one.
        event === undefined ? Damage.missing(streamId, version) : Effect.succeed(condition(event))
      )
    )
  for (let from = 0; ; ) {
    const found = yield* lastOf(from, ({ recordedAt }) => recordedAt <= millis)
    const next = yield* eventAt(store, streamId, found + 1)
    const right = next && (yield* rightTimeAfter(store, next))
    if (next === undefined || right === undefined || (yield* timeBefore(store, next, right)) > millis) return found
    // Behind all that were recorded while the clock was ahead.
    from = yield* lastOf(
      found + 1,
      ({ position, recordedAt }) =>
        position < right.position && RecordedAt.isAhead(recordedAt, right.recordedAt, store.maxClockLead)
    )
  }
})

/**
 * The state at that version or time, from the nearest snapshot before it and the events after that. The initial state
 * with version 0 where the time is before the first event. Fails with `NoSuchVersion` when the stream has not come so
 * far.
 */
export const stateAt = <S, E extends { readonly _tag: string }>(
  definition: Definition<S, E>,
  id: string,
  when: When
): Effect.Effect<Committed<S>, NoSuchVersion | InvalidArgument | Replay.ReplayError, EventStore | SnapshotStore> =>
  Effect.gen(function* () {
    const store = yield* EventStore
    const snapshots = yield* SnapshotStore
    const streamId = definition.streamId(id)
    if ("version" in when && !(Number.isSafeInteger(when.version) && when.version >= 1)) {
      return yield* new InvalidArgument({ argument: "version", reason: "is a whole number from 1" })
    }
    if ("at" in when && Number.isNaN(when.at.getTime())) {
      return yield* new InvalidArgument({ argument: "at", reason: "is not a time" })
    }
    const version = "version" in when ? when.version : yield* versionAt(store, streamId, when.at.getTime())
    if (version === 0) return Replay.initial(definition)
    const { committed } = yield* Replay.recover(store, snapshots, definition, streamId, version)
    if (committed.version === version) return committed
    return yield* new NoSuchVersion({ streamId, version, head: committed.version })
  })
