/**
 * `Figures` are the figures that are read when somebody asks: of projections and reactions, timers, the journal and its
 * last verify, the process, and what else the program names in `MoreFigures`. `/metrics` reads them for each request;
 * where a collector takes traces and metrics, they are read for it every ten seconds, so that it gets all that
 * `/metrics` has.
 *
 * A source that does not answer does not affect the figures of the others: `daybook.figures.unreadable` names it.
 */
import { Cause, Context, Effect, Layer, LogLevel, Metric } from "effect"
import { EventStore } from "../core/EventStore.ts"
import * as FaultLog from "../core/FaultLog.ts"
import * as Reading from "../core/Reading.ts"
import * as Traces from "../core/Traces.ts"
import * as Verified from "../core/Verified.ts"
import type { ProjectionStore } from "../projection/ProjectionStore.ts"
import { Projections } from "../projection/Projections.ts"
import * as Status from "../projection/Status.ts"
import * as ProcessFigures from "./ProcessFigures.ts"
import * as TimerFigures from "./TimerFigures.ts"

type Sources = Readonly<Record<string, Reading.Source>>

/** What the program knows of and this floor does not, such as the size of a database. */
export class MoreFigures extends Context.Reference<MoreFigures>()("daybook/http/MoreFigures", {
  defaultValue: (): Sources => ({})
}) {}

export class Figures extends Context.Tag("daybook/http/Figures")<
  Figures,
  {
    readonly all: Effect.Effect<ReadonlyArray<Reading.Reading>>
    /** Names of figures that were handed to a collector: among Effect's metrics stands what they were then. */
    readonly handedOver: ReadonlySet<string>
  }
>() {}

/** Longest wait for one source: a client that asks for metrics gives up soon. */
const patience = "4 seconds"
/** How often they are read for a collector, which is as often as they are sent. */
const interval = "10 seconds"

const projectionFigures = ({ list }: Projections["Type"]): Reading.Source =>
  Effect.map(list, (all) =>
    all.flatMap((status): ReadonlyArray<Reading.Reading> => {
      const { lag, lastError, name } = status
      const of = (reading: Reading.Reading) => ({ ...reading, labels: { projection: name } })
      return [
        of(
          Reading.gauge(
            "daybook.projection.stuck",
            null,
            "What waits for a human: streams behind an event that failed too often, a model that halted or is ahead",
            Status.stuckOf(status)
          )
        ),
        of(
          Reading.gauge(
            "daybook.projection.failed.attempts",
            null,
            "Attempts in a row that failed, of an event, of making its tables or of swapping them; 0 when all is well",
            lastError?.attempts ?? 0
          )
        ),
        of(Reading.gauge("daybook.projection.lag", null, "Events behind the log", lag.events)),
        of(Reading.gauge("daybook.projection.lag.duration", "s", "Seconds behind the log", lag.seconds))
      ]
    })
  )

const journalFigures = ({ journalHead }: EventStore["Type"]): Reading.Source =>
  Effect.map(journalHead, ({ epoch, position, recordedAt, sequence }) => [
    Reading.gauge("daybook.journal.sequence", null, "The last entry of the journal", sequence),
    Reading.gauge("daybook.journal.position", null, "The position of the last event", position),
    Reading.gauge("daybook.journal.epoch", null, "The epoch of the log: a restore raises it", epoch),
    Reading.gauge(
      "daybook.journal.recorded.time",
      "s",
      "When the last entry was recorded, since 1970",
      recordedAt / 1_000
    )
  ])

/** None for a log of which no verify was recorded. */
const verifyFigures = Effect.map(
  Verified.last,
  (last): Reading.Source =>
    Effect.map(last, (verified) =>
      verified === null
        ? []
        : [
            Reading.gauge(
              "daybook.verify.sequence",
              null,
              "The entry up to which the log was verified",
              verified.sequence
            ),
            Reading.gauge("daybook.verify.problems", null, "Problems that were found then", verified.problems),
            Reading.gauge("daybook.verify.time", "s", "When that was recorded, since 1970", verified.recordedAt / 1_000)
          ]
    )
)

/** Reads one source, and says whether it could be read. */
const read = (of: string, source: Reading.Source) =>
  source.pipe(
    Effect.disconnect,
    Effect.timeout(patience),
    Effect.matchCauseEffect({
      onFailure: (cause) =>
        Cause.isInterruptedOnly(cause)
          ? Effect.interrupt
          : Effect.as(FaultLog.report(LogLevel.Warning, "figures could not be read", { of }, cause), undefined),
      onSuccess: Effect.succeed
    }),
    Effect.map(
      (readings): ReadonlyArray<Reading.Reading> => [
        ...(readings ?? []),
        {
          ...Reading.gauge(
            "daybook.figures.unreadable",
            null,
            "1 where these figures could not be read",
            readings === undefined ? 1 : 0
          ),
          labels: { of }
        }
      ]
    )
  )

/** One series among Effect's metrics. */
interface Series {
  readonly kind: Reading.Reading["kind"]
  readonly set: (value: number) => void
}

const seriesOf = ({ description, kind, labels, name, unit }: Reading.Reading): Series => {
  const tags = Object.entries({ ...labels, ...(unit !== null && { [Reading.unitTag]: unit }) })
  if (kind === "gauge") {
    const metric = tags.reduce(
      (made, [tag, value]) => Metric.tagged(made, tag, value),
      Metric.gauge(name, { description })
    )
    return { kind, set: (value) => metric.unsafeUpdate(value, []) }
  }
  const metric = tags.reduce(
    (made, [tag, value]) => Metric.tagged(made, tag, value),
    Metric.counter(name, { description, incremental: true })
  )
  let before = 0
  return {
    kind,
    set: (value) => {
      metric.unsafeUpdate(value - before, [])
      before = value
    }
  }
}

/** Hands readings to the exporter of Effect's metrics, where a series that is gone stays, at 0. */
const makeHandOver = () => {
  const names = new Set<string>()
  const known = new Map<string, Series>()
  return {
    names,
    handOver: (readings: ReadonlyArray<Reading.Reading>): void => {
      const present = new Set<string>()
      for (const reading of readings) {
        const id = JSON.stringify([reading.name, reading.labels])
        const series = known.get(id) ?? seriesOf(reading)
        series.set(reading.value)
        known.set(id, series)
        present.add(id)
        names.add(reading.name)
      }
      for (const [id, { kind, set }] of known) if (kind === "gauge" && !present.has(id)) set(0)
    }
  }
}

export const layer: Layer.Layer<Figures, never, EventStore | Projections | ProjectionStore> = Layer.scoped(
  Figures,
  Effect.gen(function* () {
    const sources: Sources = {
      projections: projectionFigures(yield* Projections),
      journal: journalFigures(yield* EventStore),
      process: ProcessFigures.source,
      timers: yield* TimerFigures.source,
      verify: yield* verifyFigures,
      ...(yield* MoreFigures)
    }
    yield* ProcessFigures.watchEventLoop
    const all = Effect.map(
      Effect.forEach(Object.entries(sources), ([of, source]) => read(of, source), { concurrency: "unbounded" }),
      (readings) => readings.flat()
    )
    const { handOver, names } = makeHandOver()
    if (yield* Traces.Traced) {
      yield* Effect.forkScoped(Effect.forever(Effect.zipLeft(Effect.map(all, handOver), Effect.sleep(interval))))
    }
    return { all, handedOver: names }
  })
)
