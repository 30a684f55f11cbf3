/** The whole log of a store, for the cases that look at all of it. */
import { Effect } from "effect"
import { EventStore } from "../core/EventStore.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"

export const wholeLog = Effect.gen(function* () {
  const store = yield* EventStore
  const events: Array<StoredEvent> = []
  for (let more = true; more; ) {
    const page = yield* store.readAll(events.at(-1)?.position ?? 0)
    events.push(...page.events)
    more = page.more
  }
  return events
})
