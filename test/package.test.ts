/** What users install: the packed package compiles and runs from each of its entry points, and its program starts. */
import { execFileSync, spawnSync } from "node:child_process"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { runInNewContext } from "node:vm"
import { afterAll, assert, describe, it } from "@effect/vitest"
import * as esbuild from "esbuild"
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
    // Of all that Node has, only what browsers have too.
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

  it("has the sources in its source maps, so that a stack leads to a line that is there", () => {
    const maps = readdirSync(daybook, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".js.map"))
    assert.isAbove(maps.length, 100)
    for (const file of maps) {
      const { sources, sourcesContent = [] } = JSON.parse(readFileSync(join(daybook, file), "utf8"))
      assert.deepStrictEqual([sources.length, sourcesContent.length, sourcesContent[0]?.length > 0], [1, 1, true], file)
    }
  })

  it("holds the build and nothing of the tests", () => {
    const files = readdirSync(daybook)
    assert.deepStrictEqual(files.sort(), ["LICENSE", "README.md", "dist", "package.json"])
  })
})
