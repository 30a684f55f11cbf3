/** The promises of the verbs: what they print, and one clear line with exit code 1 for everything that is wrong. */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import type BetterSqlite3 from "better-sqlite3"
import { Effect } from "effect"
import * as Cli from "./Cli.ts"

const Database = createRequire(import.meta.url)("better-sqlite3") as typeof BetterSqlite3

const open = (accountId: string, more: object = {}) => ({
  commandId: `open-${accountId}`,
  accountId,
  command: "Open",
  owner: "Jana",
  currency: "EUR",
  ...more
})
const deposit = (accountId: string, commandId: string, amount: string, more: object = {}) => ({
  commandId,
  accountId,
  command: "Deposit",
  amount,
  ...more
})
const withdraw = (accountId: string, commandId: string, amount: string) => ({
  commandId,
  accountId,
  command: "Withdraw",
  amount
})
const lines = (...rows: ReadonlyArray<object>) => rows.map((row) => `${JSON.stringify(row)}\n`).join("")

/** A folder, and a database in it that is made by importing rows. */
const database = (...rows: ReadonlyArray<object>) =>
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

/** Exit code 1, and one line that says so. */
const assertRefused = ({ code, stderr }: Cli.Ended, says: RegExp) => {
  assert.strictEqual(code, 1, stderr)
  assert.match(stderr, says)
  assert.strictEqual(stderr.trim().split("\n").length, 1, stderr)
}

/** Changes stored rows behind Daybook's back. */
const tamper = (file: string, change: (database: BetterSqlite3.Database) => void) => {
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

const some = [
  open("a"),
  deposit("a", "d-1", "12.50"),
  deposit("a", "d-2", "7.50"),
  open("b"),
  withdraw("b", "w-1", "1")
]

describe("daybook import --format commands", () => {
  it.scoped("applies rows, refuses what the account refuses, and replays what was done before", () =>
    Effect.gen(function* () {
      const { folder, importing, run } = yield* database()
      const first = yield* importing(lines(...some))
      assert.deepStrictEqual(JSON.parse(first.stdout), { applied: 4, replayed: 0, refused: 1 })
      const file = join(folder, "rows.jsonl.gz")
      writeFileSync(file, gzipSync(lines(...some, deposit("nobody", "d-3", "1"))))
      const second = yield* run("import", file, "--format", "commands")
      assert.strictEqual(second.stdout, "0 applied, 5 replayed, 1 refused\n")
      const { stdout } = yield* run("inspect", "account-a", "--json")
      const [, deposited] = stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line))
      assert.deepInclude(deposited, {
        streamId: "account-a",
        version: 2,
        type: "Deposited",
        data: '{"amount":"12.50"}'
      })
    })
  )

  it.scoped(
    "stops at a row that is wrong with its line, having applied those before it",
    () =>
      Effect.gen(function* () {
        const good = lines(open("a"), deposit("a", "d-1", "1"))
        const table: ReadonlyArray<readonly [string, RegExp]> = [
          ["{", /line 3: is not JSON/],
          ["[]", /line 3: /],
          [lines({ ...deposit("a", "d-2", "1"), extra: 1 }), /line 3/],
          [lines(deposit("a", "d-2", "1.2.3")), /line 3: .*amount/],
          [lines(deposit("a", "d-2", "1e3")), /line 3: .*amount/],
          [lines(deposit("a", "d-2", "-1")), /line 3: .*amount/],
          [lines(deposit("a", "d-2", "0.00")), /line 3: .*amount/],
          [lines(deposit("a", "d-2", "1234567890123456")), /line 3: .*amount/],
          [lines(deposit("a", "d-2", "1.234")), /line 3: amount: has more than the 2 decimals/],
          [lines(deposit("a", "d-2", "1", { bookedOn: "2026-02-30" })), /line 3: .*bookedOn/],
          [lines(deposit("a/b", "d-2", "1")), /line 3: .*accountId/],
          [lines(deposit("a", "\u0001x", "1")), /line 3: .*commandId/],
          [lines(deposit("a", "d-1", "2")), /line 3: the command id "d-1" was used before/],
          [lines(open("b", { currency: "XXQ" })), /line 3: XXQ is no currency/],
          [`"${"x".repeat(1_048_576)}"`, /line 3: is longer than 1048576 bytes/]
        ]
        for (const [bad, says] of table) {
          const { importing } = yield* database()
          assertRefused(yield* importing(good + bad), says)
          const { stdout } = yield* importing(good)
          assert.deepStrictEqual(JSON.parse(stdout), { applied: 0, replayed: 2, refused: 0 }, bad.slice(0, 80))
        }
      }),
    120_000
  )

  it.scoped(
    "applies the rows of all accounts before one that only its account finds wrong, and goes on when it is mended",
    () =>
      Effect.gen(function* () {
        const { importing, run } = yield* database()
        const before = Array.from({ length: 40 }, (_, index) => deposit("b", `before-${index}`, "1"))
        const after = Array.from({ length: 40 }, (_, index) => deposit("b", `after-${index}`, "1"))
        const file = (amount: string) => lines(open("a"), open("b"), ...before, deposit("a", "d-1", amount), ...after)
        assertRefused(yield* importing(file("1.234")), /line 43: amount: has more than the 2 decimals/)
        const { stdout } = yield* run("export")
        for (let index = 0; index < 40; index++) assert.include(stdout, `"before-${index}"`)
        const mended = JSON.parse((yield* importing(file("1.23"))).stdout) as Record<string, number>
        assert.strictEqual((mended.applied ?? 0) + (mended.replayed ?? 0), 83)
        assert.isAtLeast(mended.replayed ?? 0, 42)
      })
  )

  it.scoped("says what is wrong with the file itself", () =>
    Effect.gen(function* () {
      const { folder, run } = yield* database()
      assertRefused(yield* run("import", join(folder, "none"), "--format", "commands"), /there is no such file/)
      assertRefused(yield* run("import", folder, "--format", "commands"), /is not a file/)
      const cut = join(folder, "cut.gz")
      writeFileSync(cut, gzipSync(lines(...some)).subarray(0, 60))
      assertRefused(yield* run("import", cut, "--format", "commands"), /damaged gzip|cut off/)
      const latin = join(folder, "latin.jsonl")
      writeFileSync(latin, Buffer.from([0x22, 0xe9, 0x22, 0x0a]))
      assertRefused(yield* run("import", latin, "--format", "commands"), /line 1: is not UTF-8/)
    })
  )
})

