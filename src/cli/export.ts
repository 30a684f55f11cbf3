/** `daybook export`: the whole log as lines of JSON, to standard output or into a new file. */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Effect, Option } from "effect"
import * as ReadTransaction from "../sql/ReadTransaction.ts"
import * as Database from "./Database.ts"
import * as Lines from "./Lines.ts"
import * as LogFile from "./LogFile.ts"
import * as Output from "./Output.ts"
import { Finding } from "./UsageError.ts"

const outOption = Options.text("out").pipe(
  Options.optional,
  Options.withDescription("a new file to write to; - for standard output, the default")
)

export const command = Command.make("export", { db: Database.databaseOption, out: outOption }, ({ db, out }) =>
  Effect.gen(function* () {
    const toFile = Option.filter(out, (path) => path !== Lines.stdin)
    const { damaged } = yield* ReadTransaction.within(
      Option.isSome(toFile) ? Output.newFile(toFile.value, LogFile.write) : LogFile.write(Output.write)
    )
    if (damaged !== undefined) {
      return yield* new Finding({
        reason: `the log was written as it is stored, but ${damaged}; verify tells all`
      })
    }
  }).pipe(Effect.provide(Database.layer(db, "readOnly")))
).pipe(Command.withDescription("Write the log as JSON lines; `import --format events` reads it back."))
