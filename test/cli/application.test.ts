/**
 * The promise of F45 and its kind: whatever an operator needs for the bank, any application has. Each verb works on an
 * application of two aggregates that the program learns of with `--app`, and streams of others are a note.
 */
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import Database from "better-sqlite3"
import { Effect } from "effect"
import * as Rebuild from "../../src/cli/rebuild.ts"
import * as Verification from "../../src/cli/Verification.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import * as Serve from "../http/Serve.ts"
import { ask } from "../http/Service.ts"
import * as Cli from "./Cli.ts"
import * as Module from "./Module.ts"
import { shop } from "./Shop.ts"

/** A database of the shop with two orders, made through its format of import. */
const filled = Effect.gen(function* () {
  const folder = yield* Cli.folder
  const filename = join(folder, "shop.db")
  const app = Module.built("Shop")
  const run = (...args: ReadonlyArray<string>) => Cli.run([...args, "--app", app])
  const rows = join(folder, "orders.jsonl")
  writeFileSync(rows, '{"order":"a","cents":250}\n{"order":"b","cents":100}\n')
  const imported = yield* run(
    "import",
    rows,
    "--format",
    "orders",
    "--customer",
    "Jo",
    "--db",
    `sqlite:${filename}`,
    "--json"
  )
  assert.strictEqual(imported.code, 0, imported.stderr)
  assert.deepStrictEqual(JSON.parse(imported.stdout), { applied: 2, replayed: 0, refused: 0 })
  return { folder, app, db: `sqlite:${filename}`, filename, rows, run }
})

const ok = Effect.map((ended: Cli.Ended) => {
  assert.strictEqual(ended.code, 0, ended.stderr)
  return ended.stdout
})

