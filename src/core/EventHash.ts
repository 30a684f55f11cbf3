/**
 * The hash that is stored with each event and chained to the event before it in the same stream. It covers everything
 * stored of the event, so that a changed byte is found when the event is read: SQLite serves damaged rows as if they
 * were sound.
 */
import { hash } from "node:crypto"
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
export const compute = (event: Hashed): string =>
  hash(
    "sha256",
    [
      event.previousHash,
      event.streamId,
      event.version,
      event.position,
      event.type,
      event.schemaVersion,
      event.data,
      event.commandId,
      event.correlationId,
      event.causationId ?? "\u0001",
      event.traceparent ?? "\u0001",
      event.recordedAt
    ].join("\0")
  )

/** Whether the event is what was stored. Whether it follows its predecessor, the reader of the stream checks. */
export const isIntact = (event: StoredEvent): boolean => compute(event) === event.hash
