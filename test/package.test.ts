/** What users install: the packed package compiles and runs from each of its entry points, and its program starts. */
import { execFileSync, spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import ts from "typescript"

const root = join(import.meta.dirname, "..")
const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  readonly exports: Record<string, object>
}
const entries = Object.keys(exports).map((path) => `daybook${path.slice(1)}`)

/** A user's project: the packed package, and the packages that it asks its user for. */
const project = mkdtempSync(join(tmpdir(), "daybook-package-"))
const modules = join(project, "node_modules")

beforeAll(() => {
  const run = (command: string, ...args: ReadonlyArray<string>) =>
    execFileSync(command, args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] })
  run("npm", "run", "build")
  const [{ filename }] = JSON.parse(run("npm", "pack", "--json", "--pack-destination", project)) as [
    { filename: string }
  ]
  mkdirSync(join(modules, "daybook"), { recursive: true })
  run("tar", "-xzf", join(project, filename), "-C", join(modules, "daybook"), "--strip-components=1")
  for (const name of readdirSync(join(root, "node_modules"))) {
    if (!name.startsWith(".")) symlinkSync(join(root, "node_modules", name), join(modules, name))
  }
  writeFileSync(join(project, "package.json"), '{ "type": "module" }')
}, 120_000)
afterAll(() => rmSync(project, { recursive: true }))

describe("the package", () => {
  it("compiles against each entry point", { timeout: 60_000 }, () => {
    const file = join(project, "use.ts")
    const names = entries.map((_, index) => `entry${index}`)
    const imports = entries.map((entry, index) => `import * as ${names[index]} from "${entry}"`)
    writeFileSync(file, `${imports.join("\n")}\nexport const all: ReadonlyArray<object> = [${names.join(", ")}]\n`)
    const program = ts.createProgram([file], {
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      target: ts.ScriptTarget.ES2022,
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: true,
      noEmit: true,
      types: []
    })
    const errors = ts
      .getPreEmitDiagnostics(program)
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, " "))
    assert.deepStrictEqual(errors, [])
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

  it("brings the program daybook", { timeout: 30_000 }, () => {
    const program = join(modules, "daybook/dist/bank/main.js")
    assert.include(execFileSync(process.execPath, [program, "--version"], { encoding: "utf8" }), "0.1.0")
    assert.isTrue(readFileSync(program, "utf8").startsWith("#!/usr/bin/env node\n"))
  })

  it("holds the build and nothing of the tests", () => {
    const files = readdirSync(join(modules, "daybook"))
    assert.deepStrictEqual(files.sort(), ["LICENSE", "README.md", "dist", "package.json"])
  })
})
