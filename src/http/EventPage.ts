/** A page of events as clients see it. */
import { Either } from "effect"
import type { StoredEvent } from "../core/StoredEvent.ts"
import type * as AccountsApi from "./AccountsApi.ts"
import * as EventView from "./EventView.ts"

export const make = (stored: ReadonlyArray<StoredEvent>, next: number | null) =>
  Either.map(Either.all(stored.map(EventView.make)), (events): typeof AccountsApi.EventPage.Type => ({ events, next }))
