/**
 * `Source` reads the log for the read side, and refuses a page that cannot be the log: out of order, or with a hole in
 * a stream. Where an event is damaged, it says so at its place, and gives what stands before.
 */
import { Effect } from "effect"
import type { EventPage, EventPlace, EventStore, LookupError, ReadError } from "../core/EventStore.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import type { StreamDamaged } from "../core/StoreError.ts"
import type { StreamId } from "../core/StreamId.ts"
import { LogMisread } from "./ProjectionError.ts"

/**
 * The page without what came before, or the first event that cannot be the next one. Positions rise and may leave some
 * out, so that only the versions of a stream show a hole, and only within the page.
 */
const check = (after: number, page: ReadonlyArray<StoredEvent>): ReadonlyArray<StoredEvent> | LogMisread => {
  const events: Array<StoredEvent> = []
  const versions = new Map<string, number>()
  let last = after
  let passed: Set<number> | undefined
  for (const event of page) {
    const { position, streamId, version } = event
    if (position <= last) {
      passed ??= new Set(events.map((each) => each.position))
      if (position <= after || passed.has(position)) continue
      return new LogMisread({ event, reason: `the log was read out of order: it came after position ${last}` })
    }
    const before = versions.get(streamId)
    if (before !== undefined && version !== before + 1) {
      return new LogMisread({ event, reason: `the log was read with a hole: it came after version ${before}` })
    }
    versions.set(streamId, version)
    passed?.add(position)
    last = position
    events.push(event)
  }
  return events
}

/** What stands next in the log or in a stream: an event, or the damage in its place. */
export type Met = StoredEvent | StreamDamaged

export const placeOf = ({ position, streamId, type, version }: Met): EventPlace & { readonly type: string } => ({
  streamId,
  version,
  // Only a missing event has none, and then the event that shows it is what was met.
  position: position ?? 0,
  type: type ?? "unknown"
})

/** What the stream has at this version; undefined where it ends before. */
export const eventAt = (
  store: EventStore["Type"],
  streamId: string,
  version: number
): Effect.Effect<Met | undefined, LookupError> =>
  store.readStream(streamId as StreamId, { from: version, limit: 1 }).pipe(
    Effect.map((page): Met | undefined => page.events[0]),
    Effect.catchTag("StreamDamaged", (damaged) => Effect.succeed<Met>(damaged))
  )

/**
 * The next events after a position, each once. What is out of order can be read again; what is damaged stays damaged.
 */
export const read = (
  store: EventStore["Type"],
  after: number,
  limit: number
): Effect.Effect<EventPage, ReadError | LogMisread> =>
  Effect.flatMap(store.readAll(after, limit), (page) => {
    const checked = check(after, page.events)
    return checked instanceof LogMisread ? checked : Effect.succeed({ events: checked, more: page.more })
  })
