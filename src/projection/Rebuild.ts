/**
 * `Rebuild` builds a new model of a projection beside the one that serves, and puts it in its place: it has its tables
 * made, has the runner fill them with the log, counts what was passed, and swaps.
 *
 * Its failures do not affect the model that serves. Whatever keeps the new model from being made or from serving is
 * noted after one attempt, as the database said it, and has its own backoff. What trying again would not fix halts,
 * until an operator asks for the rebuild once more or the process starts again.
 */
import { Cause, Duration, Effect, LogLevel, Option, Random } from "effect"
import * as Backoff from "../core/Backoff.ts"
import * as Elapsed from "../core/Elapsed.ts"
import { EventStore } from "../core/EventStore.ts"
import * as FaultLog from "../core/FaultLog.ts"
import * as Reason from "../core/Reason.ts"
import { GenerationStore } from "./GenerationStore.ts"
import * as Lease from "./Lease.ts"
import { LeaseStore } from "./LeaseStore.ts"
import type { BuildFailure, Model, ProjectionRow } from "./Model.ts"
import type { Any } from "./Projection.ts"
import { ProjectionConfig } from "./ProjectionConfig.ts"

/** Whether a step found something to do. `lost`: another runner is at work. */
export type Outcome = "moved" | "idle" | "lost"

/** Most events that are counted in one statement. */
const countPage = 10_000

/**
 * Longest pause before another attempt to swap, in milliseconds: the reader of what is replaced may be gone at any
 * moment.
 */
const maxSwapPause = 1_000

export interface Options<E, R> {
  readonly projection: Any
  /** Takes the next events into the new model, at most this many. */
  readonly take: (shadow: Model, most: number) => Effect.Effect<Outcome, E, R>
  /** No attempt on this model before this time. */
  readonly notBefore: (shadow: Model) => number
  readonly onSwap: () => void
}

