/**
 * `daybook rebuild PROJECTION`: rebuilds a read model from the log while the old one serves. It asks the process that
 * runs the projections to do it, or does it itself where none runs or that one ends. That it was asked for is an
 * operation of the journal.
 */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Clock, Duration, Effect, Schema } from "effect"
import * as Operation from "../core/Operation.ts"
import type { Application } from "../projection/Application.ts"
import { LeaseStore } from "../projection/LeaseStore.ts"
import { ProjectionConfig } from "../projection/ProjectionConfig.ts"
import type { ProjectionStore } from "../projection/ProjectionStore.ts"
import { Projections } from "../projection/Projections.ts"
import * as ProjectionsLocal from "../projection/ProjectionsLocal.ts"
import * as Database from "./Database.ts"
import * as OperatorOptions from "./OperatorOptions.ts"
import * as Output from "./Output.ts"

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

/** What of the request stands in its entry, also where it was made before under the same key. */
const Recorded = Schema.Struct({ events: Schema.Int })

interface Settings {
  /** Who asks for it, why, and under which key. Default: nothing is said. */
  readonly by?: Operation.By
  /** Kept up to date while it waits, such as on a terminal. */
  readonly watch?: <A, E, R>(
    progress: Effect.Effect<string, unknown, Projections>,
    waiting: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E, R | Projections>
}

/** Rebuilds the read model, here or in the process that runs the projections, and waits until the new one serves. */
export const run = (app: Application, name: string, { by = {}, watch = (_, waiting) => waiting }: Settings = {}) =>
  Effect.gen(function* () {
    const projections = yield* Projections
    const start = yield* Clock.currentTimeMillis
    const work = Effect.map(projections.requestRebuild(name), ({ events }) => ({ name, events }))
    const { detail } = yield* Operation.run("projections.rebuild", { projection: name }, by, work)
    const { events } = yield* Schema.decodeUnknown(Recorded)(detail)
    const here = Effect.provide(untilRebuilt(name), ProjectionsLocal.layer(app.projections))
    const elsewhere = Effect.raceFirst(Effect.as(untilRebuilt(name), true), Effect.as(untilUnhosted, false))
    yield* watch(
      progress(name),
      Effect.gen(function* () {
        if (!(yield* isHosted) || !(yield* elsewhere)) yield* here
      })
    )
    const seconds = ((yield* Clock.currentTimeMillis) - start) / 1_000
    const { position, skipped } = yield* projections.status(name)
    return { name, events, position, seconds, skipped: skipped.length }
  }).pipe(Effect.provide(ProjectionsLocal.layerObserver(app.projections)))

const plan = (app: Application, name: string) =>
  Effect.flatMap(Projections, (projections) => projections.requestRebuild(name, { dryRun: true })).pipe(
    Effect.provide(ProjectionsLocal.layerObserver(app.projections))
  )

/** The verb `rebuild` of the application. */
export const command = (app: Application) =>
  Command.make(
    "rebuild",
    {
      db: Database.databaseOption,
      json: Output.jsonOption,
      ...OperatorOptions.options,
      dryRun: Options.boolean("dry-run").pipe(
        Options.withDescription("only say what would be done, and how long it takes")
      ),
      name: Args.text({ name: "PROJECTION" })
    },
    ({ db, dryRun, json, name, ...given }) =>
      Effect.gen(function* () {
        if (dryRun) {
          const planned = yield* plan(app, name)
          const { estimatedSeconds, events } = planned
          const time = estimatedSeconds === null ? "no time" : `about ${Output.seconds(estimatedSeconds)}`
          return yield* Output.result(json, planned, [`${name}: ${events} events to read, ${time}; nothing was done`])
        }
        const rebuilt = yield* run(app, name, { by: OperatorOptions.toBy(given), watch: Output.withStatusLine })
        const { events, position, seconds, skipped } = rebuilt
        const without = skipped === 0 ? "" : `, without ${skipped} that operators had skipped`
        yield* Output.result(json, rebuilt, [
          `${name}: rebuilt from ${events} events${without} in ${Output.seconds(seconds)}, now at position ${position}`
        ])
      }).pipe(Effect.provide(Database.layer(db, dryRun ? "readOnly" : "existing")))
  ).pipe(Command.withDescription("Rebuild a read model from the log, while the old one serves."))
