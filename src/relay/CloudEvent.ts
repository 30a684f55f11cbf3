/**
 * `CloudEvent` is an event of the log as a relay sends it: CloudEvents 1.0 in JSON, in structured mode, with the data
 * as the present version of its aggregate writes it.
 *
 * - `subject` is the stream, and `sequence` the position in the log, with zeros before it so that texts compare as
 *   numbers do.
 * - `id` is the position and the beginning of the event's hash. The same event has the same id however often it is
 *   sent, and an event that came into its place in a log that was restored has another one.
 */
import { Either } from "effect"
import type { DecodeError, UnencodableEvent } from "../core/EventError.ts"
import type { LogIdentity } from "../core/Journal.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import type { Application } from "../projection/Application.ts"
import * as CurrentForm from "../projection/CurrentForm.ts"

export const contentType = "application/cloudevents+json; charset=utf-8"

/** What goes to a destination for one event of the log. */
export interface Message {
  readonly id: string
  readonly streamId: string
  readonly position: number
  readonly traceparent: string | null
  /** The CloudEvent, as JSON text. */
  readonly body: string
}

/** Digits of the greatest position. */
const digits = 16

/** The position as a text that sorts as the number does. */
export const sequenceOf = (position: number): string => String(position).padStart(digits, "0")

/** The event's id: its place and the beginning of its hash, so that another log has another id. */
export const idOf = ({ hash, position }: Pick<StoredEvent, "hash" | "position">): string =>
  `${position}-${hash.slice(0, 16)}`

/** An extension without a value is left out. */
const given = (name: string, value: string | null) => (value === null ? {} : { [name]: value })

/** The event as a CloudEvent, its data in the current form. */
export const of = (
  app: Pick<Application, "ofStream">,
  { epoch, logId }: LogIdentity,
  stored: StoredEvent
): Either.Either<Message, DecodeError | UnencodableEvent> =>
  Either.map(CurrentForm.of(app, stored), ({ data, schemaVersion, type }) => {
    const { position, streamId, traceparent, version } = stored
    const id = idOf(stored)
    const attributes = {
      specversion: "1.0",
      id,
      source: `urn:daybook:${logId}`,
      type,
      subject: streamId,
      time: new Date(stored.recordedAt).toISOString(),
      datacontenttype: "application/json",
      sequence: sequenceOf(position),
      streamversion: version,
      schemaversion: schemaVersion,
      logid: logId,
      epoch,
      correlationid: stored.correlationId,
      ...given("causationid", stored.causationId),
      ...given("traceparent", traceparent)
    }
    // The data is JSON text already.
    return { id, streamId, position, traceparent, body: `${JSON.stringify(attributes).slice(0, -1)},"data":${data}}` }
  })
