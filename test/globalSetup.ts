/**
 * What is made once for each run: a build of the package, for tests that need processes of their own (Node 20 runs no
 * TypeScript), and where a test file needs them a PostgreSQL server, a NATS server and the packed package.
 */
import { execFile } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { promisify } from "node:util"
import type { TestProject } from "vitest/node"
import { build } from "./Build.ts"
import * as NatsServer from "./NatsServer.ts"
import * as PostgresServer from "./PostgresServer.ts"

declare module "vitest" {
  export interface ProvidedContext {
    /** The folder of the build: `core/EventStore.js` and so on. */
    readonly dist: string
    /** The address of a PostgreSQL server, whose `public` schema no test uses. Empty where no file needs it. */
    readonly postgres: string
    /** The addresses of a NATS server with JetStream. Empty where no file needs it, or none can be had. */
    readonly nats: { readonly url: string; readonly monitorUrl: string }
    /** The tarball that `npm pack` made. Empty where no file needs it. */
    readonly tarball: string
  }
}

/** Whether a file that is to run imports one of these modules. */
const isNeeded = async (project: TestProject, ...modules: ReadonlyArray<string>): Promise<boolean> => {
  // With the values of options among them, these name too many files at worst.
  const named = process.argv.slice(2).filter((argument) => argument !== "run" && !argument.startsWith("-"))
  const { testFiles } = await project.globTestFiles(named)
  return testFiles.some((file) => {
    const text = readFileSync(file, "utf8")
    return modules.some((module) => text.includes(`/${module}"`))
  })
}

/**
 * The server of `DAYBOOK_TEST_PG`, or one of our own for the files that import `Postgres.ts`, or the list of stores
 * that does.
 */
const startPostgres = async (project: TestProject) => {
  const url = process.env.DAYBOOK_TEST_PG
  if (url !== undefined) return { url, stop: async () => {} }
  const needed = await isNeeded(project, "Postgres.ts", "stores.ts")
  return needed ? PostgresServer.start() : { url: "", stop: async () => {} }
}

/** For the files that import `Nats.ts`, or the list of stores that does. */
const startNats = async (project: TestProject) => {
  const isWanted = await isNeeded(project, "Nats.ts", "stores.ts")
  return isWanted && NatsServer.found !== undefined
    ? NatsServer.start()
    : { url: "", monitorUrl: "", stop: async () => {} }
}

/** As a release is made: `prepack` builds what is packed. */
const pack = async (project: TestProject, root: string) => {
  if (!(await isNeeded(project, "Package.ts"))) return { tarball: "", remove: () => {} }
  const folder = mkdtempSync(join(tmpdir(), "daybook-tarball-"))
  const options = ["pack", "--json", "--pack-destination", folder]
  // What the build says comes before the JSON.
  const { stdout } = await promisify(execFile)("npm", options, { cwd: root })
  const [{ filename }] = JSON.parse(stdout.slice(stdout.indexOf("[\n"))) as [{ filename: string }]
  return { tarball: join(folder, filename), remove: () => rmSync(folder, { recursive: true }) }
}

export default async (project: TestProject): Promise<() => Promise<void>> => {
  const starting = startPostgres(project)
  const root = join(import.meta.dirname, "..")
  // Within node_modules, so that the build finds its packages; named after the process, so that two runs do not meet.
  const dist = join(root, "node_modules/.cache/daybook", String(process.pid))
  build(join(root, "src"), dist)
  const page = join(root, "src/console/page/bundle.mjs")
  await promisify(execFile)(process.execPath, [page, join(dist, "console")])
  project.provide("dist", dist)
  const [postgres, nats, packed] = await Promise.all([starting, startNats(project), pack(project, root)])
  project.provide("postgres", postgres.url)
  project.provide("nats", { url: nats.url, monitorUrl: nats.monitorUrl })
  project.provide("tarball", packed.tarball)
  return async () => {
    await postgres.stop()
    await nats.stop()
    packed.remove()
    rmSync(dist, { recursive: true })
  }
}
