/** What users install: the packed package compiles and runs from each of its entry points, and its program starts. */
import { execFileSync, spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { runInNewContext } from "node:vm"
import { afterAll, assert, describe, it } from "@effect/vitest"
import * as esbuild from "esbuild"
import * as Deno from "./deno/Deno.ts"
import * as Package from "./Package.ts"

const { exports } = JSON.parse(readFileSync(join(Package.root, "package.json"), "utf8")) as {
  readonly exports: Record<string, object>
}
const entries = Object.keys(exports).map((path) => `daybook${path.slice(1)}`)

const { daybook, folder: project, remove } = Package.project()
afterAll(remove)
writeFileSync(join(project, "package.json"), '{ "type": "module" }')

describe("the package", () => {
  it("compiles against each entry point, strictly and with what it declares", { timeout: 120_000 }, () => {
    const names = entries.map((_, index) => `entry${index}`)
    const imports = entries.map((entry, index) => `import * as ${names[index]} from "${entry}"`)
    const all = `export const all: ReadonlyArray<object> = [${names.join(", ")}]\n`
    writeFileSync(join(project, "use.ts"), `${imports.join("\n")}\n${all}`)
    const compilerOptions = {
      module: "NodeNext",
      target: "ES2022",
      lib: ["ES2023", "DOM", "DOM.Iterable"],
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      noEmit: true,
      types: ["node"]
    }
    writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["use.ts"] }))
    assert.deepStrictEqual(Package.compile(project), [])
  })

  it.each(entries)("%s loads, and no driver of a database with it", { timeout: 30_000 }, (entry) => {
    const script = `
      import { createRequire } from "node:module"
      const loaded = await import("${entry}")
      if (Object.keys(loaded).length === 0) throw new Error("it exports nothing")
      const drivers = Object.keys(createRequire(import.meta.url).cache).filter((path) => /better-sqlite3|[/]pg[/]/.test(path))
      if (drivers.length > 0) throw new Error(drivers.join())`
    execFileSync(process.execPath, ["--input-type=module", "--eval", script], { cwd: project, stdio: "pipe" })
  })

  it.each([
    ["daybook/http/contract", "AccountsApi"],
    ["daybook/http/client", "Client"]
  ])("%s loads nothing that a browser has not", { timeout: 30_000 }, (entry, name) => {
    // Tells of each module that is resolved; those of Node are the ones without a file.
    const hooks = `export const resolve = async (specifier, context, next) => {
      const found = await next(specifier, context)
      // As \`browser\` in package.json says.
      if (found.url.endsWith("/dist/core/Platform.js")) {
        return next(found.url.replace("Platform.js", "PlatformBrowser.js"), context)
      }
      if (found.url.startsWith("node:")) process._rawDebug(found.url + " by " + context.parentURL)
      return found
    }`
    const script = `
      import { register } from "node:module"
      register("data:text/javascript," + encodeURIComponent(${JSON.stringify(hooks)}))
      const loaded = await import("${entry}")
      if (loaded.${name} === undefined) throw new Error("it lacks ${name}")`
    const options = { cwd: project, encoding: "utf8" } as const
    const { status, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", script], options)
    assert.strictEqual(status, 0, stderr)
    assert.strictEqual(stderr, "")
  })

  it("a contract of one's own and its client are bundled for a browser, and run with what a browser has", async () => {
    writeFileSync(
      join(project, "browser.js"),
      `import { Rpc } from "@effect/rpc"
      import { Aggregate, Event } from "daybook"
      import { Client } from "daybook/http/client"
      import { Effect, Schema } from "effect"
      const filled = Event.make("Filled", { litres: Schema.BigInt })
      class Tank extends Aggregate.make("Tank", {
        id: Schema.String,
        state: Schema.Struct({ litres: Schema.BigInt }),
        initial: { litres: 0n },
        events: [filled],
        commands: [Rpc.make("Fill", { payload: { litres: Schema.BigInt }, success: Schema.BigInt })]
      }) {}
      ask(() => Effect.runPromise(Client.make(Tank, { baseUrl: "http://tanks", fetch: send })("7").Fill({ litres: 4n })))`
    )
    const bundled = await esbuild.build({
      absWorkingDir: project,
      entryPoints: ["browser.js"],
      bundle: true,
      platform: "browser",
      format: "iife",
      write: false,
      logLevel: "silent"
    })
    const asked: Array<{ readonly url: string; readonly body: unknown }> = []
    const send = (url: string, { body }: RequestInit) => {
      asked.push({ url, body })
      return Promise.resolve(new Response('{"result":"4"}'))
    }
    let answer: Promise<unknown> = Promise.reject(new Error("it did not run"))
    answer.catch(() => {})
    const ask = (run: () => Promise<unknown>) => {
      answer = run()
    }
    // Only what browsers have too, of all that Node has.
    const web = {
      TextEncoder,
      TextDecoder,
      URL,
      AbortController,
      setTimeout,
      clearTimeout,
      performance,
      queueMicrotask
    }
    runInNewContext(bundled.outputFiles[0]?.text ?? "", { ...web, crypto, console, send, ask })
    assert.strictEqual(await answer, 4n)
    assert.deepStrictEqual(asked, [{ url: "http://tanks/aggregates/Tank/7/Fill", body: '{"litres":"4"}' }])
  }, 60_000)

  it("brings the program daybook", { timeout: 30_000 }, () => {
    const program = join(daybook, "dist/bank/main.js")
    assert.include(execFileSync(process.execPath, [program, "--version"], { encoding: "utf8" }), "0.1.0")
    assert.isTrue(readFileSync(program, "utf8").startsWith("#!/usr/bin/env node\n"))
  })

  it("embedded on SQLite asks for six packages, and names one that something else lacks", { timeout: 60_000 }, () => {
    const scoped = ["experimental", "platform", "rpc", "sql", "sql-sqlite-node"].map((name) => `@effect/${name}`)
    const { peerDependencies, peerDependenciesMeta } = JSON.parse(readFileSync(join(daybook, "package.json"), "utf8"))
    const required = Object.keys(peerDependencies).filter((name) => peerDependenciesMeta[name]?.optional !== true)
    assert.sameMembers(required, ["effect", ...scoped])
    const embedded = Package.project(undefined, required)
    try {
      writeFileSync(join(embedded.folder, "package.json"), '{ "type": "module" }')
      writeFileSync(
        join(embedded.folder, "use.js"),
        `import { Rpc } from "@effect/rpc"
        import { SqlClient } from "@effect/sql/SqlClient"
        import { Effect, Either, Layer, Logger, Schema } from "effect"
        import { ActorSystemLocal, Aggregate, Event } from "daybook"
        import { Application, Projection, Projections, ProjectionsLocal, ReadModels } from "daybook/projection"
        import { PostgresStore, SqliteStore } from "daybook/sql"
        const filled = Event.make("Filled", { litres: Schema.Int })
        class Tank extends Aggregate.make("Tank", {
          id: Schema.String, state: Schema.Int, initial: 0, events: [filled],
          commands: [Rpc.make("Fill", { payload: { litres: Schema.Int }, success: Schema.Int })]
        }) {}
        const tank = Tank.toLayer({
          decide: { Fill: (command) => Either.right([filled.make(command)]) },
          evolve: { Filled: (state, { litres }) => state + litres },
          reply: { Fill: (state) => state }
        })
        const levels = Projection.make({
          name: "levels", version: 1, events: [filled], tables: ["levels"],
          create: ({ levels }) => ["CREATE TABLE " + levels + " (litres INTEGER)"],
          apply: (batch, { levels }) => Effect.flatMap(SqlClient, (sql) =>
            Effect.forEach(batch, ({ event }) => sql\`INSERT INTO \${sql(levels)} VALUES (\${event.litres})\`))
        })
        const program = Effect.gen(function* () {
          const { position } = yield* (yield* Tank)("7").ask("Fill", { litres: 4 })
          yield* (yield* Projections).awaitPosition("levels", position)
          console.log(JSON.stringify(yield* (yield* ReadModels).query("SELECT litres FROM levels", [])))
        })
        const layer = Layer.merge(tank.pipe(Layer.provide(ActorSystemLocal.layer)), ProjectionsLocal.layer([levels])).pipe(
          Layer.provideMerge(SqliteStore.layer({ filename: ":memory:" })), Layer.provide(Logger.remove(Logger.defaultLogger)))
        await Effect.runPromise(Effect.provide(program, layer))
        const failed = await Effect.runPromise(Effect.flip(Layer.launch(PostgresStore.layer({ url: "postgres://a:b@127.0.0.1:1/c" }))))
        console.log(failed.message)`
      )
      const run = (...args: ReadonlyArray<string>) =>
        spawnSync(process.execPath, ["--preserve-symlinks", "--preserve-symlinks-main", ...args], {
          cwd: embedded.folder,
          encoding: "utf8"
        })
      const used = run("use.js")
      const [rows, noDriver = ""] = used.stdout.split("\n")
      assert.strictEqual(rows, "[[4]]", used.stderr)
      assert.match(
        noDriver,
        /^postgres:\/\/127.0.0.1:1\/c has no driver \(.*'@effect\/sql-pg'.*\); install that package/
      )

      const program = run(join(embedded.daybook, "dist/bank/main.js"), "verify")
      assert.strictEqual(program.status, 1)
      assert.match(
        program.stderr,
        /^daybook: the command line needs the package @effect\/[a-z-]+, which is not installed; .*\n$/
      )
      for (const [entry, name] of [
        ["daybook/cli", "@effect/cli"],
        ["daybook/http", "@effect/platform-node"],
        ["daybook/cluster", "@effect/cluster"]
      ]) {
        const { stderr } = run("--input-type=module", "--eval", `await import("${entry}")`)
        assert.include(stderr, `Cannot find package '${name}' imported from`)
      }
    } finally {
      embedded.remove()
    }
  })

  it("runs the tank of the examples on Node and Deno, which go on with the same file", { timeout: 120_000 }, () => {
    const tank = Package.project("examples/tank")
    try {
      assert.deepStrictEqual(Package.compile(tank.folder), [])
      const run = ([command = "", ...args]: ReadonlyArray<string>) =>
        execFileSync(command, args, { cwd: tank.folder, encoding: "utf8" })
      const program = join(tank.folder, "dist/tank.js")
      assert.strictEqual(run([process.execPath, program]), "60 litres\n")
      assert.strictEqual(run(Deno.run(program, tank.folder)), "120 litres\n")
      const main = join(tank.daybook, "dist/bank/main.js")
      const verified = run([process.execPath, main, "--app", "dist/application.js", "verify", "--db", "sqlite:tank.db"])
      assert.include(verified, "2 events in 1 streams")
    } finally {
      tank.remove()
    }
  })
})
