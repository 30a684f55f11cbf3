/**
 * `Lag` counts the events between a model and the end of the log. Positions may leave out any number, so their
 * difference is not a count. What was counted is remembered, so the next look only counts what came since, and a caller
 * that gives up loses nothing.
 */
import { Effect } from "effect"
import * as EventLoop from "../core/EventLoop.ts"
import type { StoreUnavailable } from "../core/StoreError.ts"
import { GenerationStore } from "./GenerationStore.ts"

/** Most events that are counted in one statement. */
export const countPage = 10_000

/** The events after one position and up to another. */
interface Counted {
  from: number
  to: number
  events: number
}

export const make = Effect.gen(function* () {
  const generations = yield* GenerationStore
  const counts = new Map<string, Counted>()
  const one = yield* Effect.makeSemaphore(1)

  /** Counts from one position to another and reports each page. */
  const count = Effect.fnUntraced(function* (from: number, to: number, tell: (events: number, to: number) => void) {
    for (let at = from; at < to; ) {
      const page = yield* generations.countEvents(at, to, countPage)
      tell(page.events, page.to)
      at = page.to
      yield* EventLoop.turn
    }
  })

  /** The events after `position` and up to `end`, of the model with this name. */
  const between = (name: string, position: number, end: number): Effect.Effect<number, StoreUnavailable> =>
    Effect.gen(function* () {
      let known = counts.get(name)
      if (known === undefined || position < known.from || position > known.to || end < known.to) {
        known = { from: position, to: position, events: 0 }
        counts.set(name, known)
      }
      const kept = known
      yield* count(kept.from, position, (events, to) => {
        kept.events -= events
        kept.from = to
      })
      yield* count(kept.to, end, (events, to) => {
        kept.events += events
        kept.to = to
      })
      return kept.events
    }).pipe(one.withPermits(1))

  return {
    between: (name: string, position: number, end: number): Effect.Effect<number, StoreUnavailable> =>
      Effect.suspend(() => {
        const known = counts.get(name)
        if (position >= end) return Effect.succeed(0)
        // A caller that asks repeatedly while nothing moves does not wait its turn.
        const isCounted = known !== undefined && known.from === position && known.to === end
        return isCounted ? Effect.succeed(known.events) : between(name, position, end)
      })
  }
})