describe("the program of an application", () => {
  it.scoped("verifies, inspects, exports, copies, backs up and imports its database", () =>
    Effect.gen(function* () {
      const { app, db, folder, rows, run } = yield* filled
      const verified = JSON.parse(yield* ok(run("verify", "--db", db, "--json")))
      assert.deepInclude(verified, { ok: true, events: 4, streams: 2, problemCount: 0, notes: [] })
      assert.include(yield* ok(run("inspect", "order-a", "--db", db)), '{"_tag":"Opened","customer":"Jo"}')
      // Before the verb as well.
      assert.include(yield* ok(Cli.run([`--app=${app}`, "head", "--db", db])), '"position":4')
      const again = yield* ok(run("import", rows, "--format", "orders", "--customer", "Jo", "--db", db, "--json"))
      assert.deepStrictEqual(JSON.parse(again), { applied: 0, replayed: 2, refused: 0 })

      const log = join(folder, "log.jsonl")
      yield* ok(run("export", "--out", log, "--db", db))
      const copies = ["imported", "copied", "backup"].map((name) => join(folder, `${name}.db`))
      const [imported = "", copied = "", backup = ""] = copies
      yield* ok(run("import", log, "--format", "events", "--db", `sqlite:${imported}`))
      yield* ok(run("copy", "--from", db, "--to", `sqlite:${copied}`))
      yield* ok(run("backup", backup, "--db", db))
      for (const copy of copies) yield* ok(run("verify", "--db", `sqlite:${copy}`))
    })
  )

  it.scoped("rebuilds and shows its projections, and locks its contracts", () =>
    Effect.gen(function* () {
      const { db, folder, run } = yield* filled
      const rebuilt = JSON.parse(yield* ok(run("rebuild", "sales", "--db", db, "--json")))
      assert.deepInclude(rebuilt, { name: "sales", events: 4, position: 4 })
      assert.match(yield* ok(run("projections", "--db", db)), /^sales v1 {2}running {2}position 4/m)
      const unknown = yield* run("rebuild", "account_summary", "--db", db)
      assert.strictEqual(unknown.code, 1)
      assert.include(unknown.stderr, "account_summary")
      const lock = join(folder, "events.lock.json")
      const fixtures = join(folder, "fixtures")
      mkdirSync(fixtures)
      yield* ok(run("schema", "--lock", lock, "--fixtures", fixtures))
      assert.include(yield* ok(run("schema", "--check", "--lock", lock, "--fixtures", fixtures)), "Order, Ticket")
    })
  )

  it.scoped("serves its own API beside the log, projections and health, and runs its reactions", () =>
    Effect.gen(function* () {
      const { app, db, run } = yield* filled
      const { url } = yield* Serve.start(Cli.program(), ["--app", app, "--db", db])
      const total = yield* ask(`${url}/orders/a/total`)
      assert.deepStrictEqual([total.status, total.json], [200, { cents: 250 }])
      const missing = yield* ask(`${url}/orders/none/total`)
      assert.deepStrictEqual([missing.status, missing.json.code], [404, "no-such-order"])
      // The reaction has opened a ticket for each payment.
      const tickets = Effect.repeat(ask(`${url}/events?after=4`), { until: ({ json }) => json.events.length === 2 })
      const events = (yield* tickets).json.events as ReadonlyArray<{ readonly streamId: string; readonly data: object }>
      assert.sameDeepMembers(
        events.map(({ data, streamId }) => ({ data, streamId })),
        [
          { streamId: "ticket-a", data: { cents: 250 } },
          { streamId: "ticket-b", data: { cents: 100 } }
        ]
      )
      const { json } = yield* ask(`${url}/projections`)
      assert.sameMembers(
        json.projections.map(({ name }: { readonly name: string }) => name),
        ["sales", "ticketing"]
      )
      assert.strictEqual((yield* ask(`${url}/health/ready`)).status, 200)
      assert.strictEqual((yield* ask(`${url}/accounts`)).json.code, "route-not-found")
      const document = (yield* ask(`${url}/openapi.json`)).json
      assert.deepStrictEqual(document, JSON.parse(yield* ok(run("openapi"))))
      assert.includeMembers(Object.keys(document.paths), ["/orders/{id}/total", "/events", "/health/ready"])
      assert.notMatch(JSON.stringify(document), /account|transfer/i)
      yield* ok(run("verify", "--db", db))
    })
  )

  it.scoped("takes streams of no aggregate of the application for a note", () =>
    Effect.gen(function* () {
      const { db, filename, folder, run } = yield* filled
      const foreign = JSON.parse(yield* ok(Cli.run(["verify", "--db", db, "--json"])))
      assert.deepInclude(foreign, { ok: true, problemCount: 0 })
      assert.deepInclude(foreign.notes[0], { streamId: "order-a", version: 1 })
      assert.include(foreign.notes[0].problem, "4 events in 2 streams")
      // What their hashes tell is damage all the same.
      const database = new Database(filename)
      const triggers = database.prepare<[], string>("SELECT name FROM sqlite_master WHERE type = 'trigger'")
      for (const name of triggers.pluck().all()) database.exec(`DROP TRIGGER ${name}`)
      database.exec("UPDATE log_events SET data = replace(data, '250', '251')")
      database.close()
      const damaged = yield* Cli.run(["verify", "--db", db])
      assert.strictEqual(damaged.code, 1)
      assert.include(damaged.stderr, "order-a version 2")

      const accounts = join(folder, "accounts.db")
      const opening = { commandId: "1", accountId: "anna", command: "Open", owner: "Anna", currency: "EUR" }
      const rows = join(folder, "openings.jsonl")
      writeFileSync(rows, JSON.stringify(opening))
      yield* ok(Cli.run(["import", rows, "--format", "commands", "--db", `sqlite:${accounts}`]))
      yield* ok(Cli.run(["verify", "--db", `sqlite:${accounts}`]))
      const other = JSON.parse(yield* ok(run("verify", "--db", `sqlite:${accounts}`, "--json")))
      assert.include(JSON.stringify(other.notes), "no aggregate of shop has such streams")
    })
  )

  it.scoped("verifies and rebuilds as effects", () =>
    Effect.gen(function* () {
      const { filename } = yield* filled
      const [rebuilt, report] = yield* Effect.all([Rebuild.run(shop, "sales"), Verification.run(shop)]).pipe(
        Effect.provide(SqliteStore.layer({ filename }))
      )
      assert.strictEqual(rebuilt.position, 4)
      assert.deepInclude(report, { problemCount: 0, events: 4, models: 1 })
    })
  )

  it.scoped("says what is wrong with --app in one line", () =>
    Effect.gen(function* () {
      const folder = yield* Cli.folder
      const module = (name: string, text: string) => {
        writeFileSync(join(folder, name), text)
        return join(folder, name)
      }
      const none = module("none.mjs", "export const nothing = 1")
      for (const [args, reason] of [
        [["--app"], "is the path of a module"],
        [["--app", join(folder, "missing.mjs")], "cannot be loaded"],
        [["--app", none], "exports no application"]
      ] as const) {
        const { code, stderr } = yield* Cli.run(["verify", ...args])
        assert.strictEqual(code, 2)
        assert.include(stderr, reason)
        assert.strictEqual(stderr.trimEnd().split("\n").length, 1, stderr)
      }
    })
  )
})
