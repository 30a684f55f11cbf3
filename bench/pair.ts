/**
 * Runs one round of one contestant in this process, and prints its work: `bench/against.ts` starts it for two commits
 * by turns. It lies beside the benchmarks of either build, so it calls only what every commit since 0a4bee3 exports.
 */
import process from "node:process"
import { fileURLToPath, pathToFileURL } from "node:url"
import type { Contestant } from "./harness.ts"
import { withFolder } from "./harness.ts"
import * as rebuild from "./rebuild.bench.ts"
import * as startup from "./startup.bench.ts"
import * as transfers from "./transfers.bench.ts"

/** What the benchmarks of a commit export. */
interface Commands {
  readonly daybook: (accounts: number, commands: number) => Contestant
}
interface Replay {
  readonly daybook: () => Contestant
}
type Rebuild = Pick<rebuild.Build, "daybook" | "makeLog">
type RawLog = Pick<rebuild.Build, "writer">

/** The loads that two commits can be compared by. */
const loads: Readonly<Record<string, (folder: string) => Promise<Contestant>>> = {
  hot: async (folder) => (await commandsOf(folder)).daybook(1, 50_000),
  wide: async (folder) => (await commandsOf(folder)).daybook(1_000, 50_000),
  replay: async (folder) => ((await import(`${folder}/replay.bench.js`)) as Replay).daybook(),
  rebuild: async (folder) => {
    const { daybook, makeLog } = await rebuildOf(folder)
    return following(daybook, (own) => makeLog(own, rebuild.count))
  },
  catchUp: async (folder) => {
    const { daybook, makeLog } = await rebuildOf(folder)
    const { writer } = (await import(`${folder}/RawLog.js`)) as RawLog
    return following(daybook, (own) => rebuild.makeLogWithModel(own, rebuild.count, { daybook, makeLog, writer }))
  },
  transfers: async (folder) => transfers.ofBuild(await bankOf(folder)),
  ...Object.fromEntries(
    startup.names.map((use) => [
      `start-${use}`,
      async (folder: string) => startup.starting(startup.programOf(fileURLToPath(folder)), use)
    ])
  )
}

const commandsOf = async (folder: string): Promise<Commands> =>
  (await import(`${folder}/commands.bench.js`)) as Commands

const rebuildOf = async (folder: string): Promise<Rebuild> => (await import(`${folder}/rebuild.bench.js`)) as Rebuild

/** What the bank of a build is made of, and runs on. */
const bankOf = async (folder: string): Promise<transfers.Build> => {
  const load = async (module: string) => await import(`${folder}/../src/${module}.js`)
  return {
    application: (await load("bank/Bank")).application,
    ActorSystemLocal: await load("core/ActorSystemLocal"),
    ProjectionsLocal: await load("projection/ProjectionsLocal"),
    SqliteStore: await load("sql/SqliteStore"),
    Account: (await load("bank/account/Account")).Account,
    Transfers: (await load("bank/transfer/Transfers")).Transfers
  }
}

/** Follows a log that this commit makes in the folder, before the clock runs: what stores it may have changed. */
const following = (daybook: Rebuild["daybook"], makeLog: (folder: string) => Promise<string>): Contestant => ({
  name: "daybook",
  run: async (folder) => daybook(await makeLog(folder), rebuild.count).run(folder)
})

const [build, name] = process.argv.slice(2)
const load = loads[name ?? ""]
if (build === undefined || load === undefined) throw new Error(`give a build and one of ${Object.keys(loads)}`)
const { run } = await load(pathToFileURL(build).href)
console.log(JSON.stringify(await withFolder(run)))
