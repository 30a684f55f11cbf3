/** Databases of a few accounts, made with the command line, and what its tests expect of every refusal. */
import { createRequire } from "node:module"
import { join } from "node:path"
import { assert } from "@effect/vitest"
import type BetterSqlite3 from "better-sqlite3"
import { Effect } from "effect"
import * as Cli from "./Cli.ts"

export const Database = createRequire(import.meta.url)("better-sqlite3") as typeof BetterSqlite3

export const open = (accountId: string, more: object = {}) => ({
  commandId: `open-${accountId}`,
  accountId,
  command: "Open",
  owner: "Jana",
  currency: "EUR",
  ...more
})
export const deposit = (accountId: string, commandId: string, amount: string, more: object = {}) => ({
  commandId,
  accountId,
  command: "Deposit",
  amount,
  ...more
})
export const withdraw = (accountId: string, commandId: string, amount: string) => ({
  commandId,
  accountId,
  command: "Withdraw",
  amount
})
export const lines = (...rows: ReadonlyArray<object>) => rows.map((row) => `${JSON.stringify(row)}\n`).join("")

/** A folder, and a database in it that is made by importing rows. */
export const database = (...rows: ReadonlyArray<object>) =>
  Effect.gen(function* () {
    const folder = yield* Cli.folder
    const file = join(folder, "accounts.db")
    const db = ["--db", `sqlite:${file}`]
    const importing = (stdin: string, ...more: ReadonlyArray<string>) =>
      Cli.run(["import", "-", "--format", "commands", ...db, "--json", ...more], { stdin })
    if (rows.length > 0) {
      const { code, stderr } = yield* importing(lines(...rows))
      assert.strictEqual(code, 0, stderr)
    }
    const run = (verb: string, ...args: ReadonlyArray<string>) => Cli.run([verb, ...args, ...db])
    return { folder, file, importing, run }
  })

/** Exit code 1, or 2 where it was called wrongly, and one line that says so. */
export const assertRefused = ({ code, stderr }: Cli.Ended, says: RegExp, expected: 1 | 2 = 1) => {
  assert.strictEqual(code, expected, stderr)
  assert.match(stderr, says)
  assert.strictEqual(stderr.trim().split("\n").length, 1, stderr)
}

/** Changes stored rows behind Daybook's back. */
export const tamper = (file: string, change: (database: BetterSqlite3.Database) => void) => {
  const connection = new Database(file)
  for (const { name } of connection
    .prepare("SELECT name FROM sqlite_master WHERE type = 'trigger'")
    .all() as ReadonlyArray<{
    readonly name: string
  }>) {
    connection.exec(`DROP TRIGGER ${name}`)
  }
  change(connection)
  connection.close()
}

export const some = [
  open("a"),
  deposit("a", "d-1", "12.50"),
  deposit("a", "d-2", "7.50"),
  open("b"),
  withdraw("b", "w-1", "1")
]
