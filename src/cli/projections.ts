/** `daybook projections`: how the read models are, and what to do with an event that one of them could not take. */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import { Effect, Option, Schedule } from "effect"
import type * as Operation from "../core/Operation.ts"
import type { Application } from "../projection/Application.ts"
import { type ProjectionStatus, Projections } from "../projection/Projections.ts"
import * as ProjectionsLocal from "../projection/ProjectionsLocal.ts"
import * as Database from "./Database.ts"
import * as OperatorOptions from "./OperatorOptions.ts"
import * as Output from "./Output.ts"
import * as WholeNumber from "./WholeNumber.ts"

export const describe = (status: ProjectionStatus): ReadonlyArray<string> => {
  const { abandoned, deadLetters, lag, lastError, name, position, rate, rebuild, skipped, version } = status
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
  for (const skip of skipped) {
    const { lifted, streamId, type, version: at } = skip
    const state = lifted ? "skipped until the rebuild serves" : "skipped"
    lines.push(`    ${state}    ${streamId} version ${at} (${type})${OperatorOptions.whoAndWhy(skip)}`)
  }
  for (const given of abandoned) {
    const { ended, streamId, type, undone, version: at } = given
    const state = ended ? "abandoned" : "is being abandoned"
    const rest = undone === null ? "nothing stays undone" : Output.plain(undone)
    lines.push(`    ${state}    ${streamId} version ${at} (${type})${OperatorOptions.whoAndWhy(given)}: ${rest}`)
  }
  return lines
}

const observer = (app: Application) => ProjectionsLocal.layerObserver(app.projections, app.reactions)

interface Asked {
  readonly name: string
  readonly stream: string
  readonly version: number | undefined
  readonly by: Operation.By
}

/** A verb about the events of a stream. */
const onStream = <E>(
  app: Application,
  verb: string,
  description: string,
  run: (projections: Projections["Type"], asked: Asked) => Effect.Effect<Operation.Done, E>,
  told: (done: Operation.Done) => string
) =>
  Command.make(
    verb,
    {
      db: Database.databaseOption,
      json: Output.jsonOption,
      ...OperatorOptions.options,
      name: Args.text({ name: "PROJECTION" }),
      stream: Args.text({ name: "STREAM" }),
      version: WholeNumber.argument("VERSION", { least: 1 }).pipe(Args.optional)
    },
    ({ db, json, name, stream, version, ...given }) =>
      Effect.gen(function* () {
        const by = OperatorOptions.toBy(given)
        const done = yield* run(yield* Projections, { name, stream, version: Option.getOrUndefined(version), by })
        yield* Output.result(json, done, [OperatorOptions.told(done, `${name}: ${stream} ${told(done)}`)])
      }).pipe(Effect.provide(observer(app)), Effect.provide(Database.layer(db, "existing")))
  ).pipe(Command.withDescription(description))

/** A verb about a projection or reaction as a whole. */
const onOne = <E>(
  app: Application,
  verb: string,
  description: string,
  run: (projections: Projections["Type"], name: string, by: Operation.By) => Effect.Effect<Operation.Done, E>,
  told: string
) =>
  Command.make(
    verb,
    {
      db: Database.databaseOption,
      json: Output.jsonOption,
      ...OperatorOptions.options,
      name: Args.text({ name: "PROJECTION" })
    },
    ({ db, json, name, ...given }) =>
      Effect.gen(function* () {
        const done = yield* run(yield* Projections, name, OperatorOptions.toBy(given))
        yield* Output.result(json, done, [OperatorOptions.told(done, `${name}: ${told}`)])
      }).pipe(Effect.provide(observer(app)), Effect.provide(Database.layer(db, "existing")))
  ).pipe(Command.withDescription(description))

/** Pauses between attempts to remove a model that others read, and when to give up. */
const patience = Schedule.intersect(Schedule.spaced("200 millis"), Schedule.recurUpTo("10 seconds"))

const remove = (app: Application) =>
  Command.make("remove", { db: Database.databaseOption, name: Args.text({ name: "PROJECTION" }) }, ({ db, name }) =>
    Effect.gen(function* () {
      const projections = yield* Projections
      yield* Effect.retry(projections.remove(name), {
        schedule: patience,
        while: (error) => error._tag === "SwapFailed" && error.mayPass
      })
      yield* Output.line(`${name}: removed`)
    }).pipe(Effect.provide(observer(app)), Effect.provide(Database.layer(db, "existing")))
  ).pipe(Command.withDescription("Remove a read model that the program no longer declares, with its tables."))

const rebuilds = (detail: unknown): boolean =>
  typeof detail === "object" && detail !== null && "rebuilds" in detail && detail.rebuilds === true

export const command = (app: Application) =>
  Command.make("projections", { db: Database.databaseOption, json: Output.jsonOption }, ({ db, json }) =>
    Effect.gen(function* () {
      const all = yield* Effect.flatMap(Projections, ({ list }) => list)
      yield* Output.result(json, { projections: all }, all.flatMap(describe))
    }).pipe(Effect.provide(observer(app)), Effect.provide(Database.layer(db, "readOnly")))
  ).pipe(
    Command.withDescription("Show how the read models are; retry or skip an event that one could not take."),
    Command.withSubcommands([
      onStream(
        app,
        "retry",
        "Try the failed event of a stream again.",
        (projections, { by, name, stream }) => projections.retry(name, stream, by),
        () => "is tried again by the process that runs it"
      ),
      onStream(
        app,
        "skip",
        "Pass over the failed event of a stream, for as long as the projection's version stays.",
        (projections, { by, name, stream }) => projections.skip(name, stream, by),
        () => "is passed over by the process that runs it"
      ),
      onStream(
        app,
        "unskip",
        "Undo a skip; a model that passed over the event is rebuilt.",
        (projections, { by, name, stream, version }) => projections.unskip(name, stream, by, version),
        ({ detail }) =>
          rebuilds(detail) ? "is taken in again: the model is rebuilt" : "is taken in again by the process that runs it"
      ),
      onOne(
        app,
        "pause",
        "Stop one until it is resumed, also when the process starts again.",
        ({ pause }, name, by) => pause(name, by),
        "pauses in the process that runs it"
      ),
      onOne(
        app,
        "resume",
        "End a pause; have a reaction that is ahead of a restored log go on from its end.",
        ({ resume }, name, by) => resume(name, by),
        "goes on in the process that runs it"
      ),
      remove(app)
    ])
  )
