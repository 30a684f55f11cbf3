/** `daybook backup FILE`: a whole copy of the database, also while a server writes to it. */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import { Effect } from "effect"
import * as Backup from "../sql/Backup.ts"
import * as Database from "./Database.ts"
import * as Output from "./Output.ts"

export const command = Command.make(
  "backup",
  { db: Database.databaseOption, json: Output.jsonOption, file: Args.text({ name: "FILE" }) },
  ({ db, file, json }) =>
    Effect.zipRight(
      Backup.backup(file),
      Output.result(json, { file }, [`${file} is written; daybook verify --db sqlite:${file} checks it`])
    ).pipe(Effect.provide(Database.layer(db, "readOnly")))
).pipe(Command.withDescription("Write a copy of the database into a new file."))
