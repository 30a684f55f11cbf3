/**
 * Projects of a user's own for tests: folders with the packed package, as `npm install` would put it there, beside the packages
 * that it asks its user for. The tarball is made once for each run.
 */
import { execFileSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import ts from "typescript"
import { inject } from "vitest"

export const root = join(import.meta.dirname, "..")

export interface Project {
  readonly folder: string
  /** Where the package is in it. */
  readonly daybook: string
  readonly remove: () => void
}

/** Links each package that has one of these names or scopes; all of them, where none are given. */
const link = (modules: string, only: ReadonlyArray<string> | undefined): void => {
  const installed = join(root, "node_modules")
  if (only === undefined) {
    for (const name of readdirSync(installed)) {
      if (!name.startsWith(".")) symlinkSync(join(installed, name), join(modules, name))
    }
    return
  }
  for (const name of only) {
    mkdirSync(join(modules, name, ".."), { recursive: true })
    // Not linked: a package finds those that it needs itself from where it really is.
    cpSync(join(installed, name), join(modules, name), { recursive: true })
  }
}

/** A folder with the package, and what `from` has. `packages` are copied, and no others are there; by default all are. */
export const project = (from?: string, packages?: ReadonlyArray<string>): Project => {
  const folder = mkdtempSync(join(tmpdir(), "daybook-project-"))
  if (from !== undefined) cpSync(join(root, from), folder, { recursive: true })
  const daybook = join(folder, "node_modules/daybook")
  mkdirSync(daybook, { recursive: true })
  execFileSync("tar", ["-xzf", inject("tarball"), "-C", daybook, "--strip-components=1"])
  link(join(folder, "node_modules"), packages)
  return { folder, daybook, remove: () => rmSync(folder, { recursive: true }) }
}

/** Compiles the folder as its `tsconfig.json` says, and gives what the compiler finds wrong. */
export const compile = (folder: string): ReadonlyArray<string> => {
  const path = join(folder, "tsconfig.json")
  const { config } = ts.readConfigFile(path, ts.sys.readFile)
  const { fileNames, options } = ts.parseJsonConfigFileContent(config, ts.sys, folder)
  const program = ts.createProgram(fileNames, options)
  program.emit()
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ file, messageText }) => `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`)
}
