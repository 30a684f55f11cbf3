/** `TimeTravel` gives the state of an aggregate as it was: at a version of its stream, or at a time. */
import { Effect } from "effect"
import { NoSuchVersion } from "./ActorError.ts"
import * as Damage from "./Damage.ts"
import type { Committed, Definition } from "./Definition.ts"
import { EventStore, type ReadError } from "./EventStore.ts"
import * as Replay from "./Replay.ts"
import { SnapshotStore } from "./SnapshotStore.ts"
import { InvalidArgument } from "./StoreError.ts"
import type { StreamId } from "./StreamId.ts"

/** A version from 1, or a time: then the last version that was stored up to it. */
export type When = { readonly version: number } | { readonly at: Date }

/** Times never decrease along a stream, so a search by halves finds the last event up to one; 0 when none is. */
const versionAt = Effect.fnUntraced(function* (
  store: EventStore["Type"],
  streamId: StreamId,
  millis: number
): Effect.fn.Return<number, ReadError> {
  let [atOrBefore, after] = [0, (yield* store.head(streamId)).version + 1]
  while (after - atOrBefore > 1) {
    const middle = Math.floor((atOrBefore + after) / 2)
    const [event] = (yield* store.readStream(streamId, { from: middle, to: middle })).events
    // Up to the stream's end each is there: one that is not must not pass for a later one.
    if (event === undefined) return yield* Damage.missing(streamId, middle)
    if (event.recordedAt <= millis) atOrBefore = middle
    else after = middle
  }
  return atOrBefore
})

/**
 * The state at that version or time, from the nearest snapshot before it and the events after that. The initial state with
 * version 0 where the time is before the first event. Fails with `NoSuchVersion` when the stream has not come so far.
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
      return yield* new InvalidArgument({ argument: "at", reason: "is no time" })
    }
    const version = "version" in when ? when.version : yield* versionAt(store, streamId, when.at.getTime())
    if (version === 0) return Replay.initial(definition)
    const { committed } = yield* Replay.recover(store, snapshots, definition, streamId, version)
    if (committed.version === version) return committed
    return yield* new NoSuchVersion({ streamId, version, head: committed.version })
  })
