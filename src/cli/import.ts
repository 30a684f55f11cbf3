/** `daybook import FILE`: commands of accounts, or a whole exported log, into a database. */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Chunk, Effect, Layer, Schema, Stream } from "effect"
import * as AccountBehaviour from "../bank/account/AccountBehaviour.ts"
import { OverdraftLimit } from "../bank/account/AccountTerms.ts"
import * as AccountRows from "../bank/import/AccountRows.ts"
import * as ActorConfig from "../core/ActorConfig.ts"
import * as ActorSystemLocal from "../core/ActorSystemLocal.ts"
import * as LogCopy from "../sql/LogCopy.ts"
import * as Database from "./Database.ts"
import * as Lines from "./Lines.ts"
import * as LogFile from "./LogFile.ts"
import * as Output from "./Output.ts"
import * as ReadModels from "./ReadModels.ts"
import { UsageError } from "./UsageError.ts"

/** An event of one mebibyte is a longer line: its text is quoted once more. */
const maxLogLineBytes = 8 * Lines.maxLineBytes

/** Rows that are read before they are applied: many accounts at once, and each account's rows in order. */
const windowSize = 8_192

const options = {
  db: Database.databaseOption,
  json: Output.jsonOption,
  file: Args.text({ name: "FILE" }).pipe(Args.withDescription("plain or gzip; - for standard input")),
  format: Options.choice("format", ["berka", "commands", "events"]),
  overdraft: Options.text("overdraft").pipe(
    Options.withDefault("0"),
    Options.withDescription("limit of the accounts that berka opens, such as 100000.00")
  )
}

/** Applies the rows before the first one that is wrong, and then says which one is. */
const importRows = (file: string, parse: AccountRows.Parse, progress: Lines.Progress, tally: AccountRows.Tally) =>
  Effect.gen(function* () {
    const apply = yield* AccountRows.makeApply(file, tally)
    let wrong: Lines.InputError | undefined
    yield* Lines.read(file, progress).pipe(
      Stream.catchAll((error) => {
        wrong = error
        return Stream.empty
      }),
      Stream.flattenIterables,
      Stream.filter(({ text }) => text.trim() !== ""),
      Stream.mapEffect((line) => parse(file, line)),
      Stream.catchAll((error) => {
        wrong = error
        return Stream.empty
      }),
      Stream.rechunk(windowSize),
      Stream.chunks,
      Stream.runForEach((rows) => apply(Chunk.toReadonlyArray(rows)))
    )
    if (wrong !== undefined) return yield* wrong
  })

const importAccounts = (
  format: "berka" | "commands",
  {
    db,
    file,
    json,
    overdraft
  }: { readonly db: string; readonly file: string; readonly json: boolean; readonly overdraft: string }
) =>
  Effect.gen(function* () {
    const progress: Lines.Progress = { bytes: 0, total: undefined }
    const tally: AccountRows.Tally = { applied: 0, replayed: 0, refused: 0 }
    const parse = format === "berka" ? AccountRows.berka(overdraft) : AccountRows.commands
    const rows = () => tally.applied + tally.replayed + tally.refused
    yield* Output.withProgress(progress, rows, importRows(file, parse, progress, tally))
    yield* ReadModels.catchUp
    const { applied, refused, replayed } = tally
    yield* Output.result(json, tally, [`${applied} applied, ${replayed} replayed, ${refused} refused`])
  }).pipe(
    Effect.provide(
      AccountBehaviour.layer.pipe(
        Layer.provide(ActorSystemLocal.layer),
        Layer.provide(ActorConfig.layer({ maxWaitingActors: windowSize })),
        Layer.provideMerge(Database.layer(db, "create"))
      )
    )
  )

const importLog = ({ db, file, json }: { readonly db: string; readonly file: string; readonly json: boolean }) =>
  Effect.gen(function* () {
    const progress: Lines.Progress = { bytes: 0, total: undefined }
    let read = 0
    const lines = Lines.read(file, progress, maxLogLineBytes).pipe(
      Stream.flattenIterables,
      Stream.tap(() => Effect.sync(() => read++))
    )
    const written = yield* Output.withProgress(progress, () => read, LogCopy.restore(LogFile.rows(file, lines)))
    yield* ReadModels.catchUp
    yield* Output.result(json, written, [`${written.events} events and ${written.commands} kept answers written`])
  }).pipe(Effect.provide(Database.layer(db, "create")))

export const command = Command.make("import", options, (given) =>
  Effect.gen(function* () {
    if (!Schema.is(OverdraftLimit)(given.overdraft)) {
      return yield* new UsageError({ reason: `--overdraft is an amount such as 100000.00, not ${given.overdraft}` })
    }
    yield* Lines.check(given.file)
    yield* given.format === "events" ? importLog(given) : importAccounts(given.format, given)
  })
).pipe(Command.withDescription("Apply rows of a file; doing it again changes nothing."))
