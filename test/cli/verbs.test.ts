/** The promises of the verbs: what they print, and one clear line with exit code 1 for everything that is wrong. */
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { checksum, type Snapshot } from "../../src/core/SnapshotStore.ts"
import * as Cli from "./Cli.ts"
import { assertRefused, Database, database, deposit, lines, open, some, tamper } from "./Rows.ts"

describe("daybook export and import --format events", () => {
  it.scoped(
    "refuse a file that is cut off, changed, or not an export, and a database that is not empty; nothing is written",
    () =>
      Effect.gen(function* () {
        const { folder, run } = yield* database(...some)
        const { stdout: log } = yield* run("export")
        const rows = log.trim().split("\n")
        // A head, events, entries, the payload of each command, and an end.
        assert.strictEqual(rows.length, 1 + 4 + 5 + 5 + 1)
        const table: ReadonlyArray<readonly [string, RegExp]> = [
          [rows.slice(0, -1).join("\n"), /was cut off/],
          [[...rows.slice(0, 4), ...rows.slice(5)].join("\n"), /counts other rows/],
          [log.replace("12.50", "12.51"), /account-a version 2: differs from its hash/],
          [[rows[0], rows[2], rows[1], ...rows.slice(3)].join("\n"), /account-. version .: /],
          [`{}\n${log}`, /line 1: is not a line of an export/],
          [`${log}${rows[0]}`, /line 17: stands after the end/]
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
        assert.strictEqual((yield* run("export", "--out", "-")).stdout, log)
        assertRefused(yield* run("import", file, "--format", "events"), /not empty/)
      }),
    60_000
  )

  it.scoped("leave no half of a file where the disk has no more room", () =>
    Effect.gen(function* () {
      const many = Array.from({ length: 300 }, (_, index) => deposit("a", `d-${index}`, "1"))
      const { folder, file } = yield* database(open("a"), ...many)
      const out = join(folder, "log.jsonl")
      const [command, ...program] = Cli.program()
      const exporting = (more: string) =>
        Cli.run([], {
          program: [
            "bash",
            "-c",
            `ulimit -f 64; "$@" ${more}`,
            "bash",
            command,
            ...program,
            "export",
            "--db",
            `sqlite:${file}`
          ]
        })
      assertRefused(yield* exporting(`--out ${out}`), /log.jsonl cannot be written: EFBIG/)
      assert.deepStrictEqual(
        readdirSync(folder).filter((name) => name.startsWith("log")),
        []
      )
      assertRefused(yield* exporting("> /dev/full"), /standard output cannot be written: ENOSPC/)
    })
  )
})

describe("daybook verify", () => {
  it.scoped(
    "names the stream and version of whatever was changed, and exits with 1 (DU16)",
    () =>
      Effect.gen(function* () {
        const many = Array.from({ length: 120 }, (_, index) => deposit("a", `d-${index}`, "1"))
        const table: ReadonlyArray<readonly [string, RegExp]> = [
          [
            "UPDATE log_events SET data = replace(data, '1.00', '2.00') WHERE version = 7",
            /account-a version 7: its hash/
          ],
          ["UPDATE log_entries SET command_id = 'x' WHERE version = 7", /account-a version 7: its hash/],
          ["DELETE FROM log_events WHERE version = 7", /account-a version 8: version 7 is missing/],
          [
            "DELETE FROM log_events WHERE version = 121",
            /account-a version 121: entry 121 .* 1 of its 1 events are missing/
          ],
          ["DELETE FROM log_entries WHERE version = 7", /account-a version 7: its entry is not where/],
          ["UPDATE snapshots SET data = replace(data, '00', '11')", /account-a version 100: the snapshot is damaged/],
          ["DELETE FROM log_events WHERE version > 90", /account-a version 100: the snapshot is ahead/]
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

  it.scoped(
    "finds a snapshot that evolve would not make today, says what to do, and does not mind the order of its fields",
    () =>
      Effect.gen(function* () {
        const many = Array.from({ length: 120 }, (_, index) => deposit("a", `d-${index}`, "1"))
        const { file, run } = yield* database(open("a"), ...many)
        const change = (of: (data: Record<string, unknown>) => unknown) =>
          tamper(file, (connection) => {
            const snapshot = connection
              .prepare(
                `SELECT stream_id AS streamId, version, position, event_hash AS eventHash, fingerprint, data,
                 recorded_at AS recordedAt, checksum FROM snapshots`
              )
              .get() as Snapshot
            const data = JSON.stringify(of(JSON.parse(snapshot.data) as Record<string, unknown>))
            connection.prepare("UPDATE snapshots SET data = ?, checksum = ?").run(data, checksum({ ...snapshot, data }))
          })
        change((data) => Object.fromEntries(Object.entries(data).reverse()))
        assert.strictEqual((yield* run("verify")).code, 0)
        change((data) => ({ ...data, balance: "1" }))
        assertRefused(yield* run("verify"), /account-a version 100: .* at balance; .* raise snapshot\.version to 2/)
      })
  )

  it.scoped("finds one changed byte in the file (DU16)", () =>
    Effect.gen(function* () {
      const { file, run } = yield* database(...some)
      const bytes = readFileSync(file)
      const at = bytes.indexOf('{"amount":"12.50"}') + '{"amount":"'.length
      bytes[at] = "9".charCodeAt(0)
      writeFileSync(file, bytes)
      assertRefused(yield* run("verify"), /account-a version 2/)
      assertRefused(yield* run("inspect", "account-a"), /account-a version 2/)
      const exported = yield* run("export")
      assertRefused(exported, /account-a version 2 differs from its hash/)
      assert.include(exported.stdout, '"end"')
    })
  )

  it.scoped("finds an index that does not agree with its table (DU16)", () =>
    Effect.gen(function* () {
      const { file, run } = yield* database(...some)
      const connection = new Database(file)
      const root = connection
        .prepare("SELECT rootpage FROM sqlite_master WHERE tbl_name = 'log_streams' AND type = 'index'")
        .pluck()
        .get() as number
      const pageSize = connection.pragma("page_size", { simple: true }) as number
      connection.close()
      const bytes = readFileSync(file)
      bytes.write("account-x", bytes.indexOf("account-a", (root - 1) * pageSize))
      writeFileSync(file, bytes)
      const { code, stdout } = yield* run("verify")
      assert.strictEqual(code, 1)
      assert.match(stdout, /database version 0: .*index/)
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
    "a backup that is made while another process writes is a verified prefix (DU15)",
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
          const { stdout: copied } = yield* Cli.run(["export", ...db])
          for (const beginning of ['{"log"', '{"position"', '{"entry"']) {
            const linesOf = (text: string) => text.split("\n").filter((line) => line.startsWith(beginning))
            const found = linesOf(copied)
            assert.deepStrictEqual(found, linesOf(log).slice(0, found.length))
          }
        }
      }),
    60_000
  )
})

describe("databases of earlier releases", () => {
  const folder = join(import.meta.dirname, "../fixtures/databases")
  // The streams of these two are of no aggregate that the program has; their tests are beside what reads them.
  const released = readdirSync(folder).filter((name) => name.endsWith(".db") && !/spine|versions/.test(name))

  it.scoped.each(released)("%s opens, verifies and goes on", (name) =>
    Effect.gen(function* () {
      const { file, importing, run } = yield* database()
      copyFileSync(join(folder, name), file)
      const imported = yield* importing(lines(open("opened-now"), deposit("opened-now", "now-1", "1")))
      assert.strictEqual(imported.code, 0, imported.stderr)
      const { code, stdout } = yield* run("verify")
      assert.strictEqual(code, 0, stdout)
    })
  )
})

describe("wrong usage", () => {
  it.scoped("is one line that says what is wrong, and exit code 2", () =>
    Effect.gen(function* () {
      assertRefused(yield* Cli.run(["frobnicate"]), /'frobnicate'|Invalid subcommand/, 2)
      assertRefused(yield* Cli.run(["import", "rows.jsonl"]), /'--format'/, 2)
      const berka = ["import", "-", "--format", "berka", "--db", "sqlite::memory:"]
      assertRefused(yield* Cli.run([...berka, "--overdraft", "1,5"]), /--overdraft is an amount/, 2)
    })
  )
})

describe("a database that cannot be used", () => {
  it.scoped(
    "is one clear line and exit code 1, and stays as it is (DU8)",
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
          assertRefused(yield* Cli.run([...verb, "--db", "accounts.db"]), /sqlite:FILE/, 2)
        }
        assertRefused(yield* Cli.run(["verify", "--db", `sqlite:${path("missing.db")}`]), /does not exist/)
        assert.isFalse(existsSync(path("missing.db")))
      }),
    120_000
  )
})
