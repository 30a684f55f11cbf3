/**
 * `RelayBatch` makes of a page of the log what a relay sends next: the wanted events as messages, up to the first that
 * it cannot read.
 */
import { Either } from "effect"
import type { DecodeError, UnencodableEvent } from "../core/EventError.ts"
import type { LogIdentity } from "../core/Journal.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import type { Application } from "../projection/Application.ts"
import type * as Batch from "../projection/Batch.ts"
import * as EventFilter from "../projection/EventFilter.ts"
import * as CloudEvent from "./CloudEvent.ts"

/** Most events that are read for one. */
export const maxEvents = 500

/**
 * Characters of messages after which a batch takes no further one: well below the mebibyte that a Kafka broker takes at
 * once, as it is set up. A single message may be larger, and the destination says whether it takes it.
 */
export const maxCharacters = 512 * 1_024

/** Which events, and in which form. */
export interface Form {
  readonly app: Pick<Application, "ofStream">
  readonly identity: LogIdentity
  readonly wanted: EventFilter.Wanted
}

export interface RelayBatch {
  readonly messages: ReadonlyArray<CloudEvent.Message>
  /** The events that it passes, sent or not. */
  readonly passed: ReadonlyArray<StoredEvent>
  /** Why the event after them cannot be sent, where that is so: trying again gives the same. */
  readonly unreadable: DecodeError | UnencodableEvent | undefined
}

export const make = (
  { app, identity, wanted }: Form,
  page: ReadonlyArray<StoredEvent>,
  { positions, streams }: Batch.Excluded
): RelayBatch => {
  const messages: Array<CloudEvent.Message> = []
  let characters = 0
  for (const [index, stored] of page.entries()) {
    if (!EventFilter.fits(wanted, stored) || streams.has(stored.streamId) || positions.has(stored.position)) continue
    const made = CloudEvent.of(app, identity, stored)
    if (Either.isLeft(made)) return { messages, passed: page.slice(0, index), unreadable: made.left }
    characters += made.right.body.length
    if (messages.length > 0 && characters > maxCharacters) {
      return { messages, passed: page.slice(0, index), unreadable: undefined }
    }
    messages.push(made.right)
  }
  return { messages, passed: page, unreadable: undefined }
}
