/**
 * One small harness for every benchmark: contestants take turns for some rounds, on fresh files, in one process, and what
 * is reported is the median of each and the ratios between them. Machines are shared and noisy, so a ratio within one run
 * says something where an absolute time says nothing.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { cpus, tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"

/** Whether the sizes are those that are reported, or small ones that keep the code alive. */
export const isFull = process.env.BENCH === "full"
export const size = (small: number, full: number): number => (isFull ? full : small)

export interface Work {
  /** How much was done, in the unit that the benchmark names. */
  readonly count: number
  readonly seconds: number
  /** Shows that the work was done, and the same by each contestant. */
  readonly checksum: string
}

export interface Contestant {
  readonly name: string
  /** Gets a folder of its own for its files. Times only what is compared. */
  readonly run: (folder: string) => Promise<Work>
}

export interface Measured {
  readonly name: string
  /** Per second: the median over the rounds, and the smallest and largest. */
  readonly rate: number
  readonly least: number
  readonly most: number
  readonly checksum: string
}

export interface Result {
  readonly benchmark: string
  readonly unit: string
  readonly rounds: number
  readonly measured: ReadonlyArray<Measured>
  readonly machine: string
}

const median = (values: ReadonlyArray<number>): number =>
  [...values].sort((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN

const inFolder = async (contestant: Contestant): Promise<Work> => {
  const folder = mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), "daybook-bench-"))
  try {
    return await contestant.run(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

export const machine = (): string =>
  `${cpus()[0]?.model ?? "unknown"} x${cpus().length}, ${process.platform}, node ${process.version}`

/** Runs the contestants in turn, once to warm up and then `rounds` times. */
export const compare = async (
  benchmark: string,
  unit: string,
  contestants: ReadonlyArray<Contestant>,
  rounds = size(1, 5)
): Promise<Result> => {
  const works = new Map<string, Array<Work>>(contestants.map(({ name }) => [name, []]))
  for (let round = isFull ? -1 : 0; round < rounds; round++) {
    for (const contestant of contestants) {
      const work = await inFolder(contestant)
      if (round >= 0) works.get(contestant.name)?.push(work)
    }
  }
  const measured = [...works].map(([name, all]) => {
    const rates = all.map(({ count, seconds }) => count / seconds)
    const checksums = new Set(all.map(({ checksum }) => checksum))
    if (checksums.size !== 1) throw new Error(`${benchmark}, ${name}: the rounds did different work`)
    return {
      name,
      rate: median(rates),
      least: Math.min(...rates),
      most: Math.max(...rates),
      checksum: all[0]?.checksum ?? ""
    }
  })
  return { benchmark, unit, rounds, measured, machine: machine() }
}

/** How often faster the first is than the second, by their medians. */
export const ratio = (result: Result, name: string, against: string): number => {
  const rate = (wanted: string) => result.measured.find((one) => one.name === wanted)?.rate ?? Number.NaN
  return rate(name) / rate(against)
}
