/**
 * Runs one benchmark of Daybook on the host it is started on, once to warm up and then for its time, which it prints.
 */
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import * as commands from "./commands.bench.ts"
import { type Contestant, size } from "./harness.ts"
import * as replay from "./replay.bench.ts"

const contestants: Readonly<Record<string, Contestant>> = {
  replay: replay.daybook(),
  hot: commands.daybook(1, size(2_000, 50_000)),
  wide: commands.daybook(1_000, size(2_000, 50_000))
}

const [name = "", folder = ""] = process.argv.slice(2)
const contestant = contestants[name]
if (contestant === undefined) throw new Error(`no benchmark is called ${name}`)
const runIn = (round: string) => {
  mkdirSync(join(folder, round))
  return contestant.run(join(folder, round))
}
await runIn("warm")
process.stdout.write(`${JSON.stringify(await runIn("timed"))}\n`)
