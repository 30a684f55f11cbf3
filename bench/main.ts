/** Runs the benchmarks named on the command line, or all: ratios first, then what they were made from. */
import process from "node:process"
import * as commands from "./commands.bench.ts"
import * as deno from "./deno.bench.ts"
import * as growth from "./growth.bench.ts"
import * as http from "./http.bench.ts"
import * as memory from "./memory.bench.ts"
import * as postgres from "./postgres.bench.ts"
import * as rebuild from "./rebuild.bench.ts"
import * as rebuildLatency from "./rebuildLatency.bench.ts"
import * as replay from "./replay.bench.ts"
import * as transfers from "./transfers.bench.ts"

const benchmarks = { commands, deno, growth, http, memory, postgres, replay, rebuild, rebuildLatency, transfers }

const wanted = process.argv.slice(2)
for (const [name, benchmark] of Object.entries(benchmarks)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  const results = await benchmark.run()
  for (const { ratio, what } of benchmark.aims(results)) console.log(`${ratio.toFixed(2)} x  ${what}`)
  for (const result of results) console.log(JSON.stringify(result))
}
