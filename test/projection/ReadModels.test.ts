/**
 * The read models as an operator meets them: after an import, in a rebuild, with and without a server, and verified.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"
import process from "node:process"
import { assert, describe, it } from "@effect/vitest"
import type BetterSqlite3 from "better-sqlite3"
import { Effect, Fiber, Layer, Logger, Schedule } from "effect"
import { inject } from "vitest"
import { Account } from "../../src/bank/account/Account.ts"
import * as AccountBehaviour from "../../src/bank/account/AccountBehaviour.ts"
import { AccountId } from "../../src/bank/account/AccountSchemas.ts"
import * as AccountSummary from "../../src/bank/account/AccountSummary.ts"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import { GenerationStore } from "../../src/projection/GenerationStore.ts"
import * as ProjectionConfig from "../../src/projection/ProjectionConfig.ts"
import type { ProjectionStore } from "../../src/projection/ProjectionStore.ts"
import { Projections } from "../../src/projection/Projections.ts"
import * as ProjectionsLocal from "../../src/projection/ProjectionsLocal.ts"
import { ReadModels } from "../../src/projection/ReadModels.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import { note, notes } from "../../src/testing/Notes.ts"
import * as Cli from "../cli/Cli.ts"
import { isLong } from "../Random.ts"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"
import * as Summaries from "./Summaries.ts"

const Sqlite = createRequire(import.meta.url)("better-sqlite3") as typeof BetterSqlite3

const data = join(import.meta.dirname, "../../../shared/data")
const quiet = Logger.remove(Logger.defaultLogger)

const daybook = (filename: string, ...args: ReadonlyArray<string>) => Cli.run([...args, "--db", `sqlite:${filename}`])
const importBerka = (filename: string) =>
  Cli.run(
    ["import", join(data, "berka.jsonl.gz"), "--format", "berka", "--overdraft", "100000.00"].concat([
      "--db",
      `sqlite:${filename}`
    ])
  )

/** Rows of a query past the store, as text. */
const query = (filename: string, sql: string): ReadonlyArray<ReadonlyArray<string>> => {
  const database = new Sqlite(filename, { readonly: true })
  const rows = database.prepare(sql).raw().all() as ReadonlyArray<ReadonlyArray<unknown>>
  database.close()
  return rows.map((row) => row.map(String))
}
const change = (filename: string, sql: string): void => {
  const database = new Sqlite(filename)
  database.exec(sql)
  database.close()
}
/** Every row as SQL writes it, in which values of different types or bytes differ. */
const allRows = (filename: string) => {
  const columns = query(filename, "SELECT name FROM pragma_table_info('account_summary')").map(
    ([name]) => `quote(${name})`
  )
  assert.isAtLeast(columns.length, 5)
  return query(filename, `SELECT ${columns.join(", ")} FROM account_summary ORDER BY account_id`)
}
const generation = (filename: string) =>
  query(filename, "SELECT generation, live FROM projection_models WHERE projection = 'account_summary'")

const oracle = readFileSync(join(data, "berka-expected-summary.csv"), "utf8")
  .trim()
  .split("\n")
  .slice(1)
  .map((line) => line.split(",").slice(0, 5))
  .sort(([left = ""], [right = ""]) => (left < right ? -1 : 1))

/** A server on a free port, once it answers. */
const server = (filename: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const args = [join(inject("dist"), "bank/main.js"), "serve", "--db", `sqlite:${filename}`, "--port", "0"]
      const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "ignore"] })
      let printed = ""
      for await (const chunk of child.stdout) {
        printed += String(chunk)
        const url = /listening on (\S+)/.exec(printed)?.[1]
        if (url !== undefined) return { child, url }
      }
      throw new Error("the server ended")
    }),
    ({ child }) =>
      Effect.promise(async () => {
        if (child.exitCode === null && child.signalCode === null) {
          child.kill("SIGKILL")
          await once(child, "exit")
        }
      })
  )

describe("the read models after an import", () => {
  it(
    "equal the oracle in all four columns; a rebuild gives the same bytes; verify finds one that was changed",
    () =>
      Effect.gen(function* () {
        const filename = join(yield* temporaryFolder, "daybook.db")
        const { code, stderr } = yield* importBerka(filename)
        assert.strictEqual(code, 0, stderr)
        const columns = "account_id, total_deposits, total_withdrawals, transaction_count, current_balance"
        assert.strictEqual(oracle.length, 615)
        assert.deepStrictEqual(query(filename, `SELECT ${columns} FROM account_summary ORDER BY account_id`), oracle)

        const before = allRows(filename)
        const planned = yield* daybook(filename, "rebuild", "account_summary", "--dry-run", "--json")
        assert.deepInclude(JSON.parse(planned.stdout), { events: 23_707, dryRun: true })
        assert.deepStrictEqual(generation(filename), [["1", "1"]])
        assert.strictEqual((yield* daybook(filename, "rebuild", "account_summary")).code, 0)
        assert.deepStrictEqual(generation(filename), [["2", "1"]])
        assert.deepStrictEqual(allRows(filename), before)
        assert.strictEqual((yield* daybook(filename, "verify")).code, 0)

        change(filename, "UPDATE account_summary_v1_g2 SET transaction_count = 1 WHERE account_id = '704'")
        const wrong = yield* daybook(filename, "verify")
        assert.strictEqual(wrong.code, 1)
        assert.include(wrong.stdout, "the row 704 is not what its events give")
        change(filename, "UPDATE projection_models SET position = 99999")
        assert.include((yield* daybook(filename, "verify")).stdout, "its checkpoint is ahead of the log")

        const unknown = yield* daybook(filename, "rebuild", "nope")
        assert.strictEqual(unknown.code, 1)
        assert.include(unknown.stderr, "there are: account_summary")
      }).pipe(Effect.scoped, Effect.runPromise),
    120_000
  )
})

