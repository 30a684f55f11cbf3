/**
 * What is made once for each run: a build of the package, for tests that need processes of their own (Node 20 runs no
 * TypeScript), and a PostgreSQL server, where a test file needs it.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import process from "node:process"
import ts from "typescript"
import type { TestProject } from "vitest/node"
import * as PostgresServer from "./PostgresServer.ts"

declare module "vitest" {
  export interface ProvidedContext {
    /** The folder of the build: `core/EventStore.js` and so on. */
    readonly dist: string
    /** The address of a PostgreSQL server, whose `public` schema no test uses. Empty where no file needs it. */
    readonly postgres: string
  }
}

/** File by file and unchecked, which takes a tenth of the compiler's time. */
const compilerOptions: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  verbatimModuleSyntax: true,
  rewriteRelativeImportExtensions: true
}

/** The server of `DAYBOOK_TEST_PG`, or one of our own for the files that import `Postgres.ts`. */
const startPostgres = async (project: TestProject) => {
  const url = process.env.DAYBOOK_TEST_PG
  if (url !== undefined) return { url, stop: async () => {} }
  // With the values of options among them, these name too many files at worst.
  const named = process.argv.slice(2).filter((argument) => argument !== "run" && !argument.startsWith("-"))
  const { testFiles } = await project.globTestFiles(named)
  const needed = testFiles.some((file) => readFileSync(file, "utf8").includes('/Postgres.ts"'))
  return needed ? PostgresServer.start() : { url: "", stop: async () => {} }
}

export default async (project: TestProject): Promise<() => Promise<void>> => {
  const starting = startPostgres(project)
  const root = join(import.meta.dirname, "..")
  // Within node_modules, so that the build finds its packages; named after the process, so that two runs do not meet.
  const dist = join(root, "node_modules/.cache/daybook", String(process.pid))
  for (const file of readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".ts")) continue
    const source = readFileSync(join(root, "src", file), "utf8")
    const target = join(dist, file.replace(/ts$/, "js"))
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(target, ts.transpileModule(source, { compilerOptions }).outputText)
  }
  writeFileSync(join(dist, "package.json"), '{ "type": "module" }')
  project.provide("dist", dist)
  const postgres = await starting
  project.provide("postgres", postgres.url)
  return async () => {
    await postgres.stop()
    rmSync(dist, { recursive: true })
  }
}
