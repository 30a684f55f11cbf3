/** `daybook what-if STREAM --edit FILE`: the state that a stream would have with some events otherwise. Writes nothing. */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Effect, Schema } from "effect"
import * as SchemaPath from "../core/SchemaPath.ts"
import type * as StateTree from "../core/StateTree.ts"
import * as WhatIf from "../core/WhatIf.ts"
import type { Application } from "../projection/Application.ts"
import * as Database from "./Database.ts"
import * as Output from "./Output.ts"
import * as Stream from "./Stream.ts"
import * as TextFile from "./TextFile.ts"
import { Finding } from "./UsageError.ts"

const readEdits = (file: string): Effect.Effect<WhatIf.Edits, Finding> =>
  Effect.gen(function* () {
    const text = yield* TextFile.read("the file of edits", file)
    const decode = Schema.decode(Schema.parseJson(WhatIf.Edits), { onExcessProperty: "error" })
    return yield* Effect.mapError(decode(text), (error) => {
      const where = SchemaPath.of(error)
      const form = '{"leaveOut": [VERSION], "change": [{"version", "data"}], "putIn": [{"after", "type", "data"}]}'
      return new Finding({ reason: `${file} is not ${form}${where === "" ? "" : `; see ${where}`}` })
    })
  })

const asText = (value: unknown): string => Output.plain(JSON.stringify(value) ?? "nothing")

const describeChange = ({ after, before, path }: StateTree.Change): string =>
  `    ${Output.plain(path === "" ? "state" : path)}: ${asText(before)} → ${asText(after)}`

const describeOtherwise = ({ command, commandId, error, version, was, wouldBe }: WhatIf.Otherwise): string => {
  const how = { success: "done", refusal: `refused with ${error}`, "other-events": "done with other events" }
  const would = wouldBe === "other-error" ? `refused with another error, ${error}` : how[wouldBe]
  const then = was === "success" ? "was done" : "was refused"
  return Output.plain(
    `    ${command} ${commandId}, decided on version ${version}, ${then} and would have been ${would}`
  )
}

const describe = (answer: WhatIf.Answer): ReadonlyArray<string> => {
  const { changes, compared, moreChanges, moreOtherwise, notComputed, otherwise, streamId, version, whatIf } = answer
  return [
    `${Output.plain(streamId)} would be, at its version ${version}: ${asText(whatIf)}`,
    ...(changes.length === 0 ? ["    as it is"] : changes.map(describeChange)),
    ...(moreChanges === 0 ? [] : [`    and ${moreChanges} changes more`]),
    `${compared} later commands were decided again, ${otherwise.length + moreOtherwise} otherwise`,
    ...otherwise.map(describeOtherwise),
    ...(moreOtherwise === 0 ? [] : [`    and ${moreOtherwise} more`]),
    ...Object.entries(notComputed).map(([reason, count]) => `${count} later commands were not: ${reason}`),
    "nothing was written"
  ]
}

export const command = (app: Application) =>
  Command.make(
    "what-if",
    {
      db: Database.databaseOption,
      json: Output.jsonOption,
      stream: Args.text({ name: "STREAM" }),
      edit: Options.text("edit").pipe(
        Options.withDescription("a JSON file: which events to leave out, change or put in")
      )
    },
    ({ db, edit, json, stream }) =>
      Effect.gen(function* () {
        const edits = yield* readEdits(edit)
        const { definition, id } = yield* Stream.find(app, stream)
        // What the file says is not part of how the verb was called.
        const answer = yield* Effect.catchTag(
          WhatIf.run(definition, id, edits),
          "InvalidArgument",
          ({ message }) => new Finding({ reason: `${edit}: ${message}` })
        )
        yield* Output.result(json, { ...answer, written: false }, describe(answer))
      }).pipe(Effect.provide(Database.layer(db, "readOnly")))
  ).pipe(Command.withDescription("Say what a stream would be with events left out, changed or put in. Writes nothing."))