describe("a rebuild beside a server", () => {
  it(
    "is done by the server, and by the command when the server dies",
    () =>
      Effect.gen(function* () {
        const filename = join(yield* temporaryFolder, "daybook.db")
        const row = { commandId: "c", accountId: "1", command: "Open", owner: "Ada", currency: "EUR" }
        const imported = yield* Cli.run(["import", "-", "--format", "commands", "--db", `sqlite:${filename}`], {
          stdin: JSON.stringify(row)
        })
        assert.strictEqual(imported.code, 0, imported.stderr)
        const { child, url } = yield* server(filename)
        const rebuilt = yield* daybook(filename, "rebuild", "account_summary", "--json")
        assert.strictEqual(rebuilt.code, 0, rebuilt.stderr)
        // Nothing was built by the command itself: the process that builds says so in its log.
        assert.notInclude(rebuilt.stderr, "a read model was built")
        assert.deepStrictEqual(generation(filename), [["2", "1"]])
        const listed = yield* Effect.promise(async () => (await fetch(`${url}/projections`)).json() as Promise<object>)
        assert.nestedPropertyVal(listed, "projections[0].status", "running")

        child.kill("SIGSTOP")
        const waiting = yield* Effect.fork(daybook(filename, "rebuild", "account_summary"))
        child.kill("SIGKILL")
        const taken = yield* Fiber.join(waiting)
        assert.strictEqual(taken.code, 0, taken.stderr)
        assert.include(taken.stderr, "a read model was built")
        assert.deepStrictEqual(generation(filename), [["3", "1"]])
      }).pipe(Effect.scoped, Effect.runPromise),
    120_000
  )
})

describe("a read model that the program no longer declares", () => {
  it(
    "is removed from the command line; one that it declares is not, nor is a reaction",
    () =>
      Effect.gen(function* () {
        const filename = join(yield* temporaryFolder, "daybook.db")
        const store = SqliteStore.layer({ filename })
        yield* Effect.gen(function* () {
          const end = yield* note("a", "one")
          const projections = yield* Projections
          for (const { name } of [notes(), AccountSummary.projection]) yield* projections.awaitPosition(name, end)
          yield* Effect.flatMap(GenerationStore, ({ register }) => register("transfers", "reaction"))
        }).pipe(Effect.provide(Layer.provideMerge(ProjectionsLocal.layer([notes(), AccountSummary.projection]), store)))
        for (const [name, code] of [
          ["notes", 0],
          ["notes", 1],
          ["account_summary", 1],
          ["transfers", 1]
        ] as const) {
          const removed = yield* daybook(filename, "projections", "remove", name)
          assert.strictEqual(removed.code, code, removed.stderr)
        }
        assert.deepStrictEqual(query(filename, "SELECT name FROM projections ORDER BY name"), [
          ["account_summary"],
          ["transfers"]
        ])
        assert.deepStrictEqual(query(filename, "SELECT name FROM sqlite_master WHERE name LIKE 'notes%'"), [])
      }).pipe(Effect.scoped, Effect.provide(quiet), Effect.runPromise),
    60_000
  )
})

