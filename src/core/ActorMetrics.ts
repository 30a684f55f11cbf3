/** The figures that the actor runtime keeps, under names that follow OpenTelemetry's conventions. */
import { Metric, MetricBoundaries, MetricKey } from "effect"
import type { Outcome } from "./ActorSystem.ts"

/** Updated without an effect of its own: one per command would cost more than the command. */
const counter = (name: string, description: string) => Metric.counter(name, { description, incremental: true })
const add = (metric: Metric.Metric.Counter<number>, count: number): void => metric.unsafeUpdate(count, [])

const recoveries = counter("daybook.actor.recoveries", "Recoveries that ended in a running actor")
const recoveryFailures = counter("daybook.actor.recovery.failures", "Recoveries that failed")
const replayed = counter("daybook.actor.events.replayed", "Events read by recoveries and reloads")
const passivations = counter("daybook.actor.passivations", "Actors that left memory")
const conflicts = counter("daybook.actor.conflicts", "Batches that another writer came before")
const rejections = counter("daybook.actor.rejections", "Commands refused for want of room")
const snapshotsSaved = counter("daybook.snapshots.saved", "Snapshots saved")
const snapshotsDropped = counter("daybook.snapshots.dropped", "Snapshots given up: no room, or the store failed")
const live = Metric.gauge("daybook.actor.live", { description: "Actors in memory" })
const waiting = Metric.gauge("daybook.mailbox.depth", { description: "Commands accepted and not answered" })
const batchSize = Metric.histogram(
  "daybook.commit.batch.size",
  MetricBoundaries.exponential({ start: 1, factor: 2, count: 12 }),
  "Commands that one actor appended together"
)
const batchDuration = Metric.histogram(
  "daybook.commit.duration",
  MetricBoundaries.exponential({ start: 0.5, factor: 2, count: 16 }),
  "Milliseconds from an actor's append to its answer"
)

/** Counters of one aggregate's commands, one for each command and outcome; made when first needed. */
const commands = new Map<string, Metric.Metric.Counter<number>>()

export const command = (aggregate: string, name: string, outcome: Outcome | "error" | "replayed"): void => {
  const id = `${aggregate}\0${name}\0${outcome}`
  let metric = commands.get(id)
  if (metric === undefined) {
    const key = MetricKey.counter("daybook.commands", { description: "Commands by outcome", incremental: true })
    metric = Metric.fromMetricKey(
      ["aggregate", "command", "outcome"].reduce(
        (tagged, tag, index) => MetricKey.tagged(tagged, tag, [aggregate, name, outcome][index] ?? ""),
        key
      )
    )
    commands.set(id, metric)
  }
  add(metric, 1)
}
export const recovered = (events: number): void => {
  add(recoveries, 1)
  add(replayed, events)
}
export const recoveryFailed = (): void => add(recoveryFailures, 1)
export const passivated = (): void => add(passivations, 1)
export const conflicted = (): void => add(conflicts, 1)
export const rejected = (): void => add(rejections, 1)
export const snapshots = (saved: number, dropped: number): void => {
  add(snapshotsSaved, saved)
  add(snapshotsDropped, dropped)
}
export const committed = (size: number, millis: number): void => {
  batchSize.unsafeUpdate(size, [])
  batchDuration.unsafeUpdate(millis, [])
}
/** Set now and then, not at each change. */
export const load = (liveActors: number, waitingCommands: number): void => {
  live.unsafeUpdate(liveActors, [])
  waiting.unsafeUpdate(waitingCommands, [])
}
