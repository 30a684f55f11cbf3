/** `daybook export`: the whole log as lines of JSON, to standard output or into a new file. */
import process from "node:process"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Effect, Option } from "effect"
import * as ReadTransaction from "../sql/ReadTransaction.ts"
import * as Database from "./Database.ts"
import * as LogFile from "./LogFile.ts"
import * as Output from "./Output.ts"

const outOption = Options.text("out").pipe(Options.optional, Options.withDescription("a new file to write to"))

export const command = Command.make("export", { db: Database.databaseOption, out: outOption }, ({ db, out }) =>
  Effect.gen(function* () {
    const target = Option.isSome(out) ? yield* Output.newFile(out.value) : process.stdout
    yield* ReadTransaction.within(LogFile.write((text) => Output.write(target, text)))
  }).pipe(Effect.scoped, Effect.provide(Database.layer(db, "readOnly")))
).pipe(Command.withDescription("Write the log as JSON lines; `import --format events` reads it back."))
