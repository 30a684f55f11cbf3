/**
 * Question: how fast does one stream of events replay, against the least that any replay does (`raw`: page the rows and
 * parse their JSON), and what do old versions cost?
 * Method: one stream of 100,000 events in SQLite, read in pages of 1,000; `current` is stored in the version of today, `mixed`
 * in three versions by turns. Daybook reads, checks every hash and the chain, upcasts, decodes and evolves.
 * Not measured: snapshots, which are there to make this rare; the disk, since the pages are in memory.
 */
import { join } from "node:path"
import { Effect } from "effect"
import { EventStore, type ProposedCommand } from "../src/core/EventStore.ts"
import * as Replay from "../src/core/Replay.ts"
import { StreamId } from "../src/core/StreamId.ts"
import { eventColumns } from "../src/sql/LogTables.ts"
import * as SqliteStore from "../src/sql/SqliteStore.ts"
import { AgedAccount, behaviour } from "../src/testing/AgedAccount.ts"
import { Database } from "./byHand.ts"
import { type Contestant, compare, type Result, ratio, size } from "./harness.ts"

const events = size(2_000, 100_000)
const streamId = StreamId.make("agedAccount-one")

/** The same deposit in each of its versions. */
const forms = [
  (minor: number) => ({ amount: minor / 100 }),
  (minor: number) => ({ amount: String(minor) }),
  (minor: number) => ({ amount: String(minor), reference: null })
]
const minorOf = (number: number): number => (number * 7_919) % 100_003

/** Writes the stream, in the version of today or in all of them by turns. */
const seed = (folder: string, kind: "current" | "mixed"): Promise<string> => {
  const filename = join(folder, "replay.db")
  const command = (from: number): ProposedCommand => ({
    commandId: `command-${from}`,
    isNew: true,
    fingerprint: "",
    correlationId: `command-${from}`,
    causationId: null,
    traceparent: null,
    events: Array.from({ length: Math.min(1_000, events - from) }, (_, index) => {
      const number = from + index
      const schemaVersion = kind === "current" ? 3 : (number % 3) + 1
      return { type: "Deposited", schemaVersion, data: JSON.stringify(forms[schemaVersion - 1]?.(minorOf(number))) }
    }),
    outcome: "success",
    answer: () => "{}"
  })
  const program = Effect.gen(function* () {
    const store = yield* EventStore
    for (let from = 0; from < events; from += 1_000) {
      yield* store.append([{ streamId, expectedVersion: from, commands: [command(from)] }])
    }
    return filename
  })
  return Effect.runPromise(Effect.provide(program, SqliteStore.layer({ filename })))
}

const raw: Contestant = {
  name: "raw",
  run: async (folder) => {
    const database = new Database(await seed(folder, "current"))
    const page = database
      .prepare(`SELECT ${eventColumns} FROM events WHERE stream_id = ? AND version > ? ORDER BY version LIMIT 1000`)
      .raw()
    const start = performance.now()
    let after = 0
    let sum = 0n
    for (;;) {
      const rows = page.all(streamId, after) as Array<ReadonlyArray<unknown>>
      for (const row of rows) sum += BigInt((JSON.parse(row[5] as string) as { readonly amount: string }).amount)
      after += rows.length
      if (rows.length < 1_000) break
    }
    const seconds = (performance.now() - start) / 1_000
    database.close()
    return { count: after, seconds, checksum: String(sum) }
  }
}

export const daybook = (kind: "current" | "mixed"): Contestant => ({
  name: kind,
  run: async (folder) => {
    const filename = await seed(folder, kind)
    const definition = AgedAccount.define(behaviour)
    const program = Effect.gen(function* () {
      const store = yield* EventStore
      const start = performance.now()
      const { state, version } = yield* Replay.catchUp(store, definition, streamId, Replay.initial(definition))
      return { count: version, seconds: (performance.now() - start) / 1_000, checksum: String(state.balance) }
    })
    return Effect.runPromise(Effect.provide(program, SqliteStore.layer({ filename, mode: "readOnly" })))
  }
})

export const run = async (): Promise<ReadonlyArray<Result>> => [
  await compare("replay of one stream", "events/s", [raw, daybook("current"), daybook("mixed")])
]

export const aims = (results: ReadonlyArray<Result>) =>
  results.flatMap((result) => [
    { what: `${result.benchmark}, hashes checked, against raw`, ratio: ratio(result, "current", "raw") },
    {
      what: `${result.benchmark}, three versions mixed against the current one`,
      ratio: ratio(result, "mixed", "current")
    }
  ])
