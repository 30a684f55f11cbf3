/**
 * Question: what does a cold start of many long streams cost, as after a release whose states are others: how long
 * until all have answered, how much memory, and what becomes of an account that is warm? Method: 64 streams of 20,000
 * events on SQLite at synchronous=FULL, each with a snapshot of an earlier form of its state. A process of its own
 * (`coldStreamsProbe.ts`) deposits to a warm account without end, one deposit after the other, while all 64 get a
 * deposit at once. Measured are the time to the last of the 64 replies, the latency of the warm account meanwhile, the
 * latency of 64 cold accounts of one event that are asked then too, and the largest resident set of the process, as the
 * system counts it. Each reply must tell the right balance. Not measured: a disk that has to be read (the file is in
 * the system's cache); other processes.
 */
import { execFile } from "node:child_process"
import { join } from "node:path"
import process from "node:process"
import { promisify } from "node:util"
import { Effect } from "effect"
import { SnapshotStore } from "../src/core/SnapshotStore.ts"
import * as SqliteStore from "../src/sql/SqliteStore.ts"
import * as ByHand from "./byHand.ts"
import { type Ratio, type Result, size, summary, withFolder } from "./harness.ts"

const rounds = size(1, 3)
const streams = size(8, 64)
const events = size(300, 20_000)

const aims = { seconds: 60, rss: 400 * 2 ** 20, warmMillis: 100 }

interface Probed {
  readonly seconds: number
  readonly rss: number
  readonly warmMillis: number
  readonly shortMillis: number
  readonly checksum: string
}

/** Writes the log, and snapshots that no release of today reads. */
const seed = async (filename: string): Promise<void> => {
  await Effect.runPromise(Effect.provide(SnapshotStore, SqliteStore.layer({ filename })))
  const byHand = ByHand.open(filename)
  const heads = ByHand.seed(byHand, streams, events)
  byHand.database.close()
  const snapshots = heads.map(({ hash: eventHash, position, version }, account) => ({
    streamId: ByHand.streamOf(account),
    version,
    position,
    eventHash,
    fingerprint: "of an earlier form",
    data: "{}",
    recordedAt: 0,
    checksum: ""
  }))
  await Effect.runPromise(
    Effect.provide(
      Effect.flatMap(SnapshotStore, (store) => store.save(snapshots, 2)),
      SqliteStore.layer({ filename })
    )
  )
}

const probe = async (filename: string): Promise<Probed> => {
  const script = join(import.meta.dirname, "coldStreamsProbe.js")
  const { stdout } = await promisify(execFile)(process.execPath, [script, filename, String(streams), String(events)])
  return JSON.parse(stdout)
}

export const run = async (): Promise<ReadonlyArray<Result>> => {
  const all: Array<Probed> = []
  for (let round = 0; round < rounds; round++) {
    all.push(
      await withFolder(async (folder) => {
        const filename = join(folder, "cold.db")
        await seed(filename)
        return probe(filename)
      })
    )
  }
  const what = `${streams} cold streams of ${events} events at once`
  const result = (benchmark: string, unit: string, figure: (one: Probed) => number): Result => ({
    benchmark: `${what}: ${benchmark}`,
    unit,
    rounds,
    measured: [summary("Daybook", all.map(figure), all[0]?.checksum)]
  })
  return [
    result("until the last reply", "s", ({ seconds }) => seconds),
    result("memory", "bytes of the largest resident set", ({ rss }) => rss),
    result("a warm account meanwhile, p99", "ms", ({ warmMillis }) => warmMillis),
    result("the slowest of 64 short cold accounts", "ms", ({ shortMillis }) => shortMillis)
  ]
}

const figureOf = (result: Result | undefined): number => result?.measured[0]?.median ?? Number.NaN

export const ratios = ([time, memory, warm]: ReadonlyArray<Result>): ReadonlyArray<Ratio> => [
  { what: `${time?.benchmark}, against 60 s`, ratio: figureOf(time) / aims.seconds, atMost: 1 },
  { what: `${memory?.benchmark}, against 400 MB`, ratio: figureOf(memory) / aims.rss, atMost: 1 },
  { what: `${warm?.benchmark}, against 100 ms`, ratio: figureOf(warm) / aims.warmMillis, atMost: 1 }
]
