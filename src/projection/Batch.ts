/**
 * `Batch` makes of a page of the log what a projection is to apply: its own events, decoded, up to the first that it
 * cannot take.
 */
import { Either } from "effect"
import type { DecodeError } from "../core/EventError.ts"
import * as Reason from "../core/Reason.ts"
import type { Recorded } from "../core/Recorded.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import type { Failure } from "./Model.ts"
import type { Projection } from "./Projection.ts"
import * as Source from "./Source.ts"

export interface Batch<E> {
  readonly events: ReadonlyArray<Recorded<E>>
  /** Position of the last event passed; where it began when none is. */
  readonly to: number
  /** How many events it passes, wanted or not. */
  readonly passed: number
  /** Why the event after it cannot be read, where it cannot: trying again gives the same. */
  readonly unreadable: DecodeError | undefined
}

/** What an operator or a failure took out of a model: streams that wait, and single events. */
export interface Excluded {
  readonly streams: ReadonlySet<string>
  readonly positions: ReadonlySet<number>
}

export const failureOf = (met: Source.Met, error: unknown, attempts: number): Failure => ({
  ...Source.placeOf(met),
  attempts,
  error: Reason.describe(error)
})

/** Reads the events after `from` that the projection wants. */
export const make = <E extends { readonly _tag: string }, T extends string>(
  projection: Projection<E, T>,
  from: number,
  page: ReadonlyArray<StoredEvent>,
  excluded: Excluded
): Batch<E> => {
  const events: Array<Recorded<E>> = []
  let to = from
  let passed = 0
  for (const stored of page) {
    const codec = projection.selection.codecOf(stored)
    const isOut = excluded.streams.has(stored.streamId) || excluded.positions.has(stored.position)
    if (codec !== undefined && !isOut) {
      const decoded = codec.decode(stored)
      if (Either.isLeft(decoded)) return { events, to, passed, unreadable: decoded.left }
      for (const event of decoded.right) events.push({ event, stored })
    }
    to = stored.position
    passed++
  }
  return { events, to, passed, unreadable: undefined }
}
