/**
 * Stores with one fault each in what a projection says of itself and has in memory, for the rules of `Progress` and
 * `Batches`.
 */
import { Effect, Option, Stream } from "effect"
import { type EventPage, EventStore, maxPage } from "../../core/EventStore.ts"
import { CheckpointStore } from "../../projection/CheckpointStore.ts"
import { GenerationStore } from "../../projection/GenerationStore.ts"
import { Batches } from "../projection/Batches.ts"
import { Progress } from "../projection/Progress.ts"
import type { Mutant } from "./Mutant.ts"
import { changingBy, logging, mutant, type ReadSide } from "./PortMutant.ts"

/** The rules that these mutants are made for. */
export const rules = [...Progress, ...Batches]

export const ProgressMutants: ReadonlyArray<Mutant<ReadSide>> = [
  mutant("counts two events as three", ["lag is 0"], GenerationStore, ({ countEvents }) => ({
    countEvents: (after, to, most) =>
      Effect.map(countEvents(after, to, most), (found) =>
        after > 0 && found.events === 2 ? { ...found, events: 3 } : found
      )
  })),
  {
    name: "forgets with a pause that a model halted",
    fails: ["a model that halted"],
    of: changingBy(GenerationStore, CheckpointStore, ({ setPaused }, { clearFailures }) => ({
      setPaused: (projection, paused) => Effect.zipLeft(setPaused(projection, paused), clearFailures(projection, 1))
    }))
  },
  mutant(
    "says of a model with two events that it has the third",
    ["waiting for a position"],
    GenerationStore,
    (store) => ({
      find: (name) =>
        Effect.map(
          store.find(name),
          Option.map((row) =>
            row.live?.position === 2 && row.shadow === null && !row.rebuildRequested
              ? { ...row, live: { ...row.live, position: 3 } }
              : row
          )
        )
    })
  ),
  mutant("ends a pause when a process starts", ["a pause survives"], GenerationStore, ({ register, setPaused }) => ({
    register: (name, kind) => Effect.zipLeft(register(name, kind), setPaused(name, false))
  })),
  mutant("gives nothing new to those who heard of no commit", ["lost wake-ups"], EventStore, ({ commits, readAll }) => {
    const none: EventPage = { events: [], more: false }
    let isHeard = false
    let end = Number.POSITIVE_INFINITY
    return {
      commits: Stream.unwrap(
        Effect.sync(() => {
          end = Number.POSITIVE_INFINITY
          return Stream.tap(commits, () =>
            Effect.sync(() => {
              isHeard = true
            })
          )
        })
      ),
      readAll: (after, limit) =>
        Effect.map(readAll(after, limit), (page) => {
          const given = isHeard ? page : { ...page, events: page.events.filter(({ position }) => position <= end) }
          if (!page.more) end = Math.min(end, given.events.at(-1)?.position ?? after)
          return given.events.length === 0 ? none : given
        })
    }
  }),
  mutant(
    "gives all that was asked for, however many bytes it is",
    ["a batch of a projection ends", "a reaction reads no further"],
    EventStore,
    ({ readAll }) => ({
      readAll: Effect.fnUntraced(function* (after, limit = maxPage) {
        let page = yield* readAll(after, limit)
        while (page.more && page.events.length < limit) {
          const next = yield* readAll(page.events.at(-1)?.position ?? after, limit - page.events.length)
          page = { events: [...page.events, ...next.events], more: next.more }
        }
        return page
      })
    })
  ),
  mutant("says of the longest page that nothing follows", ["a batch of a rebuild"], EventStore, ({ readAll }) => ({
    readAll: (after, limit) =>
      Effect.map(readAll(after, limit), ({ events, more }) => ({ events, more: more && events.length < maxPage }))
  })),
  mutant(
    "gives what stands behind large events as of another type",
    ["a reaction reads no further"],
    EventStore,
    logging((event) => [event.streamId === "b" && event.data.includes("small") ? { ...event, type: "Unheard" } : event])
  )
]
