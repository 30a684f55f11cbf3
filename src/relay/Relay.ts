/**
 * `Relay` sends the log, or what a filter leaves of it, to where others read: each event once as a CloudEvent, those of one stream in
 * their order. It is known by its name, as a reaction is, and supervised as one: one process runs it at a time, it goes on where it was,
 * tries again with a growing delay what failed, and says in its status how far behind it is and what it is stuck at.
 *
 * - An event that cannot be sent parks its stream until an operator acts; the others go on. Damage is never sent.
 * - What is under way is bounded: a batch at a time, and nothing is read beyond it.
 * - How often an event arrives is the outlet's promise: see `KafkaOutlet.ts` (once) and `NatsOutlet.ts` (at least once).
 *
 * What runs it is `RelayRunner.ts`.
 */
import { Cause, Duration, Effect, Layer, LogLevel, Option } from "effect"
import type { EventStore } from "../core/EventStore.ts"
import * as FaultLog from "../core/FaultLog.ts"
import type { Application } from "../projection/Application.ts"
import type * as EventFilter from "../projection/EventFilter.ts"
import * as Lease from "../projection/Lease.ts"
import { ProjectionConfig } from "../projection/ProjectionConfig.ts"
import { StartRequired } from "../projection/ProjectionError.ts"
import type { ProjectionStore } from "../projection/ProjectionStore.ts"
import * as Registration from "../projection/Registration.ts"
import * as RelayName from "../projection/RelayName.ts"
import type { Outlet } from "./Outlet.ts"
import * as RelayRunner from "./RelayRunner.ts"

export interface Relay extends RelayRunner.Relayed {}

export interface Options {
  /** 1 to 64 of small letters, digits and underscores. Two relays of one log have two names. */
  readonly name: string
  /** Where it sends: `KafkaOutlet.make` or `NatsOutlet.make`. */
  readonly outlet: Outlet
  /** What it sends. Default: all. */
  readonly filter?: EventFilter.EventFilter
  /** Where it begins when it is new, as that of a reaction. Without it, it does not start on a log that has events. */
  readonly startFrom?: Registration.StartFrom
}

/** What is declared of a relay cannot be. */
export class InvalidRelay extends Error {
  override readonly name = "InvalidRelay"
}

/** Declares a relay. Throws `InvalidRelay` where its name cannot be one. */
export const make = ({ filter = {}, name, outlet, startFrom }: Options): Relay => {
  if (!RelayName.isValid(name)) {
    throw new InvalidRelay(
      `a relay is called by 1 to 64 small letters, digits and underscores, not ${JSON.stringify(name)}`
    )
  }
  return { name, outlet, filter, startFrom: startFrom ?? null }
}

/** Long enough that a pause of the process does not change its holder; another process takes over after it. */
const leastLease = Duration.seconds(6)

/**
 * Runs it while its scope is open. Fails with `StartRequired` where it is new and does not say where to begin. The aggregates of the
 * application say in which form its events are sent.
 */
export const layer = (
  app: Pick<Application, "ofStream">,
  relay: Relay
): Layer.Layer<never, StartRequired, EventStore | ProjectionStore> =>
  Layer.scopedDiscard(
    Effect.gen(function* () {
      const name = RelayName.of(relay.name)
      const limits = yield* ProjectionConfig
      const birth = { name, version: 1, startFrom: relay.startFrom, formerNames: [] }
      yield* Effect.catchAllCause(Registration.register(birth), (cause) => {
        const error = Option.getOrUndefined(Cause.failureOption(cause))
        return error instanceof StartRequired
          ? error
          : FaultLog.report(LogLevel.Warning, "a relay cannot be registered yet", { relay: relay.name }, cause)
      })
      // Also where all of a process is one runner: two of them would fence each other out for ever.
      const lease = Duration.max(limits.lease, leastLease)
      const run = Effect.scoped(RelayRunner.run(app, relay))
      yield* Effect.forkScoped(
        Effect.provideService(Lease.whileHeld(name, run), ProjectionConfig, { ...limits, lease })
      )
    })
  )
