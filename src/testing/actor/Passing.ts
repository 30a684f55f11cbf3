/**
 * How a case lets time pass on a clock that it moves itself. A database takes real time for what it does, in which such
 * a clock could run through every limit of an actor: so it moves no faster than the real one while a store is at work.
 */
import { Duration, Effect, TestClock } from "effect"
import * as EventLoop from "../../core/EventLoop.ts"
import type { Append, EventStore } from "../../core/EventStore.ts"
import type { SnapshotStore } from "../../core/SnapshotStore.ts"

/** Questions to stores that have no answer yet. */
let underWay = 0

const counted = <A, E, R>(question: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    underWay++
    return Effect.ensuring(
      question,
      Effect.sync(() => underWay--)
    )
  })

/** In the form in which the store takes it, as a call too. */
const countedAppend = (append: Append): Append => {
  const asEffect: Append = (...asked) => counted(append(...asked))
  const { direct } = append
  if (direct === undefined) return asEffect
  const asCall: typeof direct = (asked, answered) => {
    underWay++
    direct(asked, (answer) => {
      underWay--
      answered(answer)
    })
  }
  return Object.assign(asEffect, { direct: asCall })
}

/** The store, whose work is seen. What a case puts before it, such as one that never answers, is not its work. */
export const watched = (store: EventStore["Type"]): EventStore["Type"] => ({
  ...store,
  append: countedAppend(store.append),
  readStream: (...asked) => counted(store.readStream(...asked)),
  head: (...asked) => counted(store.head(...asked)),
  lastEntry: (...asked) => counted(store.lastEntry(...asked))
})

export const watchedSnapshots = (store: SnapshotStore["Type"]): SnapshotStore["Type"] => ({
  ...store,
  load: (...asked) => counted(store.load(...asked)),
  save: (...asked) => counted(store.save(...asked))
})

/** Lets time pass for all that sleep. */
export const pass = (step: Duration.DurationInput): Effect.Effect<void> =>
  Effect.gen(function* () {
    const end = performance.now() + Duration.toMillis(step)
    while (underWay > 0 && performance.now() < end) yield* EventLoop.turn
    yield* TestClock.adjust(step)
  })

/** Far beyond what a busy machine takes. */
const patienceMs = 60_000

/** Lets everything else run until it is so; fails the case when that takes for ever. */
export const until = <R>(what: string, condition: Effect.Effect<boolean, unknown, R>) =>
  Effect.gen(function* () {
    const end = performance.now() + patienceMs
    while (performance.now() < end) {
      if (yield* condition) return
      yield* EventLoop.turn
    }
    throw new Error(`never: ${what}`)
  })
