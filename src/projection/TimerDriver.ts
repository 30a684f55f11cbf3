/**
 * `TimerDriver` makes timers fire when they are due: it reads the model of those that wait, in the order of their times
 * and page by page, and asks each that is due to fire. It goes by the clock of its process, looks again at each poll,
 * and so follows a clock that is set, a restart, and what another process scheduled.
 *
 * It remembers nothing that matters: the timer decides, in its stream, and the ids of the commands to it are derived
 * from the event that scheduled it. So it may be killed at any instant, and any number of drivers may run. Among
 * several processes one drives, by a lease, to save work.
 *
 * One that cannot fire is tried again at the next poll and holds up no other.
 */
import { Cause, Clock, Duration, Effect, LogLevel, Metric, MetricBoundaries } from "effect"
import * as Causation from "../core/Causation.ts"
import * as EventLoop from "../core/EventLoop.ts"
import * as FaultLog from "../core/FaultLog.ts"
import * as Principal from "../core/Principal.ts"
import { unitTag } from "../core/Reading.ts"
import * as Lease from "./Lease.ts"
import * as PendingTimers from "./PendingTimers.ts"
import { ProjectionConfig } from "./ProjectionConfig.ts"
import * as ReactionAttempts from "./ReactionAttempts.ts"
import { Timer } from "./Timer.ts"

/** The reaction that sends what fired, of which all that is fired here belongs. */
export const name = "timers"

/** Timers that are read at once, and of those how many are asked at once. */
const pageSize = 500
const concurrency = 128

/**
 * Most timers that fired here and that the model may still have. One that is forgotten is asked once more, and does
 * nothing.
 */
const maxRemembered = 20_000

/** Polls after which it says that no process keeps the model. */
const pollsUntilReport = 10

const boundaries = MetricBoundaries.fromIterable([0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 600, 3_600])
const lateness = Metric.histogram(
  "daybook.timers.lateness",
  boundaries,
  "Seconds from a timer's time to its firing, of those that this process fired"
).pipe(Metric.tagged(unitTag, "s"))

/** The id under which a timer is asked to fire: one for each time that it was scheduled. */
const commandIdOf = ({ key, version }: PendingTimers.Pending): string =>
  ReactionAttempts.commandIdOf({ name, formerNames: [] }, { streamId: Timer.streamId(key), version }, 0)()

const drive = Effect.gen(function* () {
  const timers = yield* Timer
  const { pollInterval } = yield* ProjectionConfig
  const poll = Duration.toMillis(pollInterval)
  /** Version at which each fired, by its key. */
  const fired = new Map<string, number>()

  const remember = ({ key, version }: PendingTimers.Pending) => {
    if (fired.size >= maxRemembered) for (const [oldest] of fired) if (fired.delete(oldest)) break
    fired.set(key, version)
  }

  /** Asks one to fire. Returns what went wrong, or undefined. */
  const fire = (timer: PendingTimers.Pending) =>
    Effect.gen(function* () {
      const { correlationId, due, key, version } = timer
      const streamId = Timer.streamId(key)
      const { status } = yield* timers(key)
        .Fire({ version }, { commandId: commandIdOf(timer) })
        .pipe(
          Effect.provideService(Causation.Causation, {
            correlationId,
            causationId: Causation.idOf({ streamId, version })
          })
        )
      remember(timer)
      if (status === "fired") yield* Metric.update(lateness, ((yield* Clock.currentTimeMillis) - due) / 1_000)
      return undefined
    }).pipe(
      // The node that has the timer goes by a clock that is behind this one.
      Effect.catchTag("TimerNotDue", () => Effect.succeed(undefined)),
      Effect.catchAllCause((cause) => (Cause.isInterruptedOnly(cause) ? Effect.interrupt : Effect.succeed(cause)))
    )

  /** Fires all that are due. Returns for how long nothing will be, at most one poll. */
  const round = Effect.gen(function* () {
    if (!(yield* PendingTimers.isThere)) return undefined
    let after: PendingTimers.Place | null = null
    let failures = 0
    let failure: Cause.Cause<unknown> | undefined
    for (;;) {
      const now = Math.floor(yield* Clock.currentTimeMillis)
      const due: ReadonlyArray<PendingTimers.Pending> = yield* PendingTimers.page({
        after,
        until: now,
        limit: pageSize
      })
      const waiting = due.filter(({ key, version }) => fired.get(key) !== version)
      for (const cause of yield* Effect.forEach(waiting, fire, { concurrency })) {
        if (cause === undefined) continue
        failures++
        failure ??= cause
      }
      after = due.at(-1) ?? null
      // The embedded store answers without a pause: let others run between two pages.
      yield* EventLoop.turn
      if (due.length === pageSize) continue
      if (failure !== undefined) {
        const message = "timers could not fire, and are tried again"
        yield* FaultLog.report(LogLevel.Warning, message, { timers: failures }, failure)
      }
      const next = yield* PendingTimers.nextAfter(now)
      const left = next === undefined ? poll : next - (yield* Clock.currentTimeMillis)
      return Math.min(Math.max(left, 0), poll)
    }
  })

  let missing = 0
  for (;;) {
    const rest = yield* Effect.catchAllCause(round, (cause) =>
      Cause.isInterruptedOnly(cause)
        ? Effect.interrupt
        : Effect.as(FaultLog.report(LogLevel.Warning, "timers wait for the store", {}, cause), poll)
    )
    missing = rest === undefined ? missing + 1 : 0
    if (missing === pollsUntilReport) {
      const message = "timers do not fire: their model is not there, so run the projections of the application"
      yield* FaultLog.report(LogLevel.Error, message, { projection: PendingTimers.projection.name })
    }
    yield* Effect.sleep(rest ?? poll)
  }
}).pipe(Principal.as(`reaction:${name}`))

/** Drives the timers of this database, wherever the lease is held. */
export const run = Lease.whileHeld(`${name}${Lease.versionMark}driver`, drive)
