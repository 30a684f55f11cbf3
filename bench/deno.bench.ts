/**
 * Question: how fast is Daybook on Deno, with `node:sqlite` and from the sources, against Node, with better-sqlite3 and
 * from the build? Method: the replay of `replay.bench.ts` and the commands of `commands.bench.ts`, each round in a
 * process of its own that has warmed up, the hosts in turn. Not measured: how long a process takes to start; HTTP.
 */
import { execFile } from "node:child_process"
import { join } from "node:path"
import process from "node:process"
import { promisify } from "node:util"
import { type Contestant, compare, type Ratio, type Result, ratio, size } from "./harness.ts"

/** The program and its first arguments, for a folder that it may write in. */
type Host = (folder: string) => readonly [string, ...ReadonlyArray<string>]

const node: Host = () => [process.execPath, join(import.meta.dirname, "denoContestant.js")]

/** `npm run bench` runs in the folder of the package. */
const deno: Host = (folder) => [
  "node_modules/.bin/deno",
  "run",
  "--no-prompt",
  `--allow-read=node_modules,${folder}`,
  `--allow-write=${folder}`,
  "--allow-env=BENCH",
  "--ignore-env",
  "--allow-sys=uid",
  "bench/denoContestant.ts"
]

const on = (name: string, host: Host, benchmark: string): Contestant => ({
  name,
  run: async (folder) => {
    const [program, ...first] = host(folder)
    const { stdout } = await promisify(execFile)(program, [...first, benchmark, folder])
    return JSON.parse(stdout)
  }
})

const benchmarks = [
  ["replay", "replay of one stream", "events/s"],
  ["hot", "durable commands, accounts: 1", "commands/s"],
  ["wide", "durable commands, accounts: 1000", "commands/s"]
] as const

export const run = async (): Promise<ReadonlyArray<Result>> => {
  const results: Array<Result> = []
  for (const [benchmark, title, unit] of benchmarks) {
    results.push(
      await compare(`${title}, by host`, unit, [on("node", node, benchmark), on("deno", deno, benchmark)], size(1, 3))
    )
  }
  return results
}

export const ratios = (results: ReadonlyArray<Result>): ReadonlyArray<Ratio> =>
  results.map((result) => ({ what: `${result.benchmark}, deno against node`, ratio: ratio(result, "deno", "node") }))
