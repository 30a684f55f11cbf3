/** `Source` reads the log for the read side, and refuses a page that cannot be the log: out of order, or with a hole in a stream. */
import { Effect } from "effect"
import type { EventPage, EventStore, ReadError } from "../core/EventStore.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import { OutOfOrder } from "./ProjectionError.ts"

/**
 * The page without what came before, or the first event that cannot be the next one. Positions rise and may leave some out, so
 * that only the versions of a stream show a hole, and only within the page.
 */
const check = (after: number, page: ReadonlyArray<StoredEvent>): ReadonlyArray<StoredEvent> | OutOfOrder => {
  const events: Array<StoredEvent> = []
  const versions = new Map<string, number>()
  let last = after
  let passed: Set<number> | undefined
  for (const event of page) {
    const { position, streamId, version } = event
    if (position <= last) {
      passed ??= new Set(events.map((each) => each.position))
      if (position <= after || passed.has(position)) continue
      return new OutOfOrder({ event, reason: `the log was read out of order: it came after position ${last}` })
    }
    const before = versions.get(streamId)
    if (before !== undefined && version !== before + 1) {
      return new OutOfOrder({ event, reason: `the log was read with a hole: it came after version ${before}` })
    }
    versions.set(streamId, version)
    passed?.add(position)
    last = position
    events.push(event)
  }
  return events
}

/** The next events after a position, each once. What fails is to be read again. */
export const read = (
  store: EventStore["Type"],
  after: number,
  limit: number
): Effect.Effect<EventPage, ReadError | OutOfOrder> =>
  Effect.flatMap(store.readAll(after, limit), (page) => {
    const checked = check(after, page.events)
    return checked instanceof OutOfOrder ? checked : Effect.succeed({ events: checked, more: page.more })
  })
