/**
 * `Lease` keeps a projection or a reaction to one of the processes that could run it: it runs where a lease is held, which
 * expires by the clock of the database, and which others take over when its holder died or left.
 *
 * It saves work and is not a fence. A process that stands still past its lease goes on for a moment beside the next
 * holder; then the checkpoint lets one of the two through.
 */
import { randomUUID } from "node:crypto"
import { Duration, Effect, LogLevel, Schedule } from "effect"
import * as Elapsed from "../core/Elapsed.ts"
import * as FaultLog from "../core/FaultLog.ts"
import { LeaseStore } from "./LeaseStore.ts"
import { ProjectionConfig } from "./ProjectionConfig.ts"

/**
 * The lease of one version of a projection or reaction. A release that raised the version builds its model while the release before
 * holds the lease of its own: with one lease for both, the newer would wait until no process of the older is left, and
 * a deployment that stops those only once the newer is ready would wait for ever. The first version has the name that
 * the leases of all versions had.
 */
export const nameOf = (projection: string, version: number): string =>
  version === 1 ? projection : `${projection}${versionMark}${version}`

/** Stands in no name of a projection. */
export const versionMark = "@"

/** How long giving the lease back may take; after that it just expires. */
const endTimeout = "1 second"

/** Runs it whenever this process holds its lease, from the start each time, and stops it when the lease is lost. */
export const whileHeld = Effect.fnUntraced(function* <R>(name: string, run: Effect.Effect<unknown, never, R>) {
  const { lease, pollInterval } = yield* ProjectionConfig
  const lasts = Duration.toMillis(lease)
  if (lasts === 0) return yield* run
  const leases = yield* LeaseStore
  const owner = randomUUID()

  /** Takes or keeps it. Returns when it is over at the earliest, or undefined where another process has it. */
  const take = Effect.gen(function* () {
    // From before it is asked for, so that it is over here no later than there.
    const asked = yield* Elapsed.millis
    return (yield* leases.lease(name, owner, lease)) ? asked + lasts : undefined
  })

  /** Keeps it for as long as that succeeds in time. */
  const keep = Effect.fnUntraced(function* (until: number) {
    let end: number | undefined = until
    while (end !== undefined) {
      yield* Effect.sleep(lasts / 3)
      const left: number = end - (yield* Elapsed.millis)
      // While the store does not answer, what is left of it is spent on asking.
      end = yield* take.pipe(
        Effect.retry(Schedule.spaced(Math.max(lasts / 30, 10))),
        Effect.timeout(Math.max(left, 0)),
        Effect.orElseSucceed(() => undefined)
      )
    }
    yield* FaultLog.report(LogLevel.Warning, "the lease is lost: another process may run this now", {
      projection: name
    })
  })

  const hold = Effect.gen(function* () {
    for (;;) {
      const until = yield* Effect.catchAllCause(take, (cause) =>
        Effect.as(
          FaultLog.report(LogLevel.Warning, "a lease cannot be had at present", { projection: name }, cause),
          undefined
        )
      )
      if (until !== undefined) {
        yield* FaultLog.report(LogLevel.Info, "this process runs the projection now", { projection: name })
        yield* Effect.raceFirst(run, keep(until))
      }
      yield* Effect.sleep(Math.min(lasts / 6, Duration.toMillis(pollInterval)))
    }
  })
  yield* Effect.ensuring(
    hold,
    Effect.ignore(Effect.timeout(Effect.disconnect(leases.endLease(name, owner)), endTimeout))
  )
})
