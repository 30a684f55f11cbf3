/**
 * `build` makes JavaScript of a folder's TypeScript, for tests that need processes of their own: Node 20 runs no
 * TypeScript.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import ts from "typescript"

/** File by file and unchecked, which takes a tenth of the compiler's time. */
const compilerOptions: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  verbatimModuleSyntax: true,
  rewriteRelativeImportExtensions: true
}

export const build = (from: string, to: string): void => {
  for (const file of readdirSync(from, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".ts")) continue
    const target = join(to, file.replace(/ts$/, "js"))
    mkdirSync(dirname(target), { recursive: true })
    const source = readFileSync(join(from, file), "utf8")
    writeFileSync(target, ts.transpileModule(source, { compilerOptions }).outputText)
  }
  writeFileSync(join(to, "package.json"), '{ "type": "module" }')
}
