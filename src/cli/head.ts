/** `daybook head`: where the log ends, as a line to note down and to compare the log with later. */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Effect, Option } from "effect"
import { EventStore } from "../core/EventStore.ts"
import * as Database from "./Database.ts"
import * as NotedHead from "./NotedHead.ts"
import * as Output from "./Output.ts"

const keyOption = Options.text("key").pipe(
  Options.optional,
  Options.withDescription("a private key to sign it with: a PEM file, Ed25519")
)

export const command = Command.make("head", { db: Database.databaseOption, key: keyOption }, ({ db, key }) =>
  Effect.gen(function* () {
    const store = yield* EventStore
    yield* Output.jsonLine(yield* NotedHead.line(yield* store.journalHead, Option.getOrUndefined(key)))
  }).pipe(Effect.provide(Database.layer(db, "readOnly")))
).pipe(Command.withDescription("Print where the log ends, to be noted down; `verify --against` compares."))
