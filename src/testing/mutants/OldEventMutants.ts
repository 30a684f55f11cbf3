/** Stores with one fault each that a reader of old events meets, for the rules of `UpcastConformance`. */
import { Effect } from "effect"
import { EventStore } from "../../core/EventStore.ts"
import { checksum, SnapshotStore } from "../../core/SnapshotStore.ts"
import type { StoredEvent } from "../../core/StoredEvent.ts"
import type { SystemUnderTest } from "../SystemUnderTest.ts"
import { changing, type Fails, type Mutant } from "./Mutant.ts"

type Needs = EventStore | SnapshotStore | SystemUnderTest

/** A store that gives the events of a stream changed. */
const reading = (name: string, fails: Fails, change: (event: StoredEvent) => StoredEvent): Mutant<Needs> => ({
  name,
  fails,
  of: changing(EventStore, ({ readStream }) => ({
    readStream: (streamId, options) =>
      Effect.map(readStream(streamId, options), (page) => ({ ...page, events: page.events.map(change) }))
  }))
})

const normal = (data: string): string => {
  try {
    return JSON.stringify(JSON.parse(data))
  } catch {
    return data
  }
}

let reads = 0

export const OldEventMutants: ReadonlyArray<Mutant<Needs>> = [
  reading(
    "takes the second version of an event for its first",
    ["every consumer reads", "a stream that mixes"],
    (event) => (event.schemaVersion === 2 ? { ...event, schemaVersion: 1 } : event)
  ),
  reading("gives the text of an event as it would write it", ["reading changes no"], (event) => ({
    ...event,
    data: normal(event.data)
  })),
  reading("takes a version that nobody knows for the newest", ["a future version"], (event) =>
    event.schemaVersion > 3 ? { ...event, schemaVersion: 3 } : event
  ),
  reading("forgets the fee of a bank's row", ["one event that became"], (event) => ({
    ...event,
    data: event.data.replace(/,"fee":\d+/, "")
  })),
  {
    name: "takes a type that it does not know for one that is gone",
    fails: ["what cannot be read"],
    of: changing(EventStore, ({ readAll }) => ({
      readAll: (after, limit) =>
        Effect.map(readAll(after, limit), ({ events, more }) => ({
          events: events.map((event) => (event.type === "Frozen" ? { ...event, type: "StatementPrinted" } : event)),
          more
        }))
    }))
  },
  reading("gives an event another time each time it is read", ["an upcaster sees", "reading changes no"], (event) => ({
    ...event,
    recordedAt: event.recordedAt + ++reads
  })),
  {
    name: "spoils the snapshot of a stream of thirty events and more",
    fails: ["a stream that mixes"],
    of: changing(SnapshotStore, ({ save }) => ({
      save: (snapshots, keep) =>
        save(
          snapshots.map((snapshot) => {
            if (snapshot.version < 30) return snapshot
            const spoilt = { ...snapshot, data: snapshot.data.replace(/"balance":"\d+"/, '"balance":"7"') }
            return { ...spoilt, checksum: checksum(spoilt) }
          }),
          keep
        )
    }))
  }
]
