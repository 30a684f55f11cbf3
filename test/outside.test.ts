/**
 * F45 and F62, from outside: a project with the packed package and a domain of its own has every verb, HTTP and a typed
 * client, on SQLite and PostgreSQL, on Node and Deno. It is `examples/reservation`, whose two aggregates have an event
 * of one name.
 */
import { execFileSync, spawn } from "node:child_process"
import { mkdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Cli from "./cli/Cli.ts"
import * as Deno from "./deno/Deno.ts"
import * as Serve from "./http/Serve.ts"
import { ask } from "./http/Service.ts"
import * as Package from "./Package.ts"
import * as Postgres from "./sql/Postgres.ts"

const { daybook, folder, remove } = Package.project("examples/reservation")
afterAll(remove)
const errors = Package.compile(folder)

const application = join(folder, "dist/src/application.js")
const visitor = join(folder, "dist/src/visit.js")
const main = join(daybook, "dist/bank/main.js")

/** How a module of the project runs: by its program. */
const runtimes = {
  Node: (module: string): Cli.Program => [process.execPath, module],
  Deno: (module: string): Cli.Program => Deno.run(module, folder, "--allow-net=127.0.0.1")
}

/** What the visitor says, whichever of its commands were done before. */
const visited = `hamlet has 3 seats
anna: Confirmed
bert: Declined
anna again: AlreadyRequested
take: route-not-found
hamlet is open, at version 3, and 0 seats are taken
200 {"shows":[{"show":"hamlet","title":"Hamlet","seats":3,"taken":0,"status":"open"}]}
`

/** Runs the visitor; as soon as it has said this much, `then` is done. */
const visit = (program: Cli.Program, url: string, until?: string, then?: () => void) =>
  Effect.async<string>((resume) => {
    const [command, ...args] = program
    const child = spawn(command, [...args, url], { stdio: ["ignore", "pipe", "pipe"] })
    let said = ""
    child.stderr.resume()
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      said += text
      if (until !== undefined && said.includes(until)) then?.()
    })
    child.once("close", () => resume(Effect.succeed(said)))
  })

const ok = (program: Cli.Program, line: string, ...more: ReadonlyArray<string>) =>
  Effect.map(Cli.run([...line.split(" "), ...more], { program, cwd: folder }), ({ code, stderr, stdout }) => {
    assert.strictEqual(code, 0, `${line}: ${stderr}`)
    return stdout
  })

/** Every verb on a database that the visitor was at. */
const verbs = (program: Cli.Program, db: string, name: string) =>
  Effect.gen(function* () {
    const on = ["--db", db] as const
    const verified = JSON.parse(yield* ok(program, "verify --json", ...on))
    assert.deepInclude(verified, { ok: true, events: 8, streams: 3, problemCount: 0, notes: [] })
    assert.include(yield* ok(program, "inspect reservation-anna", ...on), '{"_tag":"Cancelled","by":"Anna"}')
    const listed = yield* ok(program, "projections", ...on)
    assert.match(listed, /^occupancy v1 {2}running {2}position 8/m)
    // Where it has come to is written now and then: what is not is only done again.
    assert.match(listed, /^seating v1 {2}running {2}position \d/m)
    const head = JSON.parse(yield* ok(program, "head", ...on))
    assert.deepInclude(head, { position: 8 })
    const rebuilt = JSON.parse(yield* ok(program, "rebuild occupancy --json", ...on))
    assert.deepInclude(rebuilt, { name: "occupancy", events: 8, position: 8 })

    const copies = join(folder, name)
    mkdirSync(copies)
    const [log, copied, imported, backup] = ["log.jsonl", "copied.db", "imported.db", "backup.db"].map((file) =>
      join(copies, file)
    )
    yield* ok(program, `export --out ${log}`, ...on)
    yield* ok(program, `copy --from ${db} --to sqlite:${copied}`)
    yield* ok(program, `import ${log} --format events --db sqlite:${imported}`)
    assert.strictEqual(yield* ok(program, `export --db sqlite:${imported}`), readFileSync(log ?? "", "utf8"))
    const made = [copied, imported]
    if (db.startsWith("sqlite:")) {
      yield* ok(program, `backup ${backup}`, ...on)
      made.push(backup)
    } else {
      const refused = yield* Cli.run(["backup", backup ?? "", ...on], { program, cwd: folder })
      assert.deepStrictEqual([refused.code, refused.stderr.trimEnd().split("\n").length], [1, 1], refused.stderr)
    }
    for (const file of made) yield* ok(program, `verify --db sqlite:${file}`)

    // The rest asks no database.
    if (!db.startsWith("sqlite:")) return
    const locked = `--lock ${join(copies, "lock.json")} --fixtures ${join(copies, "fixtures")}`
    mkdirSync(join(copies, "fixtures"))
    yield* ok(program, `schema ${locked}`)
    assert.include(yield* ok(program, `schema --check ${locked}`), "Show, Reservation")
    const document = JSON.parse(yield* ok(program, "openapi"))
    const paths = ["/occupancy", "/aggregates/Show/{id}/Open", "/aggregates/Reservation/{id}/Request", "/events"]
    assert.includeMembers(Object.keys(document.paths), paths)
    assert.notInclude(Object.keys(document.paths), "/aggregates/Show/{id}/Take")
  })

const databases = {
  SQLite: (name: string) => Effect.succeed(`sqlite:${join(folder, `${name}.db`)}`),
  PostgreSQL: () => Postgres.schema
}

describe("a project outside", () => {
  it("compiles strictly, with what its packages declare, and its own tests pass", () => {
    assert.deepStrictEqual(errors, [])
    execFileSync(process.execPath, ["--test", join(folder, "dist/test/")], { stdio: "pipe" })
  })

  for (const [runtime, programOf] of Object.entries(runtimes)) {
    for (const [kind, databaseOf] of Object.entries(databases)) {
      it.scopedLive(`is served on ${runtime} and ${kind}, through a SIGKILL, and has every verb`, () =>
        Effect.gen(function* () {
          const name = `${runtime}-${kind}`
          const db = yield* databaseOf(name)
          const [command, ...args] = programOf(main)
          const program = [command, ...args, "--app", application] as const
          const first = yield* Serve.start(program, ["--db", db])
          const kill = () => void first.process.kill("SIGKILL")
          const begun = yield* visit(programOf(visitor), first.url, "anna: Confirmed", kill)
          assert.isTrue(visited.startsWith(begun) && begun !== visited, begun)

          const { ended, process: server, url } = yield* Serve.start(program, ["--db", db])
          assert.strictEqual(yield* visit(programOf(visitor), url), visited)
          assert.deepStrictEqual((yield* ask(`${url}/aggregates/Reservation/anna`)).json, {
            state: { status: "cancelled", show: "hamlet", seats: 2 },
            version: 3,
            position: 7
          })
          assert.strictEqual((yield* ask(`${url}/accounts`)).json.code, "route-not-found")
          server.kill("SIGTERM")
          assert.strictEqual(yield* ended, 0)
          yield* verbs(program, db, name)
        })
      )
    }
  }
})
