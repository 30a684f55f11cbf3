/**
 * Question: how long does the first page of the history of a long stream take, does its memory depend on the
 * stream's length, and how fast is one pass over the log for its statistics, against the least that any scan of the
 * rows does (`raw`)?
 * Method: one account of 1,000,000 events in SQLite, in transactions of 10,000, read through a client that only
 * reads. The first page has 100 events and the running balance; milliseconds, warm. `raw` pages all columns of the
 * events and adds up the bytes of their data. Contestants of the scan in turn on the same file, medians.
 * Not measured: snapshots (the first page needs none); a running service beside it.
 */
import process from "node:process"
import { Effect } from "effect"
import type { EventStore } from "../src/core/EventStore.ts"
import * as Explain from "../src/core/Explain.ts"
import * as LogShape from "../src/core/LogShape.ts"
import type { SnapshotStore } from "../src/core/SnapshotStore.ts"
import * as SqliteStore from "../src/sql/SqliteStore.ts"
import { Database } from "./byHand.ts"
import { type Ratio, type Result, size, summary, withFolder } from "./harness.ts"
import * as LongAccount from "./LongAccount.ts"

const events = size(2_000, 1_000_000)
const batch = size(500, 10_000)
const rounds = size(2, 5)
const timed = async <A>(work: () => Promise<A> | A): Promise<{ readonly value: A; readonly seconds: number }> => {
  const start = performance.now()
  const value = await work()
  return { value, seconds: (performance.now() - start) / 1_000 }
}

/** All columns of all events, in pages; the bytes of their data. */
const scan = (filename: string): number => {
  const database = new Database(filename, { readonly: true })
  const page = database.prepare("SELECT * FROM log_events WHERE position > ? ORDER BY position LIMIT 1000").raw()
  let [after, bytes] = [0, 0]
  for (;;) {
    const rows = page.all(after) as ReadonlyArray<ReadonlyArray<unknown>>
    for (const row of rows) bytes += (row.at(-1) as string).length
    after = (rows.at(-1)?.[0] ?? after) as number
    if (rows.length < 1_000) break
  }
  database.close()
  return bytes
}

export const run = (): Promise<ReadonlyArray<Result>> =>
  withFolder(async (folder) => {
    const filename = `${folder}/explain.db`
    await LongAccount.write(filename, events, batch)
    const figures = await Effect.gen(function* () {
      const context = yield* Effect.context<EventStore | SnapshotStore>()
      const first = Explain.history(LongAccount.definition, LongAccount.id, { limit: 100, field: "balance" })
      const firsts: Array<number> = []
      const shapes: Array<number> = []
      const raws: Array<number> = []
      const before = process.memoryUsage().rss
      for (let round = 0; round < rounds; round++) {
        const page = yield* Effect.promise(() => timed(() => Effect.runPromise(Effect.provide(first, context))))
        if (page.value.steps.length !== 100) throw new Error("the first page is not whole")
        firsts.push(page.seconds * 1_000)
        const shape = yield* Effect.promise(() =>
          timed(() => Effect.runPromise(Effect.provide(LogShape.read(), context)))
        )
        const raw = yield* Effect.promise(() => timed(() => scan(filename)))
        if (shape.value.events !== events || shape.value.bytes !== raw.value)
          throw new Error("they did not count the same")
        shapes.push(events / shape.seconds)
        raws.push(events / raw.seconds)
      }
      return { firsts, shapes, raws, grown: (process.memoryUsage().rss - before) / 1_048_576 }
    }).pipe(Effect.provide(SqliteStore.layer({ filename, mode: "readOnly" })), Effect.runPromise)
    return [
      {
        benchmark: `explain: the first page of ${events} events`,
        unit: "ms",
        rounds,
        measured: [summary("page", figures.firsts)]
      },
      {
        benchmark: `explain: statistics of ${events} events`,
        unit: "events/s",
        rounds,
        measured: [summary("raw", figures.raws), summary("stats", figures.shapes)]
      },
      {
        benchmark: "explain: memory that both took",
        unit: "MB",
        rounds: 1,
        measured: [summary("grown", [figures.grown])]
      }
    ]
  })

const medianOf = (results: ReadonlyArray<Result>, name: string): number =>
  results.flatMap(({ measured }) => measured).find((each) => each.name === name)?.median ?? Number.NaN

export const ratios = (results: ReadonlyArray<Result>): ReadonlyArray<Ratio> => [
  { what: "first page of the history, in parts of 100 ms", ratio: medianOf(results, "page") / 100, atMost: 1 },
  {
    what: "statistics against the raw scan",
    ratio: medianOf(results, "stats") / medianOf(results, "raw"),
    atLeast: 0.5
  }
]