export const make = Effect.fnUntraced(function* <E, R>({ notBefore, onSwap, projection, take }: Options<E, R>) {
  const events = yield* EventStore
  const generations = yield* GenerationStore
  const leases = yield* LeaseStore
  const limits = yield* ProjectionConfig
  const { name, version } = projection
  const policy = Backoff.policyOf(limits)
  /**
   * For a model that cannot be begun or did not pass each event once; for its swap; for tables that somebody still
   * reads.
   */
  const builds = new Backoff.Backoff(policy)
  const swaps = new Backoff.Backoff({ least: policy.least, most: Math.min(policy.most, maxSwapPause) })
  const sweeps = new Backoff.Backoff(policy)
  /** Where the log ended when it was last looked at: the rebuild makes way while commands are done. */
  let lastEnd = 0
  /** The events of the log up to where the shadow is, counted apart from it. */
  let counted = { generation: 0, position: 0, events: 0 }
  /** When the models of earlier releases were looked at, and since when no process was seen to run each. */
  let lookedAt = Number.NEGATIVE_INFINITY
  const idleSince = new Map<number, number>()

  const backOff = Effect.fnUntraced(function* (backoff: Backoff.Backoff) {
    backoff.fail(yield* Elapsed.millis, yield* Random.next)
  })

  /** Notes what the database said. It is of statements that change tables, and quotes no row. */
  const fail = Effect.fnUntraced(function* (
    before: BuildFailure | null,
    { halted, step }: Pick<BuildFailure, "halted" | "step">,
    cause: unknown
  ) {
    const attempts = before?.step === step && before.version === version ? before.attempts + 1 : 1
    const error = Reason.describe(cause)
    yield* generations.noteBuild(name, { step, version, error, attempts, halted })
    const what = step === "create" ? "the tables of a read model cannot be made" : "a read model cannot be put in place"
    const message = `${what}${halted ? ": its rebuild halts" : " at present"}`
    yield* FaultLog.report(halted ? LogLevel.Error : LogLevel.Warning, message, {
      projection: name,
      version,
      attempts,
      reason: error
    })
  })

  const begin = ({ build }: ProjectionRow) =>
    generations.beginShadow(projection).pipe(
      Effect.zipRight(build === null ? Effect.void : generations.noteBuild(name, null)),
      Effect.as("moved" as const),
      Effect.catchTag("CreateFailed", ({ cause }) =>
        Effect.as(fail(build, { step: "create", halted: true }, cause), "moved" as const)
      ),
      // Logged once the store has taken the note; the failure itself is logged where the step ends.
      Effect.tapErrorTag("StoreUnavailable", ({ cause }) =>
        Effect.catchAllCause(fail(build, { step: "create", halted: false }, cause), (unnoted) =>
          FaultLog.report(LogLevel.Warning, "the trouble of a rebuild cannot be noted", { projection: name }, unnoted)
        )
      )
    )

  /** Counts on, one page at most: commands wait while SQLite counts. */
  const count = Effect.fnUntraced(function* ({ generation, position }: Model) {
    if (counted.generation !== generation || counted.position > position) {
      counted = { generation, position: 0, events: 0 }
    }
    if (counted.position >= position) return
    const page = yield* generations.countEvents(counted.position, position, countPage)
    counted = { generation, position: page.to, events: counted.events + page.events }
  })

  /** Lets a shadow that has caught up serve. */
  const finish = Effect.fnUntraced(function* (shadow: Model, { build, live }: ProjectionRow) {
    // Another process may have moved it since. One that is ahead is at a position that means nothing.
    if (live !== null && !live.isAhead && live.position > shadow.position) return "idle" as const
    // Each batch counted what it passed in its own transaction: together they are the log, each event once.
    if (counted.position < shadow.position) return "moved" as const
    if (counted.events !== shadow.events) {
      yield* FaultLog.report(LogLevel.Error, "a rebuild did not pass each event once, and begins again", {
        projection: name,
        counted: counted.events,
        passed: shadow.events
      })
      yield* generations.dropShadow(shadow)
      yield* backOff(builds)
      return "moved" as const
    }
    if (swaps.notBefore > (yield* Elapsed.millis)) return "idle" as const
    const swapped = yield* generations.swap(shadow, live).pipe(
      Effect.as(true),
      Effect.catchTag("SwapFailed", ({ cause, mayPass }) =>
        Effect.zipRight(
          fail(build, { step: "swap", halted: !mayPass }, cause),
          Effect.as(mayPass ? backOff(swaps) : Effect.void, false)
        )
      )
    )
    if (!swapped) return "idle" as const
    onSwap()
    for (const backoff of [builds, swaps, sweeps]) backoff.reset()
    yield* FaultLog.report(LogLevel.Info, "a read model was built and serves", {
      projection: name,
      version,
      events: counted.events
    })
    return "moved" as const
  })

  const isRun = (at: number) => leases.isHeld(Lease.nameOf(name, at))

  /**
   * Removes the models of earlier releases that no process has run for as long as a lease lasts: another process would
   * have taken the lease by then.
   */
  const sweepFormers = Effect.fnUntraced(function* ({ formers, live }: ProjectionRow) {
    const now = yield* Elapsed.millis
    if (formers.length === 0 || live?.version !== version) return
    if (now - lookedAt < Duration.toMillis(limits.pollInterval)) return
    lookedAt = now
    for (const former of formers) {
      const since =
        former.version < version && (yield* isRun(former.version)) ? now : (idleSince.get(former.generation) ?? now)
      idleSince.set(former.generation, since)
      if (now - since < Duration.toMillis(limits.lease)) continue
      yield* generations.dropShadow(former)
      idleSince.delete(former.generation)
    }
  })

  const step = Effect.fnUntraced(function* (row: ProjectionRow): Effect.fn.Return<Outcome, unknown, R> {
    const { build, live, rebuildRequested, shadow } = row
    yield* sweepFormers(row)
    if (row.retired > 0 && sweeps.notBefore <= (yield* Elapsed.millis)) {
      yield* generations.sweep(name)
      yield* backOff(sweeps)
    }
    const isWanted = rebuildRequested || live === null || live.version < version
    if (!isWanted && shadow === null) return "idle"
    // A newer release is at work here, or was. Its model is not ours to touch, and a rebuild that is asked for is its
    // own, unless it was rolled back: then a request wants a model of this version.
    for (const model of [live, shadow]) {
      if (model !== null && model.version > version && (!rebuildRequested || (yield* isRun(model.version))))
        return "idle"
    }
    if (build?.halted === true && build.version === version) return "idle"
    if (builds.notBefore > (yield* Elapsed.millis)) return "idle"
    if (shadow?.version !== version) return yield* begin(row)
    if (shadow.isAhead) {
      // The log was restored under it.
      yield* generations.dropShadow(shadow)
      return "moved"
    }
    const end = yield* events.lastPosition
    // Twice as many as came, so that it gains on the writers.
    const most = end === lastEnd ? limits.maxBatch : Math.max(limits.busyBatch, 2 * (end - lastEnd))
    lastEnd = end
    const outcome = yield* take(shadow, most)
    const after = Option.getOrNull(yield* generations.find(name))
    if (after?.shadow != null) yield* count(after.shadow)
    // The log goes on while it is read: what ended it before is enough, and all that the model that serves can have.
    if (after === null || after.shadow === null || after.shadow.failure !== null || after.shadow.position < end) {
      return outcome
    }
    if (notBefore(after.shadow) > (yield* Elapsed.millis)) return outcome
    return yield* finish(after.shadow, after)
  })

  return {
    /** One step of the rebuild, where one is wanted. Never fails. */
    step: (row: ProjectionRow) =>
      step(row).pipe(
        Effect.catchAllCause((cause) => {
          const isLost = Option.exists(
            Cause.failureOption(cause),
            (error) =>
              typeof error === "object" && error !== null && "_tag" in error && error._tag === "CheckpointMoved"
          )
          if (isLost) return Effect.succeed<Outcome>("lost")
          if (Cause.isInterruptedOnly(cause)) return Effect.interrupt
          // The store failed, or a defect of this code.
          const message = "a read model cannot be built at present"
          return FaultLog.report(LogLevel.Warning, message, { projection: name }, cause).pipe(
            Effect.zipRight(backOff(builds)),
            Effect.as<Outcome>("idle")
          )
        })
      ),
    backoffs: [builds, swaps, sweeps]
  }
})
