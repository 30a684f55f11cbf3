/** A page of events as clients see it. */
import { Effect, Either } from "effect"
import type { EventPage } from "../core/EventStore.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import { EventView } from "./EventView.ts"
import type * as ServiceApi from "./ServiceApi.ts"

/** `numberOf` gives the number by which the pages go on: `next` is that of the last event, where there are more. */
export const make = ({ events: stored, more }: EventPage, numberOf: (event: StoredEvent) => number) =>
  Effect.flatMap(EventView, (view) =>
    Either.map(Either.all(stored.map(view.of)), (events): typeof ServiceApi.EventPage.Type => {
      const last = stored.at(-1)
      return { events, next: more && last !== undefined ? numberOf(last) : null }
    })
  )