describe("daybook export and import --format events", () => {
  it.scoped(
    "refuse a file that is cut off, changed, or not an export, and a database that is not empty; nothing is written",
    () =>
      Effect.gen(function* () {
        const { folder, run } = yield* database(...some)
        const { stdout: log } = yield* run("export")
        const rows = log.trim().split("\n")
        assert.strictEqual(rows.length, 4 + 5 + 1)
        const table: ReadonlyArray<readonly [string, RegExp]> = [
          [rows.slice(0, -1).join("\n"), /was cut off/],
          [[...rows.slice(0, 3), ...rows.slice(4)].join("\n"), /counts other rows/],
          [log.replace("12.50", "12.51"), /account-a version 2: differs from its hash/],
          [`${rows[1]}\n${rows[0]}\n${rows.slice(2).join("\n")}`, /account-. version .: /],
          [`{}\n${log}`, /line 1: is no line of an export/],
          [`${log}${rows[0]}`, /line 11: stands after the end/]
        ]
        for (const [text, says] of table) {
          const empty = yield* database()
          const into = (input: string) =>
            Cli.run(["import", "-", "--format", "events", "--db", `sqlite:${empty.file}`], { stdin: input })
          assertRefused(yield* into(text), says)
          assert.strictEqual((yield* into(log)).code, 0)
        }
        const file = join(folder, "log.jsonl")
        assert.strictEqual((yield* run("export", "--out", file)).code, 0)
        assert.strictEqual(readFileSync(file, "utf8"), log)
        assertRefused(yield* run("export", "--out", file), /cannot be written/)
        assertRefused(yield* run("import", file, "--format", "events"), /not empty/)
      }),
    60_000
  )
})

describe("daybook verify", () => {
  it.scoped(
    "DU16 names the stream and version of whatever was changed, and exits with 1",
    () =>
      Effect.gen(function* () {
        const many = Array.from({ length: 120 }, (_, index) => deposit("a", `d-${index}`, "1"))
        const table: ReadonlyArray<readonly [string, RegExp]> = [
          ["UPDATE events SET data = replace(data, '1.00', '2.00') WHERE version = 7", /account-a version 7: its hash/],
          ["UPDATE events SET command_id = 'x' WHERE version = 7", /account-a version 7: its hash/],
          ["DELETE FROM events WHERE version = 7", /account-a version 8: version 7 is missing/],
          ["DELETE FROM events WHERE version = 121", /account-a version 121: no event is where/],
          ["DELETE FROM commands WHERE version = 7", /account-a version 7: its command is missing/],
          ["UPDATE snapshots SET data = replace(data, '00', '11')", /account-a version 100: the snapshot is damaged/],
          ["DELETE FROM events WHERE version > 90", /account-a version 100: the snapshot is ahead/]
        ]
        for (const [sql, says] of table) {
          const { file, run } = yield* database(open("a"), ...many)
          assert.strictEqual((yield* run("verify")).code, 0)
          tamper(file, (connection) => connection.exec(sql))
          const ended = yield* run("verify", "--json")
          assert.strictEqual(ended.code, 1, sql)
          assert.strictEqual(JSON.parse(ended.stdout).ok, false)
          assert.match((yield* run("verify")).stdout, says)
        }
      }),
    120_000
  )

  it.scoped("DU16 finds one changed byte in the file", () =>
    Effect.gen(function* () {
      const { file, run } = yield* database(...some)
      const bytes = readFileSync(file)
      const at = bytes.indexOf('{"amount":"12.50"}') + '{"amount":"'.length
      bytes[at] = "9".charCodeAt(0)
      writeFileSync(file, bytes)
      assertRefused(yield* run("verify"), /account-a version 2/)
      assertRefused(yield* run("inspect", "account-a"), /account-a version 2/)
    })
  )
})

