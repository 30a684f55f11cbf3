/** The figures that the actor runtime keeps, under names that follow OpenTelemetry's conventions. */
import { Metric, MetricBoundaries, MetricKey } from "effect"
import type { Outcome } from "./Definition.ts"
import { unitTag } from "./Reading.ts"

/** Updated without an effect of its own: one per command would cost more than the command. */
const counter = (name: string, description: string) => {
  const made = Metric.counter(name, { description, incremental: true })
  // It is there from the start, at 0: when a series first appears at 1, a collector sees no increase.
  made.unsafeUpdate(0, [])
  return made
}
const gauge = (name: string, description: string) => {
  const made = Metric.gauge(name, { description })
  made.unsafeUpdate(0, [])
  return made
}
/**
 * A figure that cannot be recorded must not stop what is measured, which may hold commands that are stored and not yet
 * answered.
 */
const update = (metric: Measured, value: number): void => {
  try {
    metric.unsafeUpdate(value, [])
  } catch {
    // There is no caller to tell: a log line for each command would be worse than the gap in the figure.
  }
}
type Measured = Metric.Metric.Counter<number> | Metric.Metric.Gauge<number> | Metric.Metric.Histogram<number>

const recoveries = counter("daybook.actor.recoveries", "Recoveries that ended in a running actor")
const recoveryFailures = counter("daybook.actor.recovery.failures", "Recoveries that failed")
const replayed = counter("daybook.actor.events.replayed", "Events read by recoveries and reloads")
const passivations = counter("daybook.actor.passivations", "Actors that left memory")
const conflicts = counter("daybook.actor.conflicts", "Batches that another writer came before")
const rejections = counter("daybook.actor.rejections", "Commands refused because there was no room")
const snapshotsSaved = counter("daybook.snapshots.saved", "Snapshots saved")
const snapshotsDropped = counter("daybook.snapshots.dropped", "Snapshots given up: no room, or the store failed")
const ahead = counter(
  "daybook.log.recorded.ahead",
  "Entries of the journal found ahead of the clock by more than the bound"
)
const live = gauge("daybook.actor.live", "Actors in memory")
const waiting = gauge("daybook.mailbox.depth", "Commands accepted and not answered")
const batchSize = Metric.histogram(
  "daybook.commit.batch.size",
  MetricBoundaries.exponential({ start: 1, factor: 2, count: 12 }),
  "Commands that one actor appended together"
)
const batchDuration = Metric.histogram(
  "daybook.commit.duration",
  MetricBoundaries.fromIterable([0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]),
  "Seconds from an actor's append to its answer"
).pipe(Metric.tagged(unitTag, "s"))

/** How a command ended. `error`: with one of the runtime's or of the store's; `defect`: user code threw. */
export type Result = Outcome | "error" | "defect" | "replayed"

const commandKey = (aggregate: string, command: string, outcome: Result) =>
  MetricKey.counter("daybook.commands", { description: "Commands by outcome", incremental: true }).pipe(
    MetricKey.tagged("aggregate", aggregate),
    MetricKey.tagged("command", command),
    MetricKey.tagged("outcome", outcome)
  )

/** A counter for each command and outcome of one aggregate, made when first needed. */
export class CommandCounters {
  private readonly aggregate: string
  private readonly counters = new Map<string, Map<Result, Metric.Metric.Counter<number>>>()

  constructor(aggregate: string) {
    this.aggregate = aggregate
  }

  count(command: string, outcome: Result): void {
    let outcomes = this.counters.get(command)
    if (outcomes === undefined) {
      outcomes = new Map()
      this.counters.set(command, outcomes)
    }
    let counter = outcomes.get(outcome)
    if (counter === undefined) {
      counter = Metric.fromMetricKey(commandKey(this.aggregate, command, outcome))
      outcomes.set(outcome, counter)
    }
    update(counter, 1)
  }
}

const counters = new Map<string, CommandCounters>()

/** The same for all actors of an aggregate. */
export const countersOf = (aggregate: string): CommandCounters => {
  const known = counters.get(aggregate)
  if (known !== undefined) return known
  const made = new CommandCounters(aggregate)
  counters.set(aggregate, made)
  return made
}

export const recovered = (events: number): void => {
  update(recoveries, 1)
  update(replayed, events)
}
export const recoveryFailed = (): void => update(recoveryFailures, 1)
export const passivated = (): void => update(passivations, 1)
export const conflicted = (): void => update(conflicts, 1)
export const rejected = (): void => update(rejections, 1)
export const snapshots = (saved: number, dropped: number): void => {
  update(snapshotsSaved, saved)
  update(snapshotsDropped, dropped)
}
export const committed = (size: number, millis: number): void => {
  update(batchSize, size)
  update(batchDuration, millis / 1_000)
}
export const recordedAhead = (): void => update(ahead, 1)
/** Set now and then, not at each change. */
export const load = (liveActors: number, waitingCommands: number): void => {
  update(live, liveActors)
  update(waiting, waitingCommands)
}
