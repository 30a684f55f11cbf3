/**
 * Question: how late do timers fire, and how many a second where many are due at once? Method: SQLite at
 * synchronous=FULL, no HTTP, the driver, the reaction and the model of timers as `daybook serve` runs them. Even: one
 * timer falls due each 2 ms, all scheduled before; how late it fires is the time of the event that says so less the
 * time that it was due, how late it is sent the time of its command's event less the same. At once: all are due before
 * anybody runs; against how fast as many are scheduled by 64 clients. After each round every timer has fired and its
 * command was done, once. Not measured: several processes, PostgreSQL, timers that are moved or cancelled.
 */
import { join } from "node:path"
import { Clock, Effect, Layer, Logger } from "effect"
import * as ActorSystemLocal from "../src/core/ActorSystemLocal.ts"
import { EventStore } from "../src/core/EventStore.ts"
import type { StoredEvent } from "../src/core/StoredEvent.ts"
import * as ProjectionsLocal from "../src/projection/ProjectionsLocal.ts"
import * as Timers from "../src/projection/Timers.ts"
import * as SqliteStore from "../src/sql/SqliteStore.ts"
import { Bell, bell, bells } from "../src/testing/reaction/Bells.ts"
import { wholeLog } from "../src/testing/WholeLog.ts"
import {
  type Contestant,
  inTurn,
  quantile,
  type Ratio,
  type Result,
  ratio,
  size,
  summary,
  toResult,
  type Work
} from "./harness.ts"

const count = size(100, 10_000)
const clients = 64
const everyMillis = 2
/** The first is due when the process has come up. */
const leadMillis = size(200, 1_000)

interface Rung extends Work {
  /** Milliseconds from the time that each was due. */
  readonly fired: ReadonlyArray<number>
  readonly sent: ReadonlyArray<number>
}

const actors = ActorSystemLocal.layer
/** A process that schedules and runs nothing. */
const asleep = Layer.merge(Timers.part.layer, bell.layer).pipe(Layer.provide(actors))
const awake = Layer.merge(bells.layer, ProjectionsLocal.layer(bells.projections, bells.reactions)).pipe(
  Layer.provide(actors)
)

const schedule = (dueOf: (index: number) => number) =>
  Effect.forEach(
    Array.from({ length: count }, (_, index) => index),
    (index) =>
      Timers.schedule(`timer ${index}`, {
        at: dueOf(index),
        send: Timers.command(Bell, String(index), "Ring", { by: String(index) })
      }),
    { concurrency: clients, discard: true }
  ).pipe(Effect.provide(asleep))

/** Scheduled, fired and sent: three events for each timer. */
const allRung = Effect.repeat(
  Effect.delay(
    Effect.flatMap(EventStore, ({ lastPosition }) => lastPosition),
    "5 millis"
  ),
  { until: (position) => position >= 3 * count }
)

const seconds = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const start = performance.now()
    return Effect.map(effect, () => (performance.now() - start) / 1_000)
  })

const checksumOf = (events: ReadonlyArray<StoredEvent>): string =>
  `${new Set(events.filter(({ type }) => type === "Rung").map(({ streamId }) => streamId)).size} of ${events.length}`

const latenessOf = (events: ReadonlyArray<StoredEvent>, dueOf: (index: number) => number) => {
  const of = (type: string) =>
    events.flatMap((event) =>
      event.type === type ? [event.recordedAt - dueOf(Number(/\d+$/.exec(event.streamId)?.[0]))] : []
    )
  return { fired: of("TimerFired"), sent: of("Rung") }
}

type Store = Layer.Layer.Success<ReturnType<typeof SqliteStore.layer>>

const contestant = (name: string, run: Effect.Effect<Rung, unknown, Store>): Contestant<Rung> => ({
  name,
  run: (folder) =>
    run.pipe(
      Effect.provide(SqliteStore.layer({ filename: join(folder, "daybook.db") })),
      Effect.provide(Logger.remove(Logger.defaultLogger)),
      Effect.runPromise
    )
})

const atOnce = () => 0

const scheduled = contestant(
  "scheduled",
  Effect.map(seconds(schedule(atOnce)), (taken) => ({ count, seconds: taken, checksum: "", fired: [], sent: [] }))
)
const due = contestant(
  "due at once",
  Effect.gen(function* () {
    yield* schedule(atOnce)
    const taken = yield* Effect.provide(seconds(allRung), awake)
    return { count, seconds: taken, checksum: checksumOf(yield* wholeLog), fired: [], sent: [] }
  })
)
const even = contestant(
  "even",
  Effect.gen(function* () {
    const start = (yield* Clock.currentTimeMillis) + leadMillis + count
    const dueOf = (index: number) => start + index * everyMillis
    yield* schedule(dueOf)
    const taken = yield* Effect.provide(seconds(allRung), awake)
    const events = yield* wholeLog
    return { count, seconds: taken, checksum: checksumOf(events), ...latenessOf(events, dueOf) }
  })
)

export const run = async (): Promise<ReadonlyArray<Result>> => {
  const rounds = size(1, 5)
  const rates = await inTurn("timers", [scheduled], rounds)
  const fired = await inTurn("timers", [due, even], rounds)
  const evenly = fired.get("even") ?? []
  const lateness = (what: "fired" | "sent"): Result => ({
    benchmark: `lateness of timers of which one is due each ${everyMillis} ms: ${what}`,
    unit: "ms",
    rounds,
    measured: [0.5, 0.99].map((part) =>
      summary(
        `p${part * 100}`,
        evenly.map((round) => quantile(round[what], part))
      )
    )
  })
  const all = new Map([...rates, ["due at once", fired.get("due at once") ?? []] as const])
  return [toResult(`${count} timers`, "per second", all), lateness("fired"), lateness("sent")]
}

export const ratios = ([result]: ReadonlyArray<Result>): ReadonlyArray<Ratio> => [
  {
    what: "timers that are due at once: fired and sent, against scheduled",
    ratio: ratio(result, "due at once", "scheduled")
  }
]
