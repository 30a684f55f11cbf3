/** `--db`: which database a verb works on. */
import * as Options from "@effect/cli/Options"
import { Config, Effect, Layer } from "effect"
import * as PostgresStore from "../sql/PostgresStore.ts"
import * as SqliteStore from "../sql/SqliteStore.ts"
import * as Setting from "./Setting.ts"
import { UsageError } from "./UsageError.ts"

export const databaseOption = Options.text("db").pipe(
  Options.withFallbackConfig(Config.string("DAYBOOK_DB")),
  Options.withDefault("sqlite:daybook.db"),
  Options.withDescription(
    Setting.described("sqlite:FILE, sqlite::memory: or postgres://…", {
      variable: "DAYBOOK_DB",
      standard: "sqlite:daybook.db"
    })
  )
)

/** How a verb opens it: `create` also makes a missing one, `readOnly` works while another process writes. */
export type Mode = "create" | "existing" | "readOnly"

/** The file of an address of SQLite; undefined where it is no such address, or that of a database in memory. */
export const fileOf = (address: string): string | undefined => {
  const file = /^sqlite:(.+)$/.exec(address)?.[1]
  return file === ":memory:" ? undefined : file
}

export const isPostgres = (address: string): boolean => /^postgres(?:ql)?:\/\/./.test(address)

/** The stores behind a database's address, which may hold a password and so is never repeated. */
export const layer = (address: string, mode: Mode, durability: "full" | "normal" = "full") =>
  Layer.unwrapEffect(
    Effect.gen(function* () {
      if (isPostgres(address)) return PostgresStore.layer({ url: address, mode, durability })
      const filename = /^sqlite:(.+)$/.exec(address)?.[1]
      if (filename === undefined) {
        return yield* new UsageError({ reason: "--db is not a database's address; give sqlite:FILE or postgres://…" })
      }
      return SqliteStore.layer({ filename, mode, durability })
    })
  )
