/** `daybook copy`: the whole log of one database into another, empty one, of the same kind or not. */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Effect, Layer, Stream } from "effect"
import type { Application } from "../projection/Application.ts"
import * as LogCopy from "../sql/LogCopy.ts"
import * as ReadTransaction from "../sql/ReadTransaction.ts"
import * as Database from "./Database.ts"
import type { Progress } from "./Lines.ts"
import * as LogFile from "./LogFile.ts"
import * as Output from "./Output.ts"
import * as ReadModels from "./ReadModels.ts"
import { Finding } from "./UsageError.ts"

/** See `--prefix` of the other verbs. */
const prefixOf = (side: "from" | "to") =>
  Options.text(`${side}-prefix`).pipe(
    Options.optional,
    Options.withDescription(
      `what the names of Daybook's tables begin with there, where --${side} is an application's own`
    )
  )

const options = {
  from: Options.text("from").pipe(Options.withDescription("the database to read, which may be in use")),
  to: Options.text("to").pipe(Options.withDescription("the database to write, which is made or empty")),
  fromPrefix: prefixOf("from"),
  toPrefix: prefixOf("to"),
  json: Output.jsonOption
}

export const command = (app: Application) =>
  Command.make("copy", options, ({ from, fromPrefix, json, to, toPrefix }) =>
    Effect.gen(function* () {
      const source = yield* Layer.build(Database.layer({ address: from, prefix: fromPrefix }, "readOnly"))
      const target = yield* Layer.build(Database.layer({ address: to, prefix: toPrefix }, "create"))
      const progress: Progress = { bytes: 0, total: undefined }
      let read = 0
      const { expected, written } = yield* ReadTransaction.within(
        Effect.gen(function* () {
          // Read by this fiber's children, which are in the transaction; the fibers of the target's writer are not.
          const pages = yield* Stream.toQueue(
            Stream.tap(LogCopy.rows, () => Effect.sync(() => read++)),
            { capacity: 1 }
          )
          const restore = LogCopy.restore(Stream.flattenTake(Stream.fromQueue(pages)))
          const written = yield* Output.withProgress(progress, () => read, Effect.provide(restore, target))
          return { written, expected: yield* LogFile.digest }
        })
      ).pipe(Effect.provide(source))
      const found = yield* Effect.provide(ReadTransaction.within(LogFile.digest), target)
      if (found !== expected) {
        return yield* new Finding({ reason: "the copy is not what was copied: do not use it, and report this" })
      }
      yield* Effect.provide(ReadModels.catchUp(app), target)
      yield* Output.result(json, { ...written, sha256: found }, [
        `${written.events} events and ${written.commands} kept answers copied; both databases export the same bytes (${found})`
      ])
    }).pipe(Effect.scoped)
  ).pipe(Command.withDescription("Move the log to another database, such as from SQLite to PostgreSQL."))
