/**
 * `Tampering` changes rows behind the store's back, as a failing disk or a hand with the right to write does. A store's
 * author gives it to the cases of `store/VerifiedLog.ts`, with whatever forbids such changes out of the way.
 */
import { Context, Effect } from "effect"
import * as Damage from "../core/Damage.ts"
import { EventStore, maxPage } from "../core/EventStore.ts"
import * as Page from "../core/Page.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"

/** New values of some fields of an event, hashes included; null removes the event. */
export type Edit = Partial<StoredEvent> | null

/** Changes what is stored behind the store's back, for the suites that look for damage. */
export class Tampering extends Context.Tag("daybook/testing/Tampering")<
  Tampering,
  {
    /** Changes the row of the event that was appended at this position. Its first values make it whole again. */
    readonly edit: (position: number, edit: Edit) => Effect.Effect<void>
  }
>() {}

/** The events as a store gives them whose rows were changed so: what is read is checked as rows are. */
export const changedBy = (
  store: EventStore["Type"],
  change: (event: StoredEvent) => StoredEvent | undefined
): Pick<EventStore["Type"], "readStream" | "readAll"> => {
  const rows = Effect.gen(function* () {
    const found: Array<StoredEvent> = []
    for (;;) {
      const page = yield* store.readAll(found.at(-1)?.position ?? 0)
      found.push(...page.events)
      if (!page.more) return found.flatMap((event) => change(event) ?? [])
    }
  })
  return {
    readStream: (streamId, options) =>
      Effect.flatMap(Page.streamBounds(options), (bounds) =>
        Effect.flatMap(rows, (found) => {
          const { backwards, from, to } = bounds
          const own = found
            .filter((event) => event.streamId === streamId && event.version >= from && event.version <= to)
            .sort((left, right) => (backwards ? right.version - left.version : left.version - right.version))
          return Damage.streamPage(own, bounds)
        })
      ),
    readAll: (after, limit = maxPage) =>
      Effect.flatMap(rows, (found) => {
        const behind = found.filter(({ position }) => position > after)
        return Damage.logPage(
          behind.sort((left, right) => left.position - right.position),
          limit
        )
      })
  }
}

/** A store in memory whose rows can be changed, and the hand that changes them. */
export const overMemory = Effect.map(EventStore, (store) => {
  const edits = new Map<number, Edit>()
  const change = (event: StoredEvent): StoredEvent | undefined => {
    const edit = edits.get(event.position)
    if (edit === undefined) return event
    return edit === null ? undefined : { ...event, ...edit }
  }
  return Context.make(EventStore, { ...store, ...changedBy(store, change) }).pipe(
    Context.add(Tampering, { edit: (position, edit) => Effect.sync(() => void edits.set(position, edit)) })
  )
})
