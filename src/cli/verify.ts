/**
 * `daybook verify`: reads everything that is stored and says what is wrong, and where. It writes nothing, unless it is
 * asked to leave what it found in the journal.
 */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Effect, Either, Option } from "effect"
import * as Verified from "../core/Verified.ts"
import type { Application } from "../projection/Application.ts"
import * as Database from "./Database.ts"
import * as NotedHead from "./NotedHead.ts"
import * as OperatorOptions from "./OperatorOptions.ts"
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
      publicKey: fileOption("public-key", "the key that the head must be signed with: a PEM file, Ed25519"),
      record: Options.boolean("record").pipe(
        Options.withDescription("also leave in the journal up to which entry it was verified, and what was found")
      ),
      ...OperatorOptions.options
    },
    ({ against, db, json, publicKey, record, ...given }) =>
      Effect.gen(function* () {
        if (!record && Object.values(given).some(Option.isSome)) {
          return yield* new UsageError({ reason: "--by, --reason and --key are of what is recorded; give --record" })
        }
        if (Option.isSome(publicKey) && Option.isNone(against)) {
          return yield* new UsageError({ reason: "--public-key checks a noted head; give it with --against FILE" })
        }
        const head = Option.isSome(against)
          ? yield* NotedHead.read(against.value, Option.getOrUndefined(publicKey))
          : undefined
        const { commands, end, events, invariants, notes, problemCount, problems, snapshots, streams } =
          yield* Effect.provide(Verification.run(app, head), Database.layer(db, "readOnly"))
        // The finding about a database that is not sound is reported all the same, whether or not its journal takes one
        // more entry.
        const recorded = record
          ? yield* Effect.either(
              Effect.provide(
                Verified.record({ ...end, events, problems: problemCount }, OperatorOptions.toBy(given)),
                Database.layer(db, "existing")
              )
            )
          : undefined
        const counts = `${events} events in ${streams} streams, ${commands} kept answers, ${snapshots} snapshots`
        yield* Output.result(
          json,
          {
            ok: problemCount === 0,
            events,
            streams,
            commands,
            snapshots,
            invariants,
            problemCount,
            problems,
            notes,
            verifiedTo: end,
            recorded: recorded !== undefined && Either.isRight(recorded) ? recorded.right.sequence : null
          },
          [
            ...problems.map(Verification.describe),
            ...notes.map((note) => `note: ${Verification.describe(note)}`),
            `${counts}: ${problemCount === 0 ? "all is well" : `${problemCount} problems`}`,
            ...(recorded !== undefined && Either.isRight(recorded)
              ? [`recorded as entry ${recorded.right.sequence}: verified up to entry ${end.sequence}`]
              : [])
          ]
        )
        const [first] = problems
        if (first !== undefined) {
          return yield* new Finding({ reason: `the database is not sound: ${Verification.describe(first)}` })
        }
        if (recorded !== undefined) yield* recorded
      })
  ).pipe(
    Command.withDescription(
      "Check every event, entry, snapshot, read model and invariant; exit code 1 when anything is wrong."
    )
  )
