/**
 * `ProcessFigures` are what the process takes of its machine, and how long its event loop keeps others waiting. What
 * the runtime does not tell is left out: open files are known on Linux alone.
 */
import { readdirSync } from "node:fs"
import process from "node:process"
import { Effect, Metric, MetricBoundaries, type Scope } from "effect"
import * as Reading from "../core/Reading.ts"

const boundaries = MetricBoundaries.fromIterable([
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10
])
const delays = Metric.histogram(
  "daybook.eventloop.delay",
  boundaries,
  "Seconds by which the event loop came late to a timer, ten times a second"
).pipe(Metric.tagged(Reading.unitTag, "s"))

const intervalMs = 100

/** Measures how late the event loop is, until the scope closes. Keeps no process from ending. */
export const watchEventLoop: Effect.Effect<void, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => {
    // There from the start, and not from the first delay on.
    delays.unsafeValue([])
    let due = performance.now() + intervalMs
    const timer = setInterval(() => {
      const now = performance.now()
      delays.unsafeUpdate(Math.max(now - due, 0) / 1_000, [])
      due = now + intervalMs
    }, intervalMs)
    timer.unref()
    return timer
  }),
  (timer) => Effect.sync(() => clearInterval(timer))
)

/** The figure, where the runtime has it. */
const optional = (read: () => ReadonlyArray<Reading.Reading>): ReadonlyArray<Reading.Reading> => {
  try {
    return read()
  } catch {
    // Not on this platform.
    return []
  }
}

const cpu = (): ReadonlyArray<Reading.Reading> =>
  Object.entries(process.cpuUsage()).map(([mode, micros]) => ({
    name: "process.cpu.time",
    description: "Seconds of processor time",
    kind: "counter",
    unit: "s",
    labels: { "cpu.mode": mode },
    value: micros / 1e6
  }))

const memory = (): ReadonlyArray<Reading.Reading> => {
  const { heapUsed, rss } = process.memoryUsage()
  return [
    Reading.gauge("process.memory.usage", "By", "Memory that the process has in use (RSS)", rss),
    Reading.gauge("v8js.memory.heap.used", "By", "Memory of it that JavaScript's values take", heapUsed)
  ]
}

const files = (): ReadonlyArray<Reading.Reading> => {
  // One of them is of the folder that is read.
  const open = readdirSync("/proc/self/fd").length - 1
  return [Reading.gauge("process.unix.file_descriptor.count", null, "Open files and connections", open)]
}

export const source: Reading.Source = Effect.sync(() => [
  Reading.gauge("process.uptime", "s", "Seconds since the process began", process.uptime()),
  ...[cpu, memory, files].flatMap(optional)
])
