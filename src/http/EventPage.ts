/** A page of events as clients see it. */
import { Effect, Either } from "effect"
import type { EventPage } from "../core/EventStore.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import { EventView, type Unreadable } from "./EventView.ts"
import type * as ServiceApi from "./ServiceApi.ts"

/**
 * `numberOf` gives the number by which the pages go on: `next` is that of the last event, where there are more; or
 * `reached`, where more was looked at than is given.
 */
export const make = ({ events: stored, more }: EventPage, numberOf: (event: StoredEvent) => number, reached?: number) =>
  Effect.flatMap(EventView, (view): Either.Either<typeof ServiceApi.EventPage.Type, Unreadable> => {
    const events: Array<ServiceApi.StoredEvent> = []
    let last: StoredEvent | undefined
    for (const event of stored) {
      const seen = view.of(event)
      if (Either.isLeft(seen)) {
        // What stands before it is given first; the next page is the error.
        return last === undefined ? Either.left(seen.left) : Either.right({ events, next: numberOf(last) })
      }
      events.push(seen.right)
      last = event
    }
    const end = reached ?? (last === undefined ? null : numberOf(last))
    return Either.right({ events, next: more ? end : null })
  })
