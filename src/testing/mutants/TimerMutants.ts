/** Stores with one fault each in what became of a timer, for the rules of `TimerConformance`. */
import { Effect } from "effect"
import { EventStore } from "../../core/EventStore.ts"
import type { StoredEvent } from "../../core/StoredEvent.ts"
import { CheckpointStore } from "../../projection/CheckpointStore.ts"
import { ReadModels } from "../../projection/ReadModels.ts"
import { type Fails, type Mutant, proposing } from "./Mutant.ts"
import { logging, mutant, type ReadSide } from "./PortMutant.ts"

/** A log that gives an event again. */
const repeating = (name: string, fails: Fails, isOne: (event: StoredEvent) => boolean): Mutant<ReadSide> =>
  mutant(
    name,
    fails,
    EventStore,
    logging((event) => (isOne(event) ? [event, event] : [event]))
  )

const rungBy = (text: string) => (event: StoredEvent) => event.type === "Rung" && event.data.includes(`"${text}`)

const hour = 3_600_000
const withoutItsHour = (event: StoredEvent): StoredEvent => {
  if (event.type !== "TimerScheduled") return event
  const data = JSON.parse(event.data) as { readonly due: number }
  const isOne = Math.abs(data.due - event.recordedAt - hour) < hour / 10
  return isOne ? { ...event, data: JSON.stringify({ ...data, due: event.recordedAt }) } : event
}

export const TimerMutants: ReadonlyArray<Mutant<ReadSide>> = [
  mutant(
    "forgets when an event was recorded",
    ["a timer sends its command"],
    EventStore,
    logging((event) => [{ ...event, recordedAt: 0 }])
  ),
  mutant("takes an hour for none in what it stored", ["a timer that falls due"], EventStore, (store) => ({
    ...logging((event) => [withoutItsHour(event)])(store),
    readStream: (streamId, options) =>
      Effect.map(store.readStream(streamId, options), (page) => ({ ...page, events: page.events.map(withoutItsHour) }))
  })),
  repeating(
    "gives a ring twice that a clock stored which was ahead",
    ["a clock that is set forward", "a timer that falls due", "a timer that is moved"],
    (event) => event.type === "Rung" && event.recordedAt > Date.now() + hour / 2 && !event.data.includes("marker")
  ),
  repeating("gives the ring of one of sixty timers twice", ["timers fire once each"], rungBy("timer 50")),
  repeating("gives the ring of a timer twice that was cancelled late", ["a timer that was cancelled"], rungBy("fired")),
  repeating(
    "has a timer end twice",
    ["of a cancellation and a firing"],
    ({ streamId, type }) => streamId === "timer-race 0" && type !== "TimerScheduled"
  ),
  repeating("gives the ring of a moved timer twice", ["a timer that is moved"], rungBy("sooner")),
  mutant(
    "forgets what caused a command",
    ["a reaction that reacts again"],
    EventStore,
    proposing((command) => ({ ...command, causationId: null }))
  ),
  mutant(
    "says of a dead letter that it waits at the next event",
    ["a refusal of the command"],
    CheckpointStore,
    ({ deadLetters }) => ({
      deadLetters: (of) =>
        Effect.map(deadLetters(of), (all) => all.map((letter) => ({ ...letter, version: letter.version + 1 })))
    })
  ),
  mutant("says of no operation that it was done before", ["an operator has a timer"], EventStore, ({ operate }) => ({
    operate: (operation, work) => Effect.map(operate(operation, work), (done) => ({ ...done, replayed: false }))
  })),
  mutant(
    "gives what an upcaster made another value",
    ["a command is sent in the form"],
    EventStore,
    logging((event) => [event.type === "Pealed" ? { ...event, data: event.data.replace("deep", "none") } : event])
  ),
  mutant("gives rows of one time in the order of their age", ["the list of timers"], ReadModels, ({ query }) => ({
    query: (sql, params) => query(sql.replace("ORDER BY due, timer", "ORDER BY due, timer DESC"), params)
  }))
]
