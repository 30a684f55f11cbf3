/** `StoredEvent` is an event as the store keeps it: metadata, and its data as JSON text that never changes. */
import type { StreamId } from "./StreamId.ts"

/** What was known about an event when it was stored; upcasters read it. */
export interface EventMetadata {
  readonly streamId: StreamId
  /** Place in its own stream, from 1, without holes. */
  readonly version: number
  /** Place in the whole log: increasing, not gapless. */
  readonly position: number
  /** The command that caused it, unique in the whole log. */
  readonly commandId: string
  /** The conversation it belongs to: the first command's id, handed on by reactions. */
  readonly correlationId: string
  /** The event that caused its command, where a reaction sent it. */
  readonly causationId: string | null
  /** W3C Trace Context of the span that sent the command. */
  readonly traceparent: string | null
  /** Milliseconds since 1970-01-01 UTC. See `RecordedAt.ts`. */
  readonly recordedAt: number
}

export interface StoredEvent extends EventMetadata {
  readonly type: string
  readonly schemaVersion: number
  /** JSON text of the stored form, without `_tag`. */
  readonly data: string
  readonly previousHash: string
  readonly hash: string
  /** The entry of the journal that vouches for these two and for the event; its own hash covers neither. */
  readonly sequence: number
  /** Who sent its command. */
  readonly principal: string | null
}
