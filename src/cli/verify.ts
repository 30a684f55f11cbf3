/** `daybook verify`: reads everything that is stored and says what is wrong, and where. */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Effect, Option } from "effect"
import type { Application } from "../projection/Application.ts"
import * as Database from "./Database.ts"
import * as NotedHead from "./NotedHead.ts"
import * as Output from "./Output.ts"
import { Finding, UsageError } from "./UsageError.ts"
import * as Verification from "./Verification.ts"

const fileOption = (name: string, description: string) =>
  Options.text(name).pipe(Options.optional, Options.withDescription(description))

export const command = (app: Application) =>
  Command.make(
    "verify",
    {
      db: Database.databaseOption,
      json: Output.jsonOption,
      against: fileOption("against", "a head of this log, noted with daybook head, which the log must extend"),
      publicKey: fileOption("public-key", "the key that the head must be signed with: a PEM file, Ed25519")
    },
    ({ against, db, json, publicKey }) =>
      Effect.gen(function* () {
        if (Option.isSome(publicKey) && Option.isNone(against)) {
          return yield* new UsageError({ reason: "--public-key checks a noted head; give it with --against FILE" })
        }
        const head = Option.isSome(against)
          ? yield* NotedHead.read(against.value, Option.getOrUndefined(publicKey))
          : undefined
        const { commands, events, invariants, notes, problemCount, problems, snapshots, streams } =
          yield* Verification.run(app, head)
        const counts = `${events} events in ${streams} streams, ${commands} kept answers, ${snapshots} snapshots`
        yield* Output.result(
          json,
          { ok: problemCount === 0, events, streams, commands, snapshots, invariants, problemCount, problems, notes },
          [
            ...problems.map(Verification.describe),
            ...notes.map((note) => `note: ${Verification.describe(note)}`),
            `${counts}: ${problemCount === 0 ? "all is well" : `${problemCount} problems`}`
          ]
        )
        const [first] = problems
        if (first !== undefined) {
          return yield* new Finding({ reason: `the database is not sound: ${Verification.describe(first)}` })
        }
      }).pipe(Effect.provide(Database.layer(db, "readOnly")))
  ).pipe(
    Command.withDescription(
      "Check every event, entry, snapshot, read model and invariant; exit code 1 when anything is wrong."
    )
  )
