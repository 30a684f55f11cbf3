/** `daybook import FILE`: rows of a format of the application, or a whole exported log, into a database. */
import { closeSync, openSync, writeSync } from "node:fs"
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Effect, Layer, Option, Record, Stream } from "effect"
import * as ActorConfig from "../core/ActorConfig.ts"
import * as ActorSystemLocal from "../core/ActorSystemLocal.ts"
import { InvalidArgument } from "../core/StoreError.ts"
import type { Application } from "../projection/Application.ts"
import type { Given, ImportFormat, Refused, Tally } from "../projection/ImportFormat.ts"
import * as LogCopy from "../sql/LogCopy.ts"
import * as Database from "./Database.ts"
import * as ImportRows from "./ImportRows.ts"
import * as Lines from "./Lines.ts"
import * as LogFile from "./LogFile.ts"
import * as Output from "./Output.ts"
import * as ReadModels from "./ReadModels.ts"
import { Finding, UsageError } from "./UsageError.ts"

/** An event of one mebibyte is a longer line: its text is quoted once more. */
const maxLogLineBytes = 8 * Lines.maxLineBytes

interface Source {
  readonly db: Database.Place
  readonly file: string
  readonly json: boolean
  /** Where refused rows go. */
  readonly rejects: Option.Option<string>
}

/** A new file that only its owner may read; what was written is there whatever comes after. */
const openRejects = (path: string) =>
  Effect.acquireRelease(
    Effect.try({
      try: () => openSync(path, "wx", 0o600),
      catch: (error) => new Finding({ reason: `${path} cannot be written: ${(error as NodeJS.ErrnoException).code}` })
    }),
    (file) => Effect.sync(() => closeSync(file))
  )

/** How many rows were refused, by the tag of the error; and all of them into the file, if there is one. */
const refusalsInto = (file: number | undefined) => {
  const kinds: Record<string, number> = {}
  const onRefused = ({ kind, number, replayed, text }: Refused): void => {
    if (!replayed) kinds[kind] = (kinds[kind] ?? 0) + 1
    if (file !== undefined) writeSync(file, `${JSON.stringify({ line: number, reason: kind, row: text })}\n`)
  }
  return { kinds, onRefused }
}

/** What rows were refused for; nothing where none was. */
const tellKinds = (kinds: Readonly<Record<string, number>>): Effect.Effect<void> => {
  const all = Object.entries(kinds).map(([kind, count]) => `${count} ${kind}`)
  return all.length === 0 ? Effect.void : Output.note(`refused: ${all.join(", ")}`)
}

const importRows = (
  app: Application,
  format: Application["imports"][number],
  { db, file, json, rejects }: Source,
  given: Given
) =>
  Effect.gen(function* () {
    const { kinds, onRefused } = refusalsInto(Option.isSome(rejects) ? yield* openRejects(rejects.value) : undefined)
    const progress: Lines.Progress = { bytes: 0, total: undefined }
    const tally: Tally = { applied: 0, replayed: 0, refused: 0 }
    const lines = Lines.read(file, progress).pipe(
      Stream.flattenIterables,
      Stream.filter(({ text }) => text.trim() !== "")
    )
    const rows = () => tally.applied + tally.replayed + tally.refused
    yield* Output.withProgress(progress, rows, format.run({ file, lines, tally, onRefused }, given))
    yield* ReadModels.catchUp(app)
    const { applied, refused, replayed } = tally
    yield* tellKinds(kinds)
    yield* Output.result(json, { ...tally, ...(Option.isSome(rejects) && { refusals: kinds }) }, [
      `${applied} applied, ${replayed} replayed, ${refused} refused`
    ])
  }).pipe(
    Effect.scoped,
    Effect.provide(
      ActorSystemLocal.layer.pipe(
        Layer.provide(ActorConfig.layer({ maxWaitingActors: ImportRows.windowSize })),
        Layer.provideMerge(Database.layer(db, "create"))
      )
    )
  )

const importLog = (app: Application, { db, file, json }: Source) =>
  Effect.gen(function* () {
    const progress: Lines.Progress = { bytes: 0, total: undefined }
    let read = 0
    const lines = Lines.read(file, progress, maxLogLineBytes).pipe(
      Stream.flattenIterables,
      Stream.tap(() => Effect.sync(() => read++))
    )
    const written = yield* Output.withProgress(progress, () => read, LogCopy.restore(LogFile.rows(file, lines)))
    yield* ReadModels.catchUp(app)
    yield* Output.result(json, written, [`${written.events} events and ${written.commands} kept answers written`])
  }).pipe(Effect.provide(Database.layer(db, "create")))

/** The options of all formats, by name. */
const optionsOf = (formats: Application["imports"]) =>
  Record.map(
    Object.assign({}, ...formats.map(({ options }) => options)) as ImportFormat<never>["options"],
    (option, name) =>
      Options.text(name).pipe(Options.withDefault(option.default), Options.withDescription(option.description))
  )

export const command = (app: Application) =>
  Command.make(
    "import",
    {
      db: Database.databaseOption,
      json: Output.jsonOption,
      file: Args.text({ name: "FILE" }).pipe(Args.withDescription("plain or gzip; - for standard input")),
      rejects: Options.text("rejects").pipe(
        Options.optional,
        Options.withDescription("a new file for the rows that were refused, as lines of JSON with line, reason and row")
      ),
      format: Options.choice("format", [...app.imports.map(({ name }) => name), "events"]),
      given: optionsOf(app.imports)
    },
    ({ format: name, given, ...source }) =>
      Effect.gen(function* () {
        const format = app.imports.find((each) => each.name === name)
        const reason = format?.refusalOf?.(given)
        if (reason !== undefined) return yield* new UsageError({ reason })
        if (format === undefined && Option.isSome(source.rejects)) {
          return yield* new UsageError({ reason: "--rejects is of rows; a log is taken as a whole or not at all" })
        }
        yield* Lines.check(source.file)
        const run = format === undefined ? importLog(app, source) : importRows(app, format, source, given)
        // What the file says is not part of how the verb was called.
        yield* Effect.mapError(run, (error) =>
          error instanceof InvalidArgument ? new Finding({ reason: `${source.file}: ${error.message}` }) : error
        )
      })
  ).pipe(Command.withDescription("Apply rows of a file; doing it again changes nothing."))
