/** Builds the package once for each run, for tests that need processes of their own: Node 20 runs no TypeScript. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import ts from "typescript"
import type { TestProject } from "vitest/node"

declare module "vitest" {
  export interface ProvidedContext {
    /** The folder of the build: `core/EventStore.js` and so on. */
    readonly dist: string
  }
}

/** File by file and unchecked, which takes a tenth of the compiler's time. */
const compilerOptions: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  verbatimModuleSyntax: true,
  rewriteRelativeImportExtensions: true
}

export default (project: TestProject): (() => void) => {
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
  return () => rmSync(dist, { recursive: true })
}
