/**
 * The hash that is stored with each event and chained to the event before it in the same stream. It covers everything
 * stored of the event, so that a changed byte is found when the event is read: SQLite serves damaged rows as if they
 * were sound.
 */
import { sha256 } from "./Platform.ts"
import type { StoredEvent } from "./StoredEvent.ts"

/** What stands before the first event of a stream. */
export const genesis = "0".repeat(64)

/** What the hash of an event covers. The rest of it the entry of the journal vouches for. */
export type Hashed = Omit<StoredEvent, "hash" | "sequence" | "principal">

/**
 * SHA-256, as 64 hexadecimal digits, of the event's fields in a fixed order joined by U+0000. No field may hold U+0000
 * (the store refuses it), so two different events never give the same input. An absent field is marked by U+0001 alone,
 * which JSON and ids that clients choose cannot be.
 */
export const compute = (event: Hashed): string => {
  const { causationId, commandId, correlationId, data, position, previousHash } = event
  const { recordedAt, schemaVersion, streamId, traceparent, type, version } = event
  const place = `${previousHash}\0${streamId}\0${version}\0${position}\0${type}\0${schemaVersion}`
  const command = `${commandId}\0${correlationId}\0${causationId ?? "\u0001"}\0${traceparent ?? "\u0001"}`
  return sha256(`${place}\0${data}\0${command}\0${recordedAt}`)
}

/** Whether the event is what was stored. Whether it follows its predecessor, the reader of the stream checks. */
export const isIntact = (event: StoredEvent): boolean => compute(event) === event.hash
