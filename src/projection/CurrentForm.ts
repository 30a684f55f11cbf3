/**
 * `CurrentForm` is a stored event as the present version of its aggregate writes it: what others outside see of it,
 * whether they ask over HTTP or are sent it by a relay.
 *
 * One stored event has one place in the log. So an event that is several events today, or none, is shown as it is
 * stored, and so is an event whose aggregate the application does not know.
 */
import { Either } from "effect"
import type { DecodeError, UnencodableEvent } from "../core/EventError.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import type { Application } from "./Application.ts"

export interface CurrentForm {
  readonly type: string
  /** The version of the form of `data`. */
  readonly schemaVersion: number
  /** JSON text. */
  readonly data: string
}

export const of = (
  app: Pick<Application, "ofStream">,
  stored: StoredEvent
): Either.Either<CurrentForm, DecodeError | UnencodableEvent> => {
  const codec = app.ofStream(stored.streamId)?.definition.codec
  if (codec === undefined) return Either.right(stored)
  return Either.flatMap(codec.decode(stored), (events): Either.Either<CurrentForm, UnencodableEvent> => {
    const [event] = events
    return event === undefined || events.length > 1 ? Either.right(stored) : codec.encode(event)
  })
}
