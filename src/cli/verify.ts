/** `daybook verify`: reads everything that is stored and says what is wrong, and where. */
import * as Command from "@effect/cli/Command"
import { Effect } from "effect"
import * as ReadTransaction from "../sql/ReadTransaction.ts"
import * as Database from "./Database.ts"
import * as Output from "./Output.ts"
import { UsageError } from "./UsageError.ts"
import * as Verification from "./Verification.ts"

/** Problems that are printed; one cause may have many. */
const maxShown = 100

export const command = Command.make(
  "verify",
  { db: Database.databaseOption, json: Output.jsonOption },
  ({ db, json }) =>
    Effect.gen(function* () {
      const { commands, events, problems, snapshots, streams } = yield* ReadTransaction.within(Verification.run)
      const shown = problems.slice(0, maxShown)
      const counts = `${events} events in ${streams} streams, ${commands} kept answers, ${snapshots} snapshots`
      yield* Output.result(json, { ok: problems.length === 0, events, streams, commands, snapshots, problems: shown }, [
        ...shown.map(Verification.describe),
        `${counts}: ${problems.length === 0 ? "all is well" : `${problems.length} problems`}`
      ])
      if (problems.length > 0) {
        const first = problems[0] === undefined ? "" : Verification.describe(problems[0])
        return yield* new UsageError({ reason: `the database is not sound: ${first}` })
      }
    }).pipe(Effect.provide(Database.layer(db, "readOnly")))
).pipe(Command.withDescription("Check every event, snapshot and read model; exit code 1 when anything is wrong."))
