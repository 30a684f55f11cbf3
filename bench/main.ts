/**
 * Runs the benchmarks named on the command line, or all, and prints ratios first, then what they were made from. Full
 * sizes are kept in `bench/results`; `--report` runs nothing, and writes `docs/benchmarks.md` from what is kept there;
 * `--against COMMIT` compares with an earlier commit (`against.ts`).
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import process from "node:process"
import * as against from "./against.ts"
import * as capacity from "./capacity.bench.ts"
import * as coldStreams from "./coldStreams.bench.ts"
import * as commands from "./commands.bench.ts"
import * as consoleBench from "./console.bench.ts"
import * as deno from "./deno.bench.ts"
import * as explain from "./explain.bench.ts"
import * as fairness from "./fairness.bench.ts"
import * as growth from "./growth.bench.ts"
import { isFull, isMet, type Ratio, type Result } from "./harness.ts"
import * as http from "./http.bench.ts"
import * as lag from "./lag.bench.ts"
import { machine } from "./machine.ts"
import * as memory from "./memory.bench.ts"
import * as postgres from "./postgres.bench.ts"
import * as rebuild from "./rebuild.bench.ts"
import * as rebuildLatency from "./rebuildLatency.bench.ts"
import * as recovery from "./recovery.bench.ts"
import * as replay from "./replay.bench.ts"
import { type Kept, render } from "./report.ts"
import * as sockets from "./sockets.bench.ts"
import * as startup from "./startup.bench.ts"
import * as stores from "./stores.bench.ts"
import * as subscribers from "./subscribers.bench.ts"
import * as swap from "./swap.bench.ts"
import * as timers from "./timers.bench.ts"
import * as transfers from "./transfers.bench.ts"

interface Benchmark {
  readonly run: () => Promise<ReadonlyArray<Result>>
  readonly ratios: (results: ReadonlyArray<Result>) => ReadonlyArray<Ratio>
}

const benchmarks: Readonly<Record<string, Benchmark>> = {
  replay,
  recovery,
  coldStreams,
  commands,
  explain,
  console: consoleBench,
  fairness,
  rebuild,
  rebuildLatency,
  lag,
  http,
  sockets,
  subscribers,
  transfers,
  timers,
  capacity,
  memory,
  growth,
  postgres,
  stores,
  swap,
  startup,
  deno
}

/** `npm run bench` runs in the folder of the package. */
const results = "bench/results"

const aimOf = ({ atLeast, atMost }: Ratio): string =>
  atLeast === undefined && atMost === undefined
    ? ""
    : `(aim: at ${atLeast === undefined ? `most ${atMost}` : `least ${atLeast}`})`

const runAll = async (names: ReadonlyArray<string>): Promise<void> => {
  for (const name of names) {
    const benchmark = benchmarks[name]
    if (benchmark === undefined) throw new Error(`no benchmark is called ${name}; there are ${Object.keys(benchmarks)}`)
  }
  for (const [name, { ratios, run }] of Object.entries(benchmarks)) {
    if (names.length > 0 && !names.includes(name)) continue
    const measured = await run()
    const kept: Kept = {
      name,
      at: new Date().toISOString(),
      machine: machine(),
      ratios: ratios(measured),
      results: measured
    }
    for (const one of kept.ratios) {
      console.log(`${one.ratio.toFixed(2)} x  ${one.what} ${aimOf(one)}${isMet(one) ? "" : " MISSED"}`)
    }
    console.log(JSON.stringify(kept))
    if (!isFull) continue
    mkdirSync(results, { recursive: true })
    writeFileSync(`${results}/${name}.json`, `${JSON.stringify(kept, null, 1)}\n`)
  }
}

const report = (): void => {
  const kept = Object.keys(benchmarks).flatMap((name): ReadonlyArray<Kept> => {
    if (!readdirSync(results).includes(`${name}.json`)) return []
    return [JSON.parse(readFileSync(`${results}/${name}.json`, "utf8"))]
  })
  const head = (name: string) => readFileSync(`bench/${name}.bench.ts`, "utf8")
  mkdirSync("docs/benchmarks", { recursive: true })
  for (const [path, text] of render(kept, head)) writeFileSync(path, text)
}

const wanted = process.argv.slice(2)
const [option, commit, ...loads] = wanted
if (option === "--report") report()
else if (option === "--against" && commit !== undefined) against.run(commit, loads)
else await runAll(wanted)
