/** `daybook restore FILE`: a backup in the place of the database, under a new epoch. */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Effect, Option } from "effect"
import type { JournalHead } from "../core/Journal.ts"
import * as Restore from "../sql/Restore.ts"
import * as Database from "./Database.ts"
import * as Output from "./Output.ts"
import { UsageError } from "./UsageError.ts"
import * as WholeNumber from "./WholeNumber.ts"

const options = {
  db: Database.databaseOption,
  json: Output.jsonOption,
  inPlace: Options.boolean("in-place").pipe(
    Options.withDescription("the database was put back by other means, such as pg_restore: only note the new epoch")
  ),
  above: WholeNumber.option("above-epoch", { least: 0 }).pipe(
    Options.withDefault(0),
    Options.withDescription("an epoch that the log has had, where the database that is replaced cannot be read")
  ),
  file: Args.text({ name: "FILE" }).pipe(Args.optional)
}

const said = ({ epoch, logId, position }: JournalHead): string =>
  `the log ${logId} is at epoch ${epoch} now, and ends at position ${position}`

const fromFile = (db: Database.Place, file: string, above: number) =>
  Effect.gen(function* () {
    const to = Database.fileOf(db)
    if (to === undefined) {
      return yield* new UsageError({
        reason: Database.isPostgres(db)
          ? "a PostgreSQL database is put back with pg_restore, and then daybook restore --in-place notes the new epoch"
          : Database.isNats(db)
            ? "a log on JetStream is put back with daybook copy --from sqlite:FILE into a new stream, and then daybook restore --in-place notes the new epoch"
            : "--db is not the file of a database; give sqlite:FILE"
      })
    }
    if (Option.isSome(db.prefix)) {
      return yield* new UsageError({
        reason:
          "a file with tables of the application is put back as a whole, with nobody at work and no -wal or -shm beside it; then daybook restore --in-place notes the new epoch"
      })
    }
    const { head, kept } = yield* Restore.restore({ from: file, to, above })
    const lines = [`${to} is restored from ${file}: ${said(head)}`]
    return { head, kept, lines: kept === null ? lines : [...lines, `the database before is kept as ${kept}`] }
  })

const inPlace = (db: Database.Place, above: number) =>
  Effect.map(Restore.raiseEpoch({}, above), (head) => ({ head, kept: null, lines: [said(head)] })).pipe(
    Effect.provide(Database.layer(db, "existing"))
  )

export const command = Command.make("restore", options, ({ above, db, file, inPlace: isThere, json }) =>
  Effect.gen(function* () {
    if (isThere === Option.isSome(file)) {
      return yield* new UsageError({ reason: "give either the FILE of a backup or --in-place" })
    }
    const done = Option.isSome(file) ? fromFile(db, file.value, above) : inPlace(db, above)
    const { head, kept, lines } = yield* done
    const { epoch, logId, position, sequence } = head
    yield* Output.result(json, { logId, epoch, sequence, position, kept }, lines)
  })
).pipe(Command.withDescription("Put a backup in the place of the database, which nobody may have open."))
