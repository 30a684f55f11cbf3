/** Builds an application of a test as a user's build has it: a module of its own beside the package. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import ts from "typescript"
import { inject } from "vitest"

/** The path of the module of `NAME.ts` in this folder. */
export const built = (name: string): string => {
  const path = join(inject("dist"), `apps/${name.toLowerCase()}/${name}.js`)
  mkdirSync(dirname(path), { recursive: true })
  const source = readFileSync(join(import.meta.dirname, `${name}.ts`), "utf8").replaceAll("../../src/", "../../")
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
      rewriteRelativeImportExtensions: true
    }
  })
  writeFileSync(path, outputText)
  return path
}