describe("an operator's verbs", () => {
  it(
    "list what is parked or halted; a skip from the command line is done by the process that runs it next",
    () =>
      Effect.gen(function* () {
        const filename = join(yield* temporaryFolder, "daybook.db")
        const store = SqliteStore.layer({ filename })
        const accounts = AccountBehaviour.layer.pipe(Layer.provide(ActorSystemLocal.layer))
        const summary = ProjectionsLocal.layer([AccountSummary.projection])
        yield* Effect.gen(function* () {
          const account = (yield* Account)(AccountId.make("1"))
          yield* account.Open({ owner: "Ada", currency: "EUR" })
          yield* account.Deposit({ amount: "1" })
          yield* account.Deposit({ amount: "2" })
        }).pipe(Effect.provide(Layer.provideMerge(accounts, store)))
        // The event is damaged, as by the disk; the trigger that forbids it is away meanwhile.
        change(
          filename,
          `DROP TRIGGER log_events_no_update;
         UPDATE log_events SET data = replace(data, '1.00', '9.00') WHERE version = 2;
         CREATE TRIGGER log_events_no_update BEFORE UPDATE ON log_events
           BEGIN SELECT RAISE(ABORT, 'log_events are never changed'); END`
        )
        const run = <A, E>(effect: Effect.Effect<A, E, Projections | ProjectionStore>) =>
          Effect.provide(effect, Layer.provideMerge(summary, store))
        yield* run(
          Effect.flatMap(Projections, (projections) =>
            // With a pause: who asks again and again leaves the runner no turn of the event loop.
            Effect.repeat(projections.status("account_summary"), {
              until: ({ status }) => status === "halted",
              schedule: Schedule.spaced("2 millis")
            })
          )
        )
        const listed = yield* daybook(filename, "projections")
        assert.match(listed.stdout, /account_summary .* halted .*\n.*\n.*account-1 version 2 \(Deposited\).*damaged/)
        assert.strictEqual(
          (yield* Cli.run(["projections", "skip", "account_summary", "account-2", "--db", `sqlite:${filename}`])).code,
          1
        )
        const skip = ["projections", "skip", "--db", `sqlite:${filename}`, "account_summary", "account-1"]
        assert.strictEqual((yield* Cli.run([...skip, "--by", "anna", "--reason", "a bit has turned"])).code, 0)
        yield* run(
          Effect.gen(function* () {
            const projections = yield* Projections
            yield* projections.awaitPosition("account_summary", 3, "100 seconds")
            const [row] = yield* (yield* ReadModels).query("SELECT current_balance FROM account_summary", [])
            assert.deepStrictEqual(row, ["200"])
          })
        )
        const skipped = yield* daybook(filename, "projections")
        assert.match(skipped.stdout, /skipped {4}account-1 version 2 \(Deposited\) by anna \(a bit has turned\)/)
      }).pipe(Effect.provide(quiet), Effect.scoped, Effect.runPromise),
    120_000
  )
})

describe("a rebuild during continuous deposits", () => {
  const milliseconds = isLong ? 60_000 : 3_000

  it(
    "never shows a reader a half model or an older one, and ends exact",
    () =>
      Effect.gen(function* () {
        const filename = join(yield* temporaryFolder, "daybook.db")
        const layer = Layer.merge(
          AccountBehaviour.layer.pipe(Layer.provide(ActorSystemLocal.layer)),
          ProjectionsLocal.layer([AccountSummary.projection]).pipe(
            Layer.provide(ProjectionConfig.layer({ maxBatch: 500, busyBatch: 20 }))
          )
        ).pipe(Layer.provideMerge(SqliteStore.layer({ filename })))
        yield* Effect.gen(function* () {
          const account = yield* Account
          const projections = yield* Projections
          const models = yield* ReadModels
          const ids = Array.from({ length: 20 }, (_, id) => AccountId.make(String(id)))
          let last = 0
          for (const id of ids) last = (yield* account(id).Open({ owner: "Ada", currency: "EUR" })).position
          yield* projections.awaitPosition("account_summary", last)
          const depositing = yield* Effect.fork(
            Effect.forEach(ids, (id) => Effect.forever(account(id).Deposit({ amount: "1" })), {
              concurrency: "unbounded"
            })
          )
          let seen = 0
          const reading = yield* Effect.fork(
            Effect.forever(
              Effect.gen(function* () {
                // One statement sees one moment: every event is an opening or a transaction, and all are in the rows.
                const [row] = yield* models.query(
                  `SELECT (SELECT position FROM account_summary_checkpoint), count(*), sum(transaction_count) FROM account_summary`,
                  []
                )
                const [position, accounts, transactions] = row as ReadonlyArray<number>
                assert.strictEqual(accounts, 20)
                assert.strictEqual(transactions, (position ?? 0) - 20)
                assert.isAtLeast(position ?? 0, seen)
                seen = position ?? 0
                yield* Effect.yieldNow()
              })
            )
          )
          const end = performance.now() + milliseconds
          let rebuilds = 0
          for (; performance.now() < end; rebuilds++) {
            yield* projections.requestRebuild("account_summary")
            yield* Effect.raceFirst(projections.awaitRebuilt("account_summary"), Fiber.join(reading))
            // Somebody who just wrote reads it.
            const { position } = yield* account(ids[0] ?? AccountId.make("0")).Deposit({ amount: "1" })
            yield* AccountSummary.get(AccountId.make("0"), { minPosition: position })
          }
          yield* Fiber.interrupt(depositing)
          yield* Fiber.interrupt(reading)
          // Each after what its account had accepted before.
          for (const id of ids) last = (yield* account(id).Deposit({ amount: "1" })).position
          yield* projections.awaitPosition("account_summary", last, "100 seconds")
          yield* Summaries.assertExact
          console.log(`${rebuilds} rebuilds during ${milliseconds / 1_000} s of deposits, ${last} events at the end`)
          assert.isAbove(rebuilds, 0)
        }).pipe(Effect.provide(layer), Effect.provide(quiet))
      }).pipe(Effect.scoped, Effect.runPromise),
    240_000
  )
})
