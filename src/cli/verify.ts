/** `daybook verify`: reads everything that is stored and says what is wrong, and where. */
import * as Command from "@effect/cli/Command"
import { Effect } from "effect"
import * as ReadTransaction from "../sql/ReadTransaction.ts"
import * as Database from "./Database.ts"
import * as Output from "./Output.ts"
import { UsageError } from "./UsageError.ts"
import * as Verification from "./Verification.ts"

export const command = Command.make(
  "verify",
  { db: Database.databaseOption, json: Output.jsonOption },
  ({ db, json }) =>
    Effect.gen(function* () {
      const { commands, events, problemCount, problems, snapshots, streams } = yield* ReadTransaction.within(
        Verification.run
      )
      const counts = `${events} events in ${streams} streams, ${commands} kept answers, ${snapshots} snapshots`
      yield* Output.result(
        json,
        { ok: problemCount === 0, events, streams, commands, snapshots, problemCount, problems },
        [
          ...problems.map(Verification.describe),
          `${counts}: ${problemCount === 0 ? "all is well" : `${problemCount} problems`}`
        ]
      )
      const [first] = problems
      if (first !== undefined) {
        return yield* new UsageError({ reason: `the database is not sound: ${Verification.describe(first)}` })
      }
    }).pipe(Effect.provide(Database.layer(db, "readOnly")))
).pipe(Command.withDescription("Check every event, snapshot and read model; exit code 1 when anything is wrong."))
