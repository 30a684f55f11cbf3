/** `daybook projections`: how the read models are, and what to do with an event that one of them could not take. */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import { Effect, Schedule } from "effect"
import type { Application } from "../projection/Application.ts"
import { type ProjectionStatus, Projections } from "../projection/Projections.ts"
import * as ProjectionsLocal from "../projection/ProjectionsLocal.ts"
import * as Database from "./Database.ts"
import * as Output from "./Output.ts"

const describe = (status: ProjectionStatus): ReadonlyArray<string> => {
  const { deadLetters, lag, lastError, name, position, rate, rebuild, version } = status
  const lines = [
    `${name} v${version}  ${status.status}  position ${position}  lag ${lag.events} events, ${lag.seconds.toFixed(1)} s  ${Math.round(rate)} events/s`
  ]
  if (rebuild !== null) lines.push(`    rebuild   ${Output.rebuildProgress(rebuild)}`)
  if (lastError !== null) {
    const { attempts, error, step, streamId, type, version: at } = lastError
    const place = step === "apply" ? `${streamId} version ${at} (${type})` : step
    lines.push(`    error     ${place}, ${attempts} attempts: ${error}`)
  }
  for (const { attempts, error, retry, streamId, type, version: at } of deadLetters) {
    const state = retry ? "is tried again" : "parked"
    lines.push(`    ${state}    ${streamId} version ${at} (${type}), ${attempts} attempts: ${error}`)
  }
  return lines
}

const release = (app: Application, how: "retry" | "skip", description: string) =>
  Command.make(
    how,
    { db: Database.databaseOption, name: Args.text({ name: "PROJECTION" }), stream: Args.text({ name: "STREAM" }) },
    ({ db, name, stream }) =>
      Effect.gen(function* () {
        const projections = yield* Projections
        yield* projections[how](name, stream)
        yield* Output.line(
          `${name}: ${stream} is ${how === "retry" ? "tried again" : "passed over"} by whoever runs it`
        )
      }).pipe(
        Effect.provide(ProjectionsLocal.layerObserver(app.projections)),
        Effect.provide(Database.layer(db, "existing"))
      )
  ).pipe(Command.withDescription(description))

/** How often, and how long, whoever removes a model waits for those who read it. */
const patience = Schedule.intersect(Schedule.spaced("200 millis"), Schedule.recurUpTo("10 seconds"))

const onOne = (
  app: Application,
  verb: string,
  description: string,
  run: (projections: Projections["Type"], name: string) => Effect.Effect<string, unknown>
) =>
  Command.make(verb, { db: Database.databaseOption, name: Args.text({ name: "PROJECTION" }) }, ({ db, name }) =>
    Effect.gen(function* () {
      yield* Output.line(`${name}: ${yield* run(yield* Projections, name)}`)
    }).pipe(
      Effect.provide(ProjectionsLocal.layerObserver(app.projections)),
      Effect.provide(Database.layer(db, "existing"))
    )
  ).pipe(Command.withDescription(description))

export const command = (app: Application) =>
  Command.make("projections", { db: Database.databaseOption, json: Output.jsonOption }, ({ db, json }) =>
    Effect.gen(function* () {
      const all = yield* Effect.flatMap(Projections, ({ list }) => list)
      yield* Output.result(json, { projections: all }, all.flatMap(describe))
    }).pipe(
      Effect.provide(ProjectionsLocal.layerObserver(app.projections)),
      Effect.provide(Database.layer(db, "readOnly"))
    )
  ).pipe(
    Command.withDescription("Show how the read models are; retry or skip an event that one could not take."),
    Command.withSubcommands([
      release(app, "retry", "Try the failed event of a stream again."),
      release(app, "skip", "Pass over the failed event of a stream, for as long as the projection's version stays."),
      onOne(
        app,
        "resume",
        "End a pause; have a reaction that is ahead of a restored log go on from its end.",
        ({ resume }, name) => Effect.as(resume(name), "goes on with whoever runs it")
      ),
      onOne(
        app,
        "remove",
        "Remove a read model that the program no longer declares, with its tables.",
        ({ remove }, name) =>
          Effect.retry(remove(name), {
            schedule: patience,
            while: (error) => error._tag === "SwapFailed" && error.mayPass
          }).pipe(Effect.as("removed"))
      )
    ])
  )
