/**
 * F45 and F62, from outside: a project with the packed package and a domain of its own has every verb, HTTP and a typed
 * client, on SQLite and PostgreSQL, on Node and Deno. It is `examples/reservation`, whose two aggregates have an event
 * of one name.
 */
import { execFileSync, spawn } from "node:child_process"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
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

/** A release of the project whose shows take a seat too few. */
const release = (): string => {
  const path = join(folder, "dist/src/ShowBehaviour.js")
  const source = readFileSync(path, "utf8").replace(
    "[...state.taken, { reservation, seats }]",
    "[...state.taken, { reservation, seats: seats - 1 }]"
  )
  writeFileSync(join(folder, "dist/src/NextShow.js"), source)
  const next = join(folder, "dist/src/next.js")
  const named = readFileSync(application, "utf8").replace("./ShowBehaviour.js", "./NextShow.js")
  writeFileSync(next, named)
  return next
}

/** The verbs that explain the log and what was done with it. */
const questions = (program: Cli.Program, db: string, copies: string) =>
  Effect.gen(function* () {
    const on = ["--db", db] as const
    const explained = yield* ok(program, "explain show-hamlet --field seats", ...on)
    assert.match(explained, /^1 {2}Opened .*\n(?: {4}.*\n)+ {4}= 3 {2}\(3\)$/m)
    assert.match(
      yield* ok(program, "explain reservation-anna", ...on),
      /so seating sent Take to show-hamlet: version 2/
    )
    const told = JSON.parse(yield* ok(program, "explain --json --command", "anna cancels", ...on))
    assert.deepInclude(told, { outcome: "success", streamId: "reservation-anna", version: 3 })

    // By its own aggregate: that of shows has an event of this name too.
    const types = JSON.parse(yield* ok(program, "stats --json", ...on)).types as ReadonlyArray<Record<string, unknown>>
    assert.deepStrictEqual(
      types.filter(({ type }) => type === "Cancelled").map(({ events, prefix }) => [prefix, events]),
      [["reservation", 1]]
    )

    const same = JSON.parse(yield* ok(program, `diff --json --with ${application}`, ...on))
    assert.deepInclude(same, { events: 10, streams: 4, count: 0, differences: [] })
    const other = yield* Cli.run(["diff", "--json", "--with", release(), ...on], { program, cwd: folder })
    assert.strictEqual(other.code, 1, other.stderr)
    const [difference] = JSON.parse(other.stdout).differences
    assert.deepInclude(difference, { kind: "state", streamId: "show-hamlet", version: 2 })

    const edit = join(copies, "edit.json")
    writeFileSync(edit, JSON.stringify({ leaveOut: [3] }))
    const whatIf = JSON.parse(yield* ok(program, `what-if reservation-anna --json --edit ${edit}`, ...on))
    assert.deepInclude(whatIf, { whatIf: { status: "confirmed", show: "hamlet", seats: 2 }, written: false })

    assert.deepInclude(JSON.parse(yield* ok(program, "timers --json", ...on)), { timers: [], pending: 0, due: 0 })
    const fired = yield* Cli.run(["timers", "fire", "pick-up of anna", ...on], { program, cwd: folder })
    assert.strictEqual(fired.code, 1, fired.stdout)
    assert.match(fired.stderr, /^[a-z]+: .*"?pick-up of anna"?.*cancelled.*\n$/)
    for (const verb of ["pause", "resume"]) yield* ok(program, `projections ${verb} occupancy --reason asked`, ...on)
    const { operations } = JSON.parse(yield* ok(program, "operations --json", ...on))
    assert.deepStrictEqual(
      (operations as ReadonlyArray<{ readonly name: string; readonly reason: string | null }>)
        .filter(({ reason }) => reason === "asked")
        .map(({ name }) => name),
      ["projections.pause", "projections.resume"]
    )
  })

/** Every verb on a database that the visitor was at. */
const verbs = (program: Cli.Program, db: string, name: string) =>
  Effect.gen(function* () {
    const on = ["--db", db] as const
    const verified = JSON.parse(yield* ok(program, "verify --json", ...on))
    assert.deepInclude(verified, { ok: true, events: 10, streams: 4, problemCount: 0, notes: [] })
    assert.include(yield* ok(program, "inspect reservation-anna", ...on), '{"_tag":"Cancelled","by":"Anna"}')
    const listed = yield* ok(program, "projections", ...on)
    assert.match(listed, /^occupancy v1 {2}running {2}position 10/m)
    // Where it has come to is written now and then: what is not is only done again.
    assert.match(listed, /^seating v1 {2}running {2}position \d/m)
    const head = JSON.parse(yield* ok(program, "head", ...on))
    assert.deepInclude(head, { position: 10 })
    const rebuilt = JSON.parse(yield* ok(program, "rebuild occupancy --json", ...on))
    assert.deepInclude(rebuilt, { name: "occupancy", events: 10, position: 10 })

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

    yield* questions(program, db, copies)

    const foreign = yield* Cli.run(["statement", "anna", ...on], { program, cwd: folder })
    assert.strictEqual(foreign.code, 2, "statement is a verb of the bank alone")
    const raised = JSON.parse(yield* ok(program, "restore --in-place --json", ...on))
    assert.deepInclude(raised, { epoch: 2, position: 10 })
    if (db.startsWith("sqlite:")) {
      const restored = JSON.parse(yield* ok(program, `restore ${backup} --json`, ...on))
      assert.deepInclude(restored, { epoch: 3, position: 10 })
    }
    yield* ok(program, "verify", ...on)

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
            position: 8
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