describe("daybook inspect and backup", () => {
  it.scoped("show the latest snapshot, and whether it is used", () =>
    Effect.gen(function* () {
      const many = Array.from({ length: 120 }, (_, index) => deposit("a", `d-${index}`, "1"))
      const { file, run } = yield* database(open("a"), ...many)
      const { stdout } = yield* run("inspect", "account-a", "--snapshot", "--json")
      assert.deepInclude(JSON.parse(stdout), { streamId: "account-a", version: 100, use: "in use" })
      tamper(file, (connection) => connection.exec("UPDATE snapshots SET fingerprint = 'older'"))
      assert.include((yield* run("inspect", "account-a", "--snapshot")).stdout, "damaged")
      tamper(file, (connection) => connection.exec("DELETE FROM snapshots"))
      assertRefused(yield* run("inspect", "account-a", "--snapshot"), /no snapshot of account-a/)
    })
  )

  it.scoped("say when there is no such stream, and never overwrite a file", () =>
    Effect.gen(function* () {
      const { folder, run } = yield* database(...some)
      assertRefused(yield* run("inspect", "account-none"), /there is no stream account-none/)
      const copy = join(folder, "copy.db")
      assert.strictEqual((yield* run("backup", copy)).code, 0)
      assert.strictEqual((yield* Cli.run(["verify", "--db", `sqlite:${copy}`])).code, 0)
      assertRefused(yield* run("backup", copy), /exists/)
    })
  )

  it.scoped(
    "DU15 a backup that is made while another process writes is a verified prefix",
    () =>
      Effect.gen(function* () {
        const { folder, importing, run } = yield* database(open("a"))
        const rows = Array.from({ length: 3_000 }, (_, index) => deposit(`${index % 50}`, `d-${index}`, "1"))
        const accounts = Array.from({ length: 50 }, (_, index) => open(`${index}`))
        const [written, ...backups] = yield* Effect.all(
          [
            importing(lines(...accounts, ...rows)),
            ...[1, 2, 3].map((index) => run("backup", join(folder, `${index}.db`)))
          ],
          { concurrency: "unbounded" }
        )
        assert.strictEqual(written?.code, 0, written?.stderr)
        const { stdout: log } = yield* run("export")
        for (const [index, backup] of backups.entries()) {
          assert.strictEqual(backup.code, 0, backup.stderr)
          const db = ["--db", `sqlite:${join(folder, `${index + 1}.db`)}`]
          assert.strictEqual((yield* Cli.run(["verify", ...db])).code, 0)
          const events = (yield* Cli.run(["export", ...db])).stdout
            .split("\n")
            .filter((line) => line.startsWith('{"position"'))
          assert.isTrue(log.startsWith(events.map((line) => `${line}\n`).join("")))
        }
      }),
    60_000
  )
})

describe("a database that cannot be used", () => {
  it.scoped(
    "DU8 is one clear line and exit code 1, and stays as it is",
    () =>
      Effect.gen(function* () {
        const folder = yield* Cli.folder
        const path = (name: string) => join(folder, name)
        writeFileSync(path("empty"), "")
        writeFileSync(path("text"), "no database".repeat(100))
        const foreign = new Database(path("foreign"))
        foreign.exec("CREATE TABLE notes (text)")
        foreign.close()
        const verbs = [
          ["import", "-", "--format", "commands"],
          ["export"],
          ["verify"],
          ["inspect", "account-a"],
          ["backup", path("copy")]
        ]
        for (const verb of verbs) {
          for (const name of ["empty", "text", "foreign"]) {
            const before = readFileSync(path(name))
            assertRefused(yield* Cli.run([...verb, "--db", `sqlite:${path(name)}`]), new RegExp(name))
            assert.isTrue(readFileSync(path(name)).equals(before))
          }
          assertRefused(yield* Cli.run([...verb, "--db", `sqlite:${path("none/x.db")}`]), /folder that does not exist/)
          assertRefused(yield* Cli.run([...verb, "--db", `sqlite:${folder}`]), /is not a file/)
          assertRefused(yield* Cli.run([...verb, "--db", "accounts.db"]), /sqlite:FILE/)
        }
        assertRefused(yield* Cli.run(["verify", "--db", `sqlite:${path("missing.db")}`]), /does not exist/)
        assert.isFalse(existsSync(path("missing.db")))
      }),
    120_000
  )
})
