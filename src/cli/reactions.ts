/** `daybook reactions`: how the processes are, and what to do with an event at which one of them is stuck. */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Effect } from "effect"
import type * as Operation from "../core/Operation.ts"
import type { Application } from "../projection/Application.ts"
import { UnknownProjection } from "../projection/ProjectionError.ts"
import { Projections } from "../projection/Projections.ts"
import * as ProjectionsLocal from "../projection/ProjectionsLocal.ts"
import * as RaisePlan from "../projection/RaisePlan.ts"
import * as Database from "./Database.ts"
import * as OperatorOptions from "./OperatorOptions.ts"
import * as Output from "./Output.ts"
import { describe } from "./projections.ts"

const observer = (app: Application) => ProjectionsLocal.layerObserver(app.projections, app.reactions)

const named = {
  db: Database.databaseOption,
  json: Output.jsonOption,
  ...OperatorOptions.options,
  name: Args.text({ name: "REACTION" }),
  stream: Args.text({ name: "STREAM" })
}

const verb = <E>(
  app: Application,
  called: string,
  description: string,
  run: (
    projections: Projections["Type"],
    name: string,
    stream: string,
    by: Operation.By
  ) => Effect.Effect<Operation.Done, E>
) =>
  Command.make(called, named, ({ db, json, name, stream, ...given }) =>
    Effect.gen(function* () {
      const done = yield* run(yield* Projections, name, stream, OperatorOptions.toBy(given))
      const text = `${name}: ${stream} is tried again by the process that runs it`
      yield* Output.result(json, done, [OperatorOptions.told(done, text)])
    }).pipe(Effect.provide(observer(app)), Effect.provide(Database.layer(db, "existing")))
  ).pipe(Command.withDescription(description))

const abandon = (app: Application) =>
  Command.make(
    "abandon",
    {
      ...named,
      dryRun: Options.boolean("dry-run").pipe(Options.withDescription("only say what stays undone"))
    },
    ({ db, dryRun, json, name, stream, ...given }) =>
      Effect.gen(function* () {
        const projections = yield* Projections
        if (dryRun) {
          const planned = yield* projections.abandoning(name, stream)
          const text = `${name}: ${stream} version ${planned.version}: ${Output.plain(planned.undone)}; nothing was done`
          return yield* Output.result(json, planned, [text])
        }
        const by = OperatorOptions.toBy(given)
        const done = yield* projections.abandon(name, stream, by)
        const { detail } = done
        const undone = typeof detail === "object" && detail !== null && "undone" in detail ? String(detail.undone) : ""
        const text = `${name}: ${stream} is given up by the process that runs it: ${Output.plain(undone)}`
        yield* Output.result(json, done, [OperatorOptions.told(done, text)])
      }).pipe(Effect.provide(observer(app)), Effect.provide(Database.layer(db, "existing")))
  ).pipe(
    Command.withDescription("Give up the event at which a stream is stuck; --dry-run says before what stays undone.")
  )

const counted = (count: number, thing: string) => `${count} ${thing}${count === 1 ? "" : "s"}`

const planned = (plan: RaisePlan.RaisePlan): string => {
  const { abandoned, after, events, from, parked, reaction, through, to } = plan
  const total = events.reduce((sum, { count }) => sum + count, 0)
  const byType = total === 0 ? "" : ` (${events.map(({ count, type }) => `${type} ${count}`).join(", ")})`
  return [
    `${reaction}: from version ${from} to ${to}: of the events behind position ${after}, up to ${through}, ` +
      `${total} would be reacted to again${byType}, with commands under new ids`,
    ...(parked === 0 ? [] : [`${counted(parked, "stuck stream")} would be tried again`]),
    ...(abandoned === 0 ? [] : [`${counted(abandoned, "abandoned event")} would stay abandoned`]),
    "nothing was done"
  ].join("; ")
}

const raise = (app: Application) =>
  Command.make(
    "raise",
    {
      db: Database.databaseOption,
      json: Output.jsonOption,
      ...OperatorOptions.options,
      dryRun: Options.boolean("dry-run").pipe(Options.withDescription("only say what would be done again")),
      name: Args.text({ name: "REACTION" })
    },
    ({ db, dryRun, json, name, ...given }) =>
      Effect.gen(function* () {
        const reaction = app.reactions.find((each) => each.name === name)
        if (reaction === undefined) {
          return yield* new UnknownProjection({
            projection: name,
            known: app.reactions.map((each) => each.name).sort()
          })
        }
        if (dryRun) {
          const plan = yield* RaisePlan.of(reaction)
          return yield* Output.result(json, plan, [planned(plan)])
        }
        const done = yield* RaisePlan.carryOut(reaction, OperatorOptions.toBy(given))
        const text = `${name}: goes on under version ${reaction.version} in the processes of this release`
        yield* Output.result(json, done, [OperatorOptions.told(done, text)])
      }).pipe(Effect.provide(Database.layer(db, dryRun ? "readOnly" : "existing")))
  ).pipe(
    Command.withDescription(
      "Have a reaction whose version was raised do its events again; --dry-run says before which those are."
    )
  )

export const command = (app: Application) =>
  Command.make("reactions", { db: Database.databaseOption, json: Output.jsonOption }, ({ db, json }) =>
    Effect.gen(function* () {
      const all = yield* Effect.flatMap(Projections, ({ list }) => list)
      const reactions = all.filter(({ kind }) => kind === "reaction")
      yield* Output.result(json, { reactions }, reactions.flatMap(describe))
    }).pipe(Effect.provide(observer(app)), Effect.provide(Database.layer(db, "readOnly")))
  ).pipe(
    Command.withDescription(
      "Show how the processes are; retry, abandon or take up an event at which one is stuck; raise a version."
    ),
    Command.withSubcommands([
      verb(app, "retry", "Try the event at which a stream is stuck again, now.", (projections, name, stream, by) =>
        projections.retry(name, stream, by)
      ),
      abandon(app),
      verb(app, "take-up", "Try again what was given up of a stream.", (projections, name, stream, by) =>
        projections.takeUp(name, stream, by)
      ),
      raise(app)
    ])
  )
