/**
 * `daybook rebuild PROJECTION`: builds a read model anew from the log while the old one serves. It asks the process that runs
 * the projections to do it, or does it itself where none runs or that one ends.
 */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Clock, Duration, Effect } from "effect"
import { LeaseStore } from "../projection/LeaseStore.ts"
import { ProjectionConfig } from "../projection/ProjectionConfig.ts"
import type { ProjectionStore } from "../projection/ProjectionStore.ts"
import { Projections } from "../projection/Projections.ts"
import * as Database from "./Database.ts"
import * as Output from "./Output.ts"
import * as ReadModels from "./ReadModels.ts"

/** Whether a process says that it runs the projections. A clock that jumped must not make an old word new. */
const isHosted = Effect.gen(function* () {
  const { heartbeat } = yield* ProjectionConfig
  const host = yield* Effect.flatMap(LeaseStore, (leases) => leases.host)
  if (host === null) return false
  const age = Math.abs((yield* Clock.currentTimeMillis) - host.beatAt)
  return age < 3 * Duration.toMillis(heartbeat)
})

/** Ends when no process runs the projections. */
const untilUnhosted: Effect.Effect<void, unknown, ProjectionStore> = Effect.flatMap(isHosted, (hosted) =>
  hosted ? Effect.zipRight(Effect.sleep("1 second"), untilUnhosted) : Effect.void
)

const untilRebuilt = (name: string) => Effect.flatMap(Projections, (projections) => projections.awaitRebuilt(name))

const progress = (name: string) =>
  Effect.flatMap(Projections, (projections) =>
    Effect.map(projections.status(name), ({ rebuild }) =>
      rebuild === null ? "waiting to begin" : Output.rebuildProgress(rebuild)
    )
  )

export const command = Command.make(
  "rebuild",
  {
    db: Database.databaseOption,
    json: Output.jsonOption,
    dryRun: Options.boolean("dry-run").pipe(
      Options.withDescription("only say what would be done, and how long it takes")
    ),
    name: Args.text({ name: "PROJECTION" })
  },
  ({ db, dryRun, json, name }) =>
    Effect.gen(function* () {
      const projections = yield* Projections
      const start = yield* Clock.currentTimeMillis
      const plan = yield* projections.requestRebuild(name, { dryRun })
      const { estimatedSeconds, events } = plan
      if (dryRun) {
        const time = estimatedSeconds === null ? "no time" : `about ${Output.seconds(estimatedSeconds)}`
        return yield* Output.result(json, plan, [`${name}: ${events} events to read, ${time}; nothing was done`])
      }
      const here = Effect.provide(untilRebuilt(name), ReadModels.layer)
      const elsewhere = Effect.raceFirst(Effect.as(untilRebuilt(name), true), Effect.as(untilUnhosted, false))
      yield* Output.withStatusLine(
        progress(name),
        Effect.gen(function* () {
          if (!(yield* isHosted) || !(yield* elsewhere)) yield* here
        })
      )
      const elapsed = ((yield* Clock.currentTimeMillis) - start) / 1_000
      const { position } = yield* projections.status(name)
      yield* Output.result(json, { name, events, position, seconds: elapsed }, [
        `${name}: rebuilt from ${events} events in ${Output.seconds(elapsed)}, now at position ${position}`
      ])
    }).pipe(
      Effect.provide(ReadModels.layerObserver),
      Effect.provide(Database.layer(db, dryRun ? "readOnly" : "existing"))
    )
).pipe(Command.withDescription("Build a read model anew from the log, while the old one serves."))
