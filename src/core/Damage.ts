/**
 * `Damage` is what can be wrong with stored events, and the one place where a store's rows become the events that it
 * gives: each is checked here, before anybody chooses among them. What is damaged is never given out, and what stands
 * before it is given first, so that every reader comes as far as the log is sound.
 *
 * An event's own hash shows whether it is what was appended; its link, that nothing is missing before it in its stream.
 * The one way to read without these checks is `sql/UnverifiedLog.ts`.
 */
import { Either } from "effect"
import * as EventHash from "./EventHash.ts"
import type { EventPage } from "./EventStore.ts"
import * as Page from "./Page.ts"
import type { StoredEvent } from "./StoredEvent.ts"
import { StreamDamaged } from "./StoreError.ts"

/** The place of an event, by what its stream says of it. */
interface Place {
  readonly version: number
  readonly hash: string
}

const damaged = ({ position, streamId, type, version }: StoredEvent, reason: string): StreamDamaged =>
  new StreamDamaged({ streamId, version, position, type, reason })

/** Nothing is stored where a later event shows that something was. */
export const missing = (streamId: string, version: number): StreamDamaged =>
  new StreamDamaged({ streamId, version, position: null, type: null, reason: "the event is missing" })

/** The stream ends before the journal says that it does. */
export const endMissing = (streamId: string, version: number, end: number): StreamDamaged => {
  const reason = `the stream ends before it, and its last entry in the journal ends at version ${end}`
  return new StreamDamaged({ streamId, version, position: null, type: null, reason })
}

/** An event of which the journal knows nothing. */
export const unvouched = (streamId: string, version: number): StreamDamaged =>
  new StreamDamaged({ streamId, version, position: null, type: null, reason: "the journal has no entry of it" })

/** Whether the event is what was appended. */
export const ofEvent = (event: StoredEvent): StreamDamaged | undefined =>
  EventHash.isIntact(event) ? undefined : damaged(event, "its hash does not match what is stored")

/** Whether the event follows that place in its stream. */
export const ofLink = (after: Place, event: StoredEvent): StreamDamaged | undefined => {
  if (event.version !== after.version + 1) return damaged(event, `version ${after.version + 1} is missing`)
  return event.previousHash === after.hash ? undefined : damaged(event, "it does not follow the event before it")
}

/** Both, for a row that was not checked. */
export const ofRow = (after: Place, event: StoredEvent): StreamDamaged | undefined =>
  ofLink(after, event) ?? ofEvent(event)

type Check = (event: StoredEvent, before: StoredEvent | undefined) => StreamDamaged | undefined

/** The rows up to the first that is damaged; its error where that is the first of all. */
const checked = (
  rows: ReadonlyArray<StoredEvent>,
  limit: number,
  check: Check
): Either.Either<EventPage, StreamDamaged> => {
  const { kept, more } = Page.cut(rows, limit)
  for (let index = 0; index < kept.length; index++) {
    const wrong = check(kept[index] as StoredEvent, kept[index - 1])
    if (wrong === undefined) continue
    // The next page begins with the damaged one.
    return index === 0 ? Either.left(wrong) : Either.right({ events: kept.slice(0, index), more: true })
  }
  return Either.right({ events: kept, more })
}

/** A page of the log, from its rows and one more where there is one. */
export const logPage = (rows: ReadonlyArray<StoredEvent>, limit: number): Either.Either<EventPage, StreamDamaged> =>
  checked(rows, limit, ofEvent)

/** The same for a page of one stream. Its reader checks the link of its first event to the page before. */
export const streamPage = (
  rows: ReadonlyArray<StoredEvent>,
  { backwards, from, limit }: Page.StreamBounds
): Either.Either<EventPage, StreamDamaged> =>
  checked(rows, limit, (event, before) => {
    if (before === undefined) {
      // Backwards it is the last one there is, whichever that may be.
      const first = Math.max(from, 1)
      const hash = first === 1 ? EventHash.genesis : event.previousHash
      return (backwards ? undefined : ofLink({ version: first - 1, hash }, event)) ?? ofEvent(event)
    }
    const wrong = backwards ? ofLink(event, before) : ofLink(before, event)
    return ofEvent(event) ?? (wrong === undefined ? undefined : damaged(event, wrong.reason))
  })
