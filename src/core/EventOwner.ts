/**
 * `EventOwner` knows which aggregates use an event, so that a reader that names one gets it from that aggregate alone.
 * The event's name does not say: another aggregate may have an event of the same name.
 */
import type * as Event from "./Event.ts"

/** By the event as it was declared. One that no aggregate uses has none. */
const owners = new WeakMap<Event.Any, ReadonlySet<string>>()
/** By the event as an aggregate gives it out: it stays that aggregate's when another is declared with it. */
const named = new WeakMap<Event.Any, ReadonlySet<string>>()

const none: ReadonlySet<string> = new Set()

/** The names of the aggregates that use this event: more than one where they share its declaration. */
export const ownersOf = (event: Event.Any): ReadonlySet<string> => named.get(event) ?? owners.get(event) ?? none

/** An aggregate uses these events, as `Aggregate.make` says. */
export const claim = (aggregate: string, events: ReadonlyArray<Event.Any>): void => {
  for (const event of events) owners.set(event, new Set([...(owners.get(event) ?? none), aggregate]))
}

/** The event of this aggregate alone, whichever others use the same declaration. */
export const only = <E extends Event.Any>(aggregate: string, event: E): E => {
  const own = { ...event }
  named.set(own, new Set([aggregate]))
  return own
}
