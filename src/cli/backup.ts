/** `daybook backup FILE`: a whole copy of the database, also while a server writes to it; once, or again and again. */
import { readdirSync, rmSync, statSync } from "node:fs"
import { join } from "node:path"
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Clock, Duration, Effect, LogLevel, Option } from "effect"
import * as FaultLog from "../core/FaultLog.ts"
import * as Backup from "../sql/Backup.ts"
import * as Database from "./Database.ts"
import * as Output from "./Output.ts"
import * as UntilSignal from "./UntilSignal.ts"
import { UsageError } from "./UsageError.ts"
import * as WholeNumber from "./WholeNumber.ts"

const options = {
  db: Database.databaseOption,
  json: Output.jsonOption,
  every: Options.text("every").pipe(
    Options.optional,
    Options.withDescription("a time such as '1 hour': a copy now and then each time, until a signal; FILE is a folder")
  ),
  keep: WholeNumber.option("keep", { least: 1 }).pipe(
    Options.optional,
    Options.withDescription("copies to keep in the folder FILE: older ones are removed once a new one is there")
  ),
  file: Args.text({ name: "FILE" })
}

/** Names of copies in a folder, which sort by their time. No other file is removed. */
const isCopy = (name: string): boolean => /^daybook-\d{8}T\d{9}Z\.db$/.test(name)
const nameOf = (now: number): string => `daybook-${new Date(now).toISOString().replace(/[-:.]/g, "")}.db`

const copy = (db: Database.Place, file: string) => Effect.provide(Backup.backup(file), Database.layer(db, "readOnly"))

const written = (file: string, { prefix }: Database.Place): string => {
  const by = Option.match(prefix, { onNone: () => "", onSome: (name) => ` --prefix '${name}'` })
  return `${file} is written; daybook verify --db sqlite:${file}${by} checks it`
}

const say = (json: boolean, db: Database.Place, file: string, removed: ReadonlyArray<string>) =>
  Output.result(json, { file, removed }, [written(file, db), ...removed.map((name) => `${name} is removed`)])

/** One more copy in the folder, and then none but the newest. */
const copyInto = (db: Database.Place, folder: string, keep: number | undefined, json: boolean) =>
  Effect.gen(function* () {
    const file = join(folder, nameOf(yield* Clock.currentTimeMillis))
    yield* copy(db, file)
    const copies = readdirSync(folder).filter(isCopy).sort()
    const removed = keep === undefined ? [] : copies.slice(0, Math.max(0, copies.length - keep))
    for (const name of removed) rmSync(join(folder, name), { force: true })
    yield* say(json, db, file, removed)
  })

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true

export const command = Command.make("backup", options, ({ db, every, file, json, keep }) =>
  Effect.gen(function* () {
    if (Option.isNone(every) && Option.isNone(keep)) {
      yield* copy(db, file)
      return yield* Output.result(json, { file }, [written(file, db)])
    }
    const interval = Option.map(every, (text) => Duration.decodeUnknown(text.trim()))
    if (Option.isSome(interval) && Option.exists(interval.value, Duration.lessThan("1 second"))) {
      return yield* new UsageError({ reason: "--every is 1 second or more" })
    }
    if (Option.isSome(interval) && Option.isNone(interval.value)) {
      return yield* new UsageError({ reason: "--every is a time such as '15 minutes' or '1 hour'" })
    }
    if (!isFolder(file)) {
      return yield* new UsageError({ reason: `${file} is not a folder; with --every or --keep the copies are in one` })
    }
    const once = copyInto(db, file, Option.getOrUndefined(keep), json)
    if (Option.isSome(interval)) yield* UntilSignal.begin
    yield* once
    if (Option.isNone(interval)) return
    const pause = Option.getOrThrow(interval.value)
    // One that fails is told, and the next one comes all the same.
    const again = Effect.catchAllCause(once, (cause) => FaultLog.report(LogLevel.Error, "a backup failed", {}, cause))
    yield* Effect.forever(Effect.delay(again, pause))
  })
).pipe(Command.withDescription("Write a copy of the database into a new file, or again and again into a folder."))
