/** `daybook timers`: which commands wait for their time, and to have one sent now or not at all. */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Clock, Effect, Layer } from "effect"
import * as ActorSystemLocal from "../core/ActorSystemLocal.ts"
import type { EventStore } from "../core/EventStore.ts"
import type * as Operation from "../core/Operation.ts"
import type { Application } from "../projection/Application.ts"
import * as PendingTimers from "../projection/PendingTimers.ts"
import { Timer } from "../projection/Timer.ts"
import * as Timers from "../projection/Timers.ts"
import * as Database from "./Database.ts"
import * as OperatorOptions from "./OperatorOptions.ts"
import * as Output from "./Output.ts"
import { UsageError } from "./UsageError.ts"
import * as WholeNumber from "./WholeNumber.ts"

const maxLimit = 1_000

const timeOf = (millis: number): string => new Date(millis).toISOString()

const describe = ({ aggregate, command, due, id, key }: PendingTimers.Pending, now: number): string => {
  const late = due > now ? "" : `  late by ${((now - due) / 1_000).toFixed(1)} s`
  return Output.plain(`${timeOf(due)}  ${key}  ${command} to ${aggregate} ${id}${late}`)
}

const list = Effect.fnUntraced(function* (json: boolean, limit: number) {
  const now = yield* Clock.currentTimeMillis
  const timers = yield* PendingTimers.list({ after: null, limit })
  const { due, lateMillis, pending } = yield* PendingTimers.overview(now)
  const lateSeconds = lateMillis / 1_000
  const shown = timers.map((timer) => ({ ...timer, due: timeOf(timer.due), scheduledAt: timeOf(timer.scheduledAt) }))
  const late = due === 0 ? "" : `, ${due} of them late, the first by ${lateSeconds.toFixed(1)} s`
  yield* Output.result(json, { timers: shown, pending, due, lateSeconds }, [
    `${pending} ${pending === 1 ? "timer waits" : "timers wait"}${late}`,
    ...timers.map((timer) => describe(timer, now)),
    ...(timers.length < pending ? [`and ${pending - timers.length} more: --limit`] : [])
  ])
})

/**
 * The timers of a database, while another process may drive them: of two writes to one timer, the first in the log
 * counts.
 */
const own = (db: Database.Place) =>
  Timers.part.layer.pipe(Layer.provide(ActorSystemLocal.layer), Layer.provideMerge(Database.layer(db, "existing")))

const verb = <E>(
  app: Application,
  called: string,
  description: string,
  run: (key: string, by: Operation.By) => Effect.Effect<Operation.Done, E, Timers.Timers | EventStore>,
  told: (key: string) => string
) =>
  Command.make(
    called,
    {
      db: Database.databaseOption,
      json: Output.jsonOption,
      ...OperatorOptions.options,
      timer: Args.text({ name: "TIMER" })
    },
    ({ db, json, timer, ...given }) =>
      Effect.gen(function* () {
        if (!app.aggregates.some(({ contract }) => contract === Timer)) {
          return yield* new UsageError({ reason: "the application has no timers" })
        }
        const done = yield* Effect.provide(run(timer, OperatorOptions.toBy(given)), own(db))
        yield* Output.result(json, done, [OperatorOptions.told(done, told(Output.plain(timer)))])
      })
  ).pipe(Command.withDescription(description))

export const command = (app: Application) =>
  Command.make(
    "timers",
    {
      db: Database.databaseOption,
      json: Output.jsonOption,
      limit: WholeNumber.option("limit", { least: 1, most: maxLimit }).pipe(
        Options.withDefault(100),
        Options.withDescription("at most this many")
      )
    },
    ({ db, json, limit }) => Effect.provide(list(json, limit), Database.layer(db, "readOnly"))
  ).pipe(
    Command.withDescription("List the commands that wait for their time; have one sent now, or not at all."),
    Command.withSubcommands([
      verb(
        app,
        "fire",
        "Have a timer fire now, whatever its time.",
        Timers.operators.fire,
        (key) => `${key}: it has fired, and its command is sent by the process that runs the application`
      ),
      verb(app, "cancel", "Have a timer not fire.", Timers.operators.cancel, (key) => `${key}: it will not fire`)
    ])
  )
