/** `daybook operations`: what operators did, for people and for programs. */
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Operation from "../../src/core/Operation.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import * as Serve from "../http/Serve.ts"
import { ask } from "../http/Service.ts"
import * as Cli from "./Cli.ts"
import * as Rows from "./Rows.ts"

describe("daybook operations", () => {
  it.scoped("lists who did what and why, and nothing that would steer a terminal (RD7)", () =>
    Effect.gen(function* () {
      const file = join(yield* Cli.folder, "bank.db")
      const run = (...args: ReadonlyArray<string>) => Cli.run([...args, "--db", `sqlite:${file}`])
      yield* Effect.gen(function* () {
        const by = { principal: "anna", reason: "red \u001b[31m", key: "k-1" }
        yield* Operation.run("archive", { month: "01" }, by, Effect.succeed({ rows: 12 }))
        yield* Operation.run("archive", { month: "02" }, {}, Effect.succeed({}))
      }).pipe(Effect.provide(SqliteStore.layer({ filename: file })))

      const { code, stderr, stdout } = yield* run("operations")
      assert.strictEqual(code, 0, stderr)
      const [first, second] = stdout.split("\n")
      assert.match(
        first ?? "",
        /^1 {2}\S+Z {2}archive {2}by anna {2}\(red \\u\{1b\}\[31m\) {2}\{"month":"01","rows":12\}$/
      )
      assert.match(second ?? "", /^2 {2}\S+Z {2}archive {2}\{"month":"02"\}$/)

      const page = JSON.parse((yield* run("operations", "--json", "--limit", "1")).stdout)
      assert.strictEqual(page.next, 1)
      const [{ recordedAt, ...done }] = page.operations
      assert.isNumber(recordedAt)
      assert.deepStrictEqual(done, {
        sequence: 1,
        kind: "operation",
        name: "archive",
        principal: "anna",
        reason: "red \u001b[31m",
        key: "k-1",
        detail: { month: "01", rows: 12 }
      })
      const rest = JSON.parse((yield* run("operations", "--json", "--after", "1")).stdout)
      assert.deepStrictEqual([rest.next, rest.operations.length], [null, 1])
      assert.strictEqual((yield* run("verify")).code, 0)
    })
  )

  it.scoped("has a rebuild that was asked for on the command line, with who and why", () =>
    Effect.gen(function* () {
      const file = join(yield* Cli.folder, "bank.db")
      const run = (...args: ReadonlyArray<string>) => Cli.run([...args, "--db", `sqlite:${file}`])
      yield* Effect.provide(Effect.void, SqliteStore.layer({ filename: file }))
      const rebuild = run(
        "rebuild",
        "account_summary",
        "--by",
        "anna",
        "--reason",
        "a column was wrong",
        "--key",
        "k-1"
      )
      for (const time of ["first", "again"]) {
        const { code, stderr } = yield* rebuild
        assert.strictEqual(code, 0, `${time}: ${stderr}`)
      }
      assert.strictEqual((yield* run("rebuild", "account_summary", "--dry-run", "--reason", "a look")).code, 0)
      const { operations } = JSON.parse((yield* run("operations", "--json")).stdout)
      assert.deepStrictEqual(
        operations.map(({ recordedAt: _, ...done }: Record<string, unknown>) => done),
        [
          {
            sequence: 1,
            kind: "operation",
            name: "projections.rebuild",
            principal: "anna",
            reason: "a column was wrong",
            key: "k-1",
            detail: { projection: "account_summary", name: "account_summary", events: 0 }
          }
        ]
      )
    })
  )
})

describe("daybook verify --record", () => {
  it.scopedLive("leaves in the journal up to where it read and what it found, and verify alone leaves nothing", () =>
    Effect.gen(function* () {
      const { file } = yield* Rows.database(Rows.open("a"), Rows.deposit("a", "d-1", "1"))
      const run = (...args: ReadonlyArray<string>) => Cli.run([...args, "--db", `sqlite:${file}`])
      const json = (...args: ReadonlyArray<string>) =>
        Effect.map(run(...args, "--json"), ({ code, stderr, stdout }) => {
          assert.strictEqual(code, 0, stderr)
          return JSON.parse(stdout)
        })
      const head = Effect.map(run("head"), ({ stdout }) => JSON.parse(stdout).sequence as number)
      const before = yield* head
      assert.isNull((yield* json("verify")).recorded)
      assert.strictEqual(yield* head, before, "it wrote without being asked")
      const wrong = yield* run("verify", "--reason", "an audit")
      assert.deepStrictEqual([wrong.code, wrong.stderr.includes("give --record")], [2, true], wrong.stderr)

      const { url } = yield* Serve.start(Cli.program(), ["--db", `sqlite:${file}`])
      const shown = Effect.map(ask(`${url}/console/store`), (answer) => answer.json.lastVerify)
      assert.isNull(yield* shown)
      assert.notInclude((yield* ask(`${url}/metrics`)).text, "daybook_verify")
      // Beside the service.
      const record = ["verify", "--record", "--by", "anna", "--reason", "an audit", "--key", "k-1"]
      const told = yield* json(...record)
      assert.deepInclude(told, { ok: true, events: 2 })
      assert.strictEqual(told.recorded, told.verifiedTo.sequence + 1)
      assert.match((yield* run("verify", "--record")).stdout, /recorded as entry \d+: verified up to entry \d+/)
      const last = yield* shown
      assert.deepInclude(last, { sequence: told.recorded, events: 2, problems: 0, reason: null })
      const { text } = yield* ask(`${url}/metrics`)
      assert.include(text, `\ndaybook_verify_sequence ${told.recorded}\n`)
      assert.include(text, "\ndaybook_verify_problems 0\n")
      assert.match(text, /^daybook_verify_time_seconds \d+/m)
      const { operations } = yield* json("operations")
      assert.deepStrictEqual(
        operations.flatMap((each: Record<string, unknown>) =>
          each.name === "log.verify" ? [[each.principal, each.reason, each.key]] : []
        )[0],
        ["anna", "an audit", "k-1"]
      )
    })
  )

  it.scopedLive("reports damage and has it on record", () =>
    Effect.gen(function* () {
      const { file } = yield* Rows.database(Rows.open("a"), Rows.deposit("a", "d-1", "1"))
      const run = (...args: ReadonlyArray<string>) => Cli.run([...args, "--db", `sqlite:${file}`])
      const database = new Rows.Database(file)
      const triggers = database.prepare<[], string>("SELECT name FROM sqlite_master WHERE type = 'trigger'")
      for (const name of triggers.pluck().all()) database.exec(`DROP TRIGGER ${name}`)
      database.exec("UPDATE log_events SET data = replace(data, '1', '9') WHERE version = 2")
      database.close()
      const { code, stderr } = yield* run("verify", "--record")
      assert.strictEqual(code, 1)
      assert.include(stderr, "account-a version 2")
      const { operations } = JSON.parse((yield* run("operations", "--json")).stdout)
      assert.deepInclude(operations.at(-1), { name: "log.verify" })
      assert.isAbove(operations.at(-1).detail.problems, 0)
    })
  )
})
