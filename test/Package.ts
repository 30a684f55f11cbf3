/**
 * Projects of a user's own for tests: folders with the packed package, as `npm install` would put it there, beside the
 * packages that it asks its user for. The tarball is made once for each run.
 */
import { execFileSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs"
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

const installed = join(root, "node_modules")

/** These packages with those that they bring along, which are not what they ask their user for. */
const withDependencies = (names: ReadonlyArray<string>): ReadonlySet<string> => {
  const all = new Set(names)
  // A set gives what is added while one goes through it.
  for (const name of all) {
    const { dependencies = {} } = JSON.parse(readFileSync(join(installed, name, "package.json"), "utf8"))
    for (const dependency of Object.keys(dependencies)) all.add(dependency)
  }
  return all
}

const link = (modules: string, names: Iterable<string>): void => {
  for (const name of names) {
    mkdirSync(join(modules, name, ".."), { recursive: true })
    symlinkSync(join(installed, name), join(modules, name))
  }
}

/**
 * A folder with the package, and what `from` has. Beside it are `packages` and what they bring along; by default all
 * that are installed here. Where some are given, run Node with `--preserve-symlinks`, or a linked one finds others from
 * where it really is.
 */
export const project = (from?: string, packages?: ReadonlyArray<string>): Project => {
  const folder = mkdtempSync(join(tmpdir(), "daybook-project-"))
  if (from !== undefined) cpSync(join(root, from), folder, { recursive: true })
  const daybook = join(folder, "node_modules/daybook")
  mkdirSync(daybook, { recursive: true })
  execFileSync("tar", ["-xzf", inject("tarball"), "-C", daybook, "--strip-components=1"])
  const all = readdirSync(installed).filter((name) => !name.startsWith("."))
  link(join(folder, "node_modules"), packages === undefined ? all : withDependencies(packages))
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
