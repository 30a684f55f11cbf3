/** `daybook operations`: what operators did, with who and why, as the journal has it. */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Effect } from "effect"
import { maxPage } from "../core/EventStore.ts"
import * as Operation from "../core/Operation.ts"
import * as Database from "./Database.ts"
import * as Output from "./Output.ts"
import * as WholeNumber from "./WholeNumber.ts"

const describe = ({ detail, name, principal, reason, recordedAt, sequence }: Operation.Done): string => {
  const who = principal === null ? "" : `  by ${principal}`
  const why = reason === null ? "" : `  (${reason})`
  return `${sequence}  ${new Date(recordedAt).toISOString()}  ${name}${who}${why}  ${JSON.stringify(detail)}`
}

export const command = Command.make(
  "operations",
  {
    db: Database.databaseOption,
    json: Output.jsonOption,
    after: WholeNumber.option("after", { least: 0 }).pipe(
      Options.withDefault(0),
      Options.withDescription("only those after this entry of the journal")
    ),
    limit: WholeNumber.option("limit", { least: 1, most: maxPage }).pipe(
      Options.withDefault(maxPage),
      Options.withDescription("at most this many")
    )
  },
  ({ after, db, json, limit }) =>
    Effect.gen(function* () {
      const { more, operations } = yield* Operation.page(after, limit)
      const next = more ? (operations.at(-1)?.sequence ?? null) : null
      const lines = operations.length === 0 ? ["no operator did anything"] : operations.map(describe)
      const shown = operations.map(({ replayed: _, ...done }) => done)
      const rest = next === null ? [] : [`more: --after ${next}`]
      yield* Output.result(json, { operations: shown, next }, [...lines, ...rest])
    }).pipe(Effect.provide(Database.layer(db, "readOnly")))
).pipe(Command.withDescription("List what operators did, with who and why."))
