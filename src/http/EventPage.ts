/** A page of events as clients see it. */
import { Either } from "effect"
import type * as AccountsApi from "../bank/http/AccountsApi.ts"
import type { EventPage } from "../core/EventStore.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import * as EventView from "./EventView.ts"

/** `numberOf` gives the number by which the pages go on: `next` is that of the last event, where there are more. */
export const make = ({ events: stored, more }: EventPage, numberOf: (event: StoredEvent) => number) =>
  Either.map(Either.all(stored.map(EventView.make)), (events): typeof AccountsApi.EventPage.Type => {
    const last = stored.at(-1)
    return { events, next: more && last !== undefined ? numberOf(last) : null }
  })
