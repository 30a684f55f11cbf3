/**
 * One small harness for every benchmark: contestants take turns for some rounds, on fresh files, in one process, and
 * what is reported is the median of each and the ratios between them. Machines are shared and noisy, so a ratio within
 * one run says something where an absolute time says nothing.
 *
 * A round ends with a checksum of what was done. Contestants that did as much must come to the same one in every round;
 * else the benchmark fails.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"

/** Whether the sizes are those that are reported, or small ones that keep the code alive. */
export const isFull = process.env.BENCH === "full"
export const size = (small: number, full: number): number => (isFull ? full : small)

export interface Work {
  /** How much was done, in the unit that the benchmark names. */
  readonly count: number
  readonly seconds: number
  /**
   * A sum over what came of it, such as all balances: shows that the work was done, and the same by each contestant.
   */
  readonly checksum: string
}

export interface Contestant<W extends Work = Work> {
  readonly name: string
  /** Gets a folder of its own for its files. Times only what is compared. */
  readonly run: (folder: string) => Promise<W>
}

/** One contestant's rounds, or one of several figures of the same rounds. */
export interface Measured {
  readonly name: string
  /** The median over the rounds, and the smallest and largest, in the unit of the result. */
  readonly median: number
  readonly least: number
  readonly most: number
  /** Empty where the figure is not of work that is compared. */
  readonly checksum: string
}

export interface Result {
  /** What was done, with its sizes. */
  readonly benchmark: string
  readonly unit: string
  readonly rounds: number
  readonly measured: ReadonlyArray<Measured>
}

/** A ratio that a benchmark is made for. */
export interface Ratio {
  readonly what: string
  readonly ratio: number
  /** What it is to be, where it is to be something. */
  readonly atLeast?: number
  readonly atMost?: number
}

export const isMet = ({ atLeast = -Infinity, atMost = Infinity, ratio }: Ratio): boolean =>
  ratio >= atLeast && ratio <= atMost

const ranked = (values: ReadonlyArray<number>): ReadonlyArray<number> => [...values].sort((left, right) => left - right)

/** Such as 0.99 of the values are not above it. */
export const quantile = (values: ReadonlyArray<number>, part: number): number => {
  const sorted = ranked(values)
  return sorted[Math.min(Math.floor(sorted.length * part), sorted.length - 1)] ?? Number.NaN
}

/** One value for each round. */
export const summary = (name: string, values: ReadonlyArray<number>, checksum = ""): Measured => ({
  name,
  median: quantile(values, 0.5),
  least: Math.min(...values),
  most: Math.max(...values),
  checksum
})

/** A folder for the files of a benchmark, gone when it ends. */
export const withFolder = async <A>(use: (folder: string) => Promise<A>): Promise<A> => {
  const folder = mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), "daybook-bench-"))
  try {
    return await use(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Throws where two that did as much came to something else. */
const assertAlike = (benchmark: string, works: ReadonlyMap<string, ReadonlyArray<Work>>): void => {
  const known = new Map<number, readonly [name: string, checksum: string]>()
  for (const [name, all] of works) {
    for (const { checksum, count } of all) {
      const [first, expected] = known.get(count) ?? [name, checksum]
      known.set(count, [first, expected])
      if (checksum !== expected) {
        throw new Error(`${benchmark}: ${name} came to ${checksum}, and ${first} to ${expected}, after the same work`)
      }
    }
  }
}

/** Runs the contestants in turn, some rounds to warm up and then those that count. */
export const inTurn = async <W extends Work>(
  benchmark: string,
  contestants: ReadonlyArray<Contestant<W>>,
  rounds: number,
  warmUps = isFull ? 1 : 0
): Promise<ReadonlyMap<string, ReadonlyArray<W>>> => {
  const works = new Map<string, Array<W>>(contestants.map(({ name }) => [name, []]))
  for (let round = -warmUps; round < rounds; round++) {
    for (const { name, run } of contestants) {
      const work = await withFolder(run)
      if (round >= 0) works.get(name)?.push(work)
    }
  }
  assertAlike(benchmark, works)
  return works
}

const rates = (works: ReadonlyArray<Work>): ReadonlyArray<number> => works.map(({ count, seconds }) => count / seconds)

/** How much each did in a second. */
export const toResult = (benchmark: string, unit: string, works: ReadonlyMap<string, ReadonlyArray<Work>>): Result => {
  const measured = Array.from(works, ([name, all]) => summary(name, rates(all), all[0]?.checksum))
  return { benchmark, unit, rounds: Math.max(...Array.from(works.values(), ({ length }) => length)), measured }
}

export const compare = async (
  benchmark: string,
  unit: string,
  contestants: ReadonlyArray<Contestant>,
  rounds = size(1, 5)
): Promise<Result> => toResult(benchmark, unit, await inTurn(benchmark, contestants, rounds))

const medianOf = (result: Result | undefined, name: string): number =>
  result?.measured.find((one) => one.name === name)?.median ?? Number.NaN

/** The first's median as a multiple of the second's. */
export const ratio = (result: Result | undefined, name: string, against: string): number =>
  medianOf(result, name) / medianOf(result, against)

/** The same across two results. */
export const ratioOf = (result: Result | undefined, against: Result | undefined, name: string): number =>
  medianOf(result, name) / medianOf(against, name)
