/** `--prefix`: every verb on tables that stand in a file of an application. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import Sqlite from "better-sqlite3"
import { Effect } from "effect"
import * as Cli from "./Cli.ts"

describe("daybook --prefix", () => {
  it.scoped("opens, verifies, rebuilds, copies and backs up tables beside those of an application", () =>
    Effect.gen(function* () {
      const folder = yield* Cli.folder
      const file = join(folder, "shop.db")
      const shop = new Sqlite(file)
      shop.exec("CREATE TABLE customers (name TEXT); INSERT INTO customers VALUES ('Ada'); PRAGMA user_version = 7")
      shop.exec("CREATE TABLE events (mine TEXT)")
      const rows = join(folder, "rows.jsonl")
      writeFileSync(
        rows,
        [
          { commandId: "1", accountId: "ada", command: "Open", owner: "Ada", currency: "EUR" },
          { commandId: "2", accountId: "ada", command: "Deposit", amount: "12.50" }
        ]
          .map((row) => JSON.stringify(row))
          .join("\n")
      )
      const on = (...args: ReadonlyArray<string>) => Cli.run([...args, "--db", `sqlite:${file}`])
      const run = (...args: ReadonlyArray<string>) => on(...args, "--prefix", "daybook_")
      const ok = Effect.map((ended: Cli.Ended) => {
        assert.strictEqual(ended.code, 0, ended.stderr)
        return ended.stdout
      })

      const refused = yield* on("import", rows, "--format", "commands")
      assert.deepStrictEqual([refused.code, /another program/.test(refused.stderr)], [1, true], refused.stderr)
      yield* ok(run("import", rows, "--format", "commands"))
      // Before the verb as well.
      yield* ok(Cli.run(["--prefix", "daybook_", "verify", "--db", `sqlite:${file}`]))
      yield* ok(run("rebuild", "account_summary"))
      assert.include(yield* ok(run("inspect", "account-ada")), "Deposited")
      yield* ok(run("stats"))

      const other = yield* on("verify", "--prefix", "daybok_")
      assert.strictEqual(other.code, 1)
      assert.match(other.stderr, /the prefix is daybook_/)

      const copied = `sqlite:${join(folder, "copied.db")}`
      yield* ok(Cli.run(["copy", "--from", `sqlite:${file}`, "--from-prefix", "daybook_", "--to", copied]))
      yield* ok(Cli.run(["verify", "--db", copied]))
      const backup = join(folder, "backup.db")
      const { stdout } = yield* run("backup", backup)
      assert.include(stdout, "--prefix 'daybook_'")
      yield* ok(Cli.run(["verify", "--db", `sqlite:${backup}`, "--prefix", "daybook_"]))
      const copy = new Sqlite(backup, { readonly: true })
      assert.deepStrictEqual(copy.prepare("SELECT name FROM customers").pluck().all(), ["Ada"])
      assert.strictEqual(copy.pragma("user_version", { simple: true }), 7)
      copy.close()

      assert.strictEqual((yield* run("restore", backup)).code, 2)
      assert.include(yield* ok(run("restore", "--in-place", "--json")), '"epoch":2')
      assert.deepStrictEqual(shop.prepare("SELECT name FROM customers").pluck().all(), ["Ada"])
      assert.deepStrictEqual(shop.prepare("SELECT count(*) FROM events").pluck().all(), [0])
      assert.strictEqual(shop.pragma("user_version", { simple: true }), 7)
      shop.close()
    })
  )
})
