/** `daybook` on Deno: each verb says what it says on Node, and a database made on one of them serves on the other. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { assertWhole, exportLog, importBerka, importThroughKills, rows, verify } from "../cli/Berka.ts"
import * as Cli from "../cli/Cli.ts"
import { daybook, root } from "./Deno.ts"

const data = join(root, "../shared/data")

/** A folder, and `daybook` on Deno, which may use it. */
const setting = Effect.map(Cli.folder, (folder) => ({
  folder,
  onDeno: { program: daybook(folder), cwd: folder }
}))

const commands = [
  { commandId: "1", accountId: "a", command: "Open", owner: "Jana Nováková", currency: "EUR" },
  { commandId: "2", accountId: "a", command: "Deposit", amount: "12.50", reference: "a \u0000 and a 😀" },
  { commandId: "3", accountId: "a", command: "Withdraw", amount: "99" },
  { commandId: "4", accountId: "a", command: "Withdraw", amount: "2.49" }
]

/** Every verb but `serve`, well used and badly; `FILE` is a database, `COPY` a new file. */
const uses = [
  "inspect account-a --db sqlite:FILE",
  "inspect account-a --db sqlite:FILE --json",
  "inspect account-nobody --db sqlite:FILE",
  "projections --db sqlite:FILE --json",
  "rebuild account_summary --db sqlite:FILE --dry-run",
  "rebuild nothing --db sqlite:FILE",
  "verify --db sqlite:FILE",
  "verify --db sqlite:FILE --json",
  "verify --db sqlite:missing.db",
  "verify --db sqlite:rows.jsonl",
  "verify --db mysql://",
  "export --db sqlite:FILE",
  "import rows.jsonl --format commands --db sqlite:FILE",
  "import missing.jsonl --format commands --db sqlite:FILE",
  "schema --check --lock lock.json --fixtures fixtures",
  "backup COPY --db sqlite:FILE",
  "verify --db sqlite:COPY",
  "backup COPY --db sqlite:FILE",
  "openapi"
]

describe("daybook on Deno", () => {
  it.scoped("says what it says on Node, of a database that was made there", () =>
    Effect.gen(function* () {
      const { folder, onDeno } = yield* setting
      const onNode = { cwd: folder }
      writeFileSync(join(folder, "rows.jsonl"), commands.map((row) => `${JSON.stringify(row)}\n`).join(""))
      writeFileSync(join(folder, "lock.json"), readFileSync(join(root, "events.lock.json")))
      const make = "import rows.jsonl --format commands --db sqlite:accounts.db"
      const made = yield* Cli.run(make.split(" "), onNode)
      assert.deepStrictEqual(made.stdout, "3 applied, 0 replayed, 1 refused\n", made.stderr)
      // The copies are named after who made them, and logs have the time.
      const neutral = (text: string) => text.replaceAll(/(?:deno|node)\.db/g, "COPY").replaceAll(/^\{.*\n/gm, "")
      const run = (use: string, copy: string, options: Cli.RunOptions) =>
        Effect.map(
          Cli.run(use.replace("FILE", "accounts.db").replace("COPY", copy).split(" "), options),
          ({ code, stdout, stderr }) => ({ code, stdout: neutral(stdout), stderr: neutral(stderr) })
        )
      for (const use of uses) {
        const both = [run(use, "deno.db", onDeno), run(use, "node.db", onNode)] as const
        const [there, here] = yield* Effect.all(both, { concurrency: 2 })
        assert.deepStrictEqual(there, here, use)
      }
    })
  )

  it.scoped(
    "imports Berka's transactions through SIGKILLs; this Node finds all of it, and exports the same bytes",
    () =>
      Effect.gen(function* () {
        const { folder } = yield* setting
        const onDeno = { program: daybook(folder, `--allow-read=${data}`) }
        const filename = join(folder, "berka.db")
        yield* importThroughKills(filename, onDeno)
        yield* assertWhole(filename)
        assert.strictEqual((yield* verify(filename, onDeno)).code, 0)
        const [there, here] = [join(folder, "deno.jsonl"), join(folder, "node.jsonl")]
        yield* exportLog(filename, there, onDeno)
        yield* exportLog(filename, here)
        assert.isTrue(readFileSync(there).equals(readFileSync(here)))
        assert.strictEqual(JSON.parse((yield* importBerka(filename)).stdout).replayed, rows)
      })
  )
})
