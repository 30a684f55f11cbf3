/**
 * What is made once for each run: a build of the package, for tests that need processes of their own (Node 20 runs no
 * TypeScript), and a PostgreSQL server, where a test file needs it.
 */
import { readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import type { TestProject } from "vitest/node"
import { build } from "./Build.ts"
import * as PostgresServer from "./PostgresServer.ts"

declare module "vitest" {
  export interface ProvidedContext {
    /** The folder of the build: `core/EventStore.js` and so on. */
    readonly dist: string
    /** The address of a PostgreSQL server, whose `public` schema no test uses. Empty where no file needs it. */
    readonly postgres: string
  }
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
  build(join(root, "src"), dist)
  project.provide("dist", dist)
  const postgres = await starting
  project.provide("postgres", postgres.url)
  return async () => {
    await postgres.stop()
    rmSync(dist, { recursive: true })
  }
}
