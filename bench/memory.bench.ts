/**
 * Question: how many bytes does a live actor take, does it leave any behind, and how much memory does a process need
 * that serves far more accounts than it may hold? Method: each measurement in a process of its own (`memoryProbe.ts`),
 * bank accounts on SQLite at synchronous=FULL. Bytes are those of the heap and outside of it after a full collection,
 * with and without the actors, divided by their number: live and idle; live, each with a command in its append and a
 * caller that waits for it (a fiber); and after all have left memory. Then many accounts are opened, and deposited to
 * in another order, with a tenth of them live at most, and never more than 10,000: each is recovered from its events,
 * each reply tells the right balance, and at the end the whole log is read and every hash and every balance checked.
 * Reported is the largest resident set of that process, as the system counts it. Not measured: read models; the page
 * cache of the system, which is not the process's; long streams, of which an actor holds the state alone.
 */
import { execFile } from "node:child_process"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { promisify } from "node:util"
import { type Ratio, type Result, size, summary, withFolder } from "./harness.ts"

const actors = size(200, 10_000)
const accounts = size(500, 1_000_000)

const aimBytes = { idle: 8_192, accounts: 2 ** 30 }

interface Probed {
  readonly actors: { readonly idle: number; readonly busy: number; readonly passivated: number }
  readonly accounts: { readonly rss: number; readonly seconds: number; readonly checksum: string }
}

const probe = async <M extends keyof Probed>(mode: M, count: number, base: string): Promise<Probed[M]> => {
  const folder = join(base, mode)
  mkdirSync(folder)
  const script = join(import.meta.dirname, "memoryProbe.js")
  const options = mode === "actors" ? ["--expose-gc"] : []
  const { stdout } = await promisify(execFile)(process.execPath, [...options, script, mode, String(count), folder])
  return JSON.parse(stdout)
}

export const run = (): Promise<ReadonlyArray<Result>> =>
  withFolder(async (folder) => {
    const each = await probe("actors", actors, folder)
    const all = await probe("accounts", accounts, folder)
    const perSecond = Math.round((2 * accounts) / all.seconds)
    return [
      {
        benchmark: `memory of an actor, of ${actors}`,
        unit: "bytes",
        rounds: 1,
        measured: [
          summary("idle", [each.idle]),
          summary("busy, with its caller", [each.busy]),
          summary("after it left", [each.passivated])
        ]
      },
      {
        benchmark: `memory of a process that served ${accounts} accounts (${perSecond} cold commands/s)`,
        unit: "bytes of the largest resident set",
        rounds: 1,
        measured: [summary("accounts", [all.rss], all.checksum)]
      }
    ]
  })

export const ratios = ([each, all]: ReadonlyArray<Result>): ReadonlyArray<Ratio> => [
  {
    what: `${each?.benchmark}, live and idle, against 8 kB`,
    ratio: (each?.measured[0]?.median ?? Number.NaN) / aimBytes.idle,
    atMost: 1
  },
  {
    what: `${all?.benchmark}, against 1 GB`,
    ratio: (all?.measured[0]?.median ?? Number.NaN) / aimBytes.accounts,
    atMost: 1
  }
]
