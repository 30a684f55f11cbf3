/**
 * Every benchmark runs, in a small size, as `npm run bench` runs it; and the page of benchmarks is what was measured.
 */
import { execFile } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { promisify } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { type Kept, render } from "../bench/report.ts"
import { build } from "./Build.ts"

const root = join(import.meta.dirname, "..")
const bench = join(root, "bench")
const names = readdirSync(bench).flatMap((file) => /^(.*)\.bench\.ts$/.exec(file)?.[1] ?? [])

describe("the benchmarks", () => {
  it("run, and each contestant does the same work", async () => {
    // Within node_modules, so that the build finds its packages.
    const folder = mkdtempSync(join(root, "node_modules/.cache/bench-"))
    try {
      for (const part of ["src", "bench", "test"]) build(join(root, part), join(folder, part))
      const env = { ...process.env, BENCH: "" }
      // It takes a minute, in which the worker must answer the runner. What it fails with has what it printed.
      const args = [join(folder, "bench/main.js")]
      const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root, env, maxBuffer: 2 ** 26 })
      const kept = stdout
        .split("\n")
        .filter((line) => line.startsWith("{"))
        .map((line): Kept => JSON.parse(line))
      assert.sameMembers(
        kept.map(({ name }) => name),
        names
      )
      for (const { name, ratios, results } of kept) {
        assert.isAbove(results.length, 0, name)
        for (const { measured } of results) {
          for (const { least, median, most } of measured) {
            assert.isTrue(least <= median && median <= most, `${name}: ${JSON.stringify(measured)}`)
          }
        }
        for (const { ratio, what } of ratios) assert.isTrue(Number.isFinite(ratio) && ratio > 0, `${what}: ${ratio}`)
      }
    } finally {
      rmSync(folder, { recursive: true })
    }
  }, 300_000)

  it("are told on their page as they were measured, in the order of what they are", () => {
    const folder = join(bench, "results")
    const page = readFileSync(join(root, "docs/benchmarks.md"), "utf8")
    const order = [...page.matchAll(/^## (\w+)$/gm)].map(([, name]) => name)
    const kept = readdirSync(folder).map((file): Kept => JSON.parse(readFileSync(join(folder, file), "utf8")))
    kept.sort((left, right) => order.indexOf(left.name) - order.indexOf(right.name))
    for (const [path, text] of render(kept, (name) => readFileSync(join(bench, `${name}.bench.ts`), "utf8"))) {
      assert.strictEqual(readFileSync(join(root, path), "utf8"), text, `${path}: npm run bench -- --report`)
    }
  })
})
