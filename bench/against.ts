/**
 * Question: is this commit as fast as an earlier one? Method: rounds of both by turns, each in a process of its own, on
 * fresh files, and what goes first alternates; a load's ratio is the median of the ratios of its pairs. The earlier
 * commit is built from git with the packages that are installed.
 *
 *     npm run bench -- --against 0a4bee3 hot wide replay              (7 pairs, or as many as PAIRS says)
 *     npm run bench -- --against 4a0a8e0 rebuild catchUp              (of the account summary)
 *     npm run bench -- --against 5ac752d transfers                    (of a whole bank, 64 clients)
 *     npm run bench -- --against 0a4bee3 start-serve start-verify     (the time until it listens, or ends)
 */
import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs"
import { join, resolve } from "node:path"
import process from "node:process"
import { quantile, type Work } from "./harness.ts"
import { machine } from "./machine.ts"
import * as startup from "./startup.bench.ts"

/** Within node_modules, so that the build finds its packages. */
const cache = resolve("node_modules/.cache")
const loads = [
  "hot",
  "wide",
  "replay",
  "rebuild",
  "catchUp",
  "transfers",
  ...startup.names.map((use) => `start-${use}`)
]

/** The compiled benchmarks of a commit. Made once: what a commit holds never changes. */
const buildOf = (commit: string): string => {
  const sha = execFileSync("git", ["rev-parse", `${commit}^{commit}`], { encoding: "utf8" }).trim()
  const made = join(cache, "daybook-bench-of", sha)
  if (existsSync(made)) return join(made, "bench")
  mkdirSync(join(cache, "daybook-bench-of"), { recursive: true })
  const folder = mkdtempSync(join(cache, "daybook-bench-of-"))
  const files = ["src", "bench", "test", "tsconfig.json", "tsconfig.bench.json"]
  try {
    const archive = execFileSync("git", ["archive", sha, ...files], { maxBuffer: 2 ** 28 })
    execFileSync("tar", ["-x", "-C", folder], { input: archive })
    const compiled = join(folder, "out")
    execFileSync("npx", ["tsc", "-p", join(folder, "tsconfig.bench.json"), "--outDir", compiled], { stdio: "inherit" })
    renameSync(compiled, made)
  } finally {
    rmSync(folder, { recursive: true })
  }
  return join(made, "bench")
}

const round = (build: string, load: string): Work => {
  const script = join(cache, "daybook-bench/bench/pair.js")
  const text = execFileSync(process.execPath, [script, build, load], {
    encoding: "utf8",
    env: { ...process.env, BENCH: "full" }
  })
  return JSON.parse(text.trim().split("\n").at(-1) ?? "") as Work
}

/** Prints, for each load, this commit's rate as a multiple of the other's, with the smallest and the largest pair. */
export const run = (commit: string, wanted: ReadonlyArray<string>, pairs = Number(process.env.PAIRS ?? 7)): void => {
  const unknown = wanted.find((name) => !loads.includes(name))
  if (unknown !== undefined) throw new Error(`no load is called ${unknown}; there are ${loads}`)
  const builds = { before: buildOf(commit), now: join(cache, "daybook-bench/bench") }
  for (const load of wanted.length > 0 ? wanted : ["hot", "wide", "replay"]) {
    const ratios: Array<number> = []
    const rates = { before: [] as Array<number>, now: [] as Array<number> }
    for (let pair = 0; pair < pairs; pair++) {
      const order = pair % 2 === 0 ? (["before", "now"] as const) : (["now", "before"] as const)
      const works = Object.fromEntries(order.map((side) => [side, round(builds[side], load)])) as Record<
        (typeof order)[number],
        Work
      >
      if (works.before.checksum !== works.now.checksum) throw new Error(`${load}: they did not come to the same`)
      for (const side of order) rates[side].push(works[side].count / works[side].seconds)
      ratios.push(works.now.count / works.now.seconds / (works.before.count / works.before.seconds))
    }
    const [least, most] = [Math.min(...ratios), Math.max(...ratios)].map((value) => value.toFixed(2))
    console.log(`${quantile(ratios, 0.5).toFixed(3)} x  ${load}: this commit against ${commit} (${least} to ${most})`)
    console.log(JSON.stringify({ load, commit, pairs, machine: machine(), ratios, rates }))
  }
}
