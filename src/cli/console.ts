/** `daybook console FILE|URL`: looks at a database in a browser, beside a running service too, and changes nothing. */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Effect, Option } from "effect"
import type { Application } from "../projection/Application.ts"
import * as Database from "./Database.ts"
import * as UntilSignal from "./UntilSignal.ts"
import { UsageError } from "./UsageError.ts"
import * as WholeNumber from "./WholeNumber.ts"

/** The database as it was given: a file may be by its path alone. */
const placeOf = (given: string, { prefix }: Database.Place): Effect.Effect<Database.Place, UsageError> => {
  if (/^https?:/i.test(given)) {
    const reason = "that is a service, which has a console itself: open its address with /console in a browser"
    return new UsageError({ reason })
  }
  const place = { address: given, prefix }
  const isAddress = Database.isShared(place) || given.startsWith("sqlite:")
  return Effect.succeed(isAddress ? place : { ...place, address: `sqlite:${given}` })
}

const options = {
  db: Database.databaseOption,
  port: WholeNumber.option("port", WholeNumber.ports).pipe(
    Options.withDefault(0),
    Options.withDescription("port of this machine to listen on; 0 takes a free one")
  ),
  database: Args.text({ name: "FILE|URL" }).pipe(
    Args.optional,
    Args.withDescription("the file of the database, or its address; default: that of --db")
  )
}

// Loaded when asked for: the server is as much code as all other verbs together.
export const command = (app: Application) =>
  Command.make("console", options, ({ database, db, port }) =>
    Effect.gen(function* () {
      const place = yield* Option.match(database, {
        onNone: () => Effect.succeed(db),
        onSome: (given) => placeOf(given, db)
      })
      yield* UntilSignal.begin
      const service = yield* Effect.promise(() => import("./ConsoleService.ts"))
      return yield* service.run(app, { db: place, port, given: new Set(Option.isSome(database) ? ["db"] : []) })
    })
  ).pipe(Command.withDescription("Look at a database in a browser, read only; prints the address, and opens nothing."))
