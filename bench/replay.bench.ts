/**
 * Question: how fast do stored events become a state again, against the least that any replay does (`raw`: page the
 * rows and parse their JSON), and what do the hash check, old versions and large events cost? Method: one stream of
 * 100,000 events in SQLite, or the same over 1,000 streams read as the whole log, in pages of 1,000. Daybook reads,
 * checks every hash and the chain, upcasts, decodes and evolves; `unhashed` is the same without the check, which
 * Daybook itself never leaves out. `mixed` is stored in three versions by turns; `upcasts: N` in a version of N
 * upcasters ago, each of which makes a new object. Data of 100 B, 1 kB and 10 kB is a text of that length beside the
 * amount. Contestants in turn on the same rows, medians; each comes to the same sum of amounts. Not measured:
 * snapshots, which are there to make this rare (`recovery.bench.ts`); the disk, since the pages are in memory.
 */
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { Rpc } from "@effect/rpc"
import { Effect, Either, Schema } from "effect"
import * as Aggregate from "../src/core/Aggregate.ts"
import * as Event from "../src/core/Event.ts"
import * as EventHash from "../src/core/EventHash.ts"
import { EventStore, type ProposedCommand } from "../src/core/EventStore.ts"
import * as Replay from "../src/core/Replay.ts"
import { StreamId } from "../src/core/StreamId.ts"
import * as SqliteStore from "../src/sql/SqliteStore.ts"
import { AgedAccount, behaviour as agedBehaviour } from "../src/testing/AgedAccount.ts"
import { Database } from "./byHand.ts"
import { type Contestant, compare, type Ratio, type Result, ratio, size, type Work, withFolder } from "./harness.ts"
import * as RawLog from "./RawLog.ts"

const fields = { amount: Schema.BigInt, text: Schema.String }
type Stored = { readonly amount: string; readonly text: string }
const again = (old: Stored): Stored => ({ ...old })

/** Its event is in version 11. */
class Noted extends Aggregate.make("Noted", {
  id: Schema.String,
  state: Schema.Struct({ balance: Schema.BigInt }),
  initial: { balance: 0n },
  events: [
    Event.make("Deposited", fields)
      .next(fields, again)
      .next(fields, again)
      .next(fields, again)
      .next(fields, again)
      .next(fields, again)
      .next(fields, again)
      .next(fields, again)
      .next(fields, again)
      .next(fields, again)
      .next(fields, again)
  ],
  commands: [Rpc.make("Look", { success: Schema.Struct({ balance: Schema.BigInt }) })]
}) {}
const currentVersion = 11

const noted = Noted.define({
  decide: { Look: () => Either.right([]) },
  evolve: { Deposited: ({ balance }, { amount }) => ({ balance: balance + amount }) },
  reply: { Look: (state) => state }
})
const aged = AgedAccount.define(agedBehaviour)
type Definition = typeof noted | typeof aged

/** What is stored, by the number of the event. */
interface Log {
  readonly definition: Definition
  readonly streams: number
  readonly events: number
  readonly eventOf: (number: number) => { readonly schemaVersion: number; readonly data: string }
}

const minorOf = (number: number): number => (number * 7_919) % 100_003

/** The same deposit in each of its versions. */
const forms = [
  (minor: number) => ({ amount: minor / 100 }),
  (minor: number) => ({ amount: String(minor) }),
  (minor: number) => ({ amount: String(minor), reference: null })
]
const agedLog = (versionOf: (number: number) => number): Log => ({
  definition: aged,
  streams: 1,
  events: size(2_000, 100_000),
  eventOf: (number) => {
    const schemaVersion = versionOf(number)
    return { schemaVersion, data: JSON.stringify(forms[schemaVersion - 1]?.(minorOf(number))) }
  }
})

const notedLog = ({ events = size(2_000, 100_000), streams = 1, text = "", upcasts = 0 }): Log => ({
  definition: noted,
  streams,
  events,
  eventOf: (number) => ({
    schemaVersion: currentVersion - upcasts,
    data: JSON.stringify({ amount: String(minorOf(number)), text })
  })
})

const streamOf = ({ definition, streams }: Log, number: number): StreamId =>
  StreamId.make(definition.streamId(String(number % streams)))

/** Writes the log, and gives its file. */
const write = (folder: string, log: Log): Promise<string> => {
  const filename = join(folder, "replay.db")
  const command = (numbers: ReadonlyArray<number>): ProposedCommand => ({
    commandId: `command-${numbers[0]}`,
    isNew: true,
    command: "Test",
    fingerprint: "",
    correlationId: `command-${numbers[0]}`,
    causationId: null,
    traceparent: null,
    events: numbers.map((number) => ({ type: "Deposited", ...log.eventOf(number) })),
    outcome: "success",
    answer: () => ({ text: "{}", version: 1 })
  })
  const each = Math.max(1, Math.ceil(1_000 / log.streams))
  const program = Effect.gen(function* () {
    const store = yield* EventStore
    for (let from = 0; from < log.events; from += each * log.streams) {
      const requests = Array.from({ length: log.streams }, (_, stream) => {
        const numbers = Array.from({ length: each }, (_, index) => from + index * log.streams + stream)
        return numbers.filter((number) => number < log.events)
      }).filter(({ length }) => length > 0)
      yield* Effect.forEach(
        requests,
        (numbers) =>
          store.append([
            {
              streamId: streamOf(log, numbers[0] ?? 0),
              expectedVersion: Math.floor((numbers[0] ?? 0) / log.streams),
              commands: [command(numbers)]
            }
          ]),
        { concurrency: "unbounded", discard: true }
      )
    }
    return filename
  })
  return Effect.runPromise(Effect.provide(program, SqliteStore.layer({ filename })))
}

/** What has been written for all rounds: they only read. */
const written = new Map<Log, Promise<string>>()
/** The folder of the whole run, if there is one. */
let shared: string | undefined
const fileOf = (folder: string, log: Log): Promise<string> => {
  if (shared === undefined) return write(folder, log)
  const known = written.get(log)
  if (known !== undefined) return known
  const own = join(shared, String(written.size))
  mkdirSync(own)
  const made = write(own, log)
  written.set(log, made)
  return made
}

const timed = async (work: () => Promise<Omit<Work, "seconds">> | Omit<Work, "seconds">): Promise<Work> => {
  const start = performance.now()
  const { checksum, count } = await work()
  return { count, checksum, seconds: (performance.now() - start) / 1_000 }
}

/** Pages the rows and parses them; `mixed` has other data in them, so it comes to no sum of its own. */
const raw = (log: Log): Contestant => ({
  name: "raw",
  run: async (folder) => {
    const database = new Database(await fileOf(folder, log), { readonly: true })
    const where = log.streams === 1 ? "e.stream = 1 AND e.version" : "e.position"
    const column = log.streams === 1 ? 2 : 0
    const page = database
      .prepare(`${RawLog.selectEvents} WHERE ${where} > ? ORDER BY ${where.split(" ").at(-1)} LIMIT 1000`)
      .raw()
    const work = await timed(() => {
      let [after, count, sum] = [0, 0, 0n]
      for (;;) {
        const rows = page.all(after) as ReadonlyArray<ReadonlyArray<unknown>>
        for (const row of rows) sum += BigInt((JSON.parse(row[5] as string) as Stored).amount)
        count += rows.length
        after = (rows.at(-1)?.[column] ?? after) as number
        if (rows.length < 1_000) return { count, checksum: String(sum) }
      }
    })
    database.close()
    return work
  }
})

const onStore = <A>(filename: string, use: (store: EventStore["Type"]) => Effect.Effect<A, unknown>): Promise<A> =>
  Effect.runPromise(Effect.provide(Effect.flatMap(EventStore, use), SqliteStore.layer({ filename, mode: "readOnly" })))

/** As an actor recovers. */
const recovered = (name: string, log: Log): Contestant => ({
  name,
  run: async (folder) =>
    onStore(await fileOf(folder, log), (store) =>
      Effect.promise(() =>
        timed(() =>
          Effect.runPromise(
            Effect.map(
              Replay.catchUp<{ readonly balance: bigint }, { readonly _tag: string }>(
                store,
                log.definition as never,
                streamOf(log, 0),
                Replay.initial(log.definition as never)
              ),
              ({ state, version }) => ({ count: version, checksum: String(state.balance) })
            )
          )
        )
      )
    )
})

/**
 * Reads the whole log, or one stream, page by page; with the hash of each event, as projections and feeds do, or
 * without.
 */
const paged = (name: string, log: Log, isHashed: boolean): Contestant => ({
  name,
  run: async (folder) =>
    onStore(await fileOf(folder, log), (store) =>
      Effect.promise(() =>
        timed(() =>
          Effect.runPromise(
            Effect.gen(function* () {
              const { codec, evolve, initial } = log.definition as typeof noted
              const states = new Map<StreamId, typeof initial>()
              for (let [after, count] = [0, 0]; ; ) {
                const page =
                  log.streams === 1
                    ? yield* store.readStream(streamOf(log, 0), { from: after + 1 })
                    : yield* store.readAll(after)
                for (const stored of page.events) {
                  if (isHashed && !EventHash.isIntact(stored)) return yield* Effect.dieMessage("damaged")
                  let state = states.get(stored.streamId) ?? initial
                  for (const event of Either.getOrThrow(codec.decode(stored))) state = evolve(state, event)
                  states.set(stored.streamId, state)
                }
                count += page.events.length
                const last = page.events.at(-1)
                after = (log.streams === 1 ? last?.version : last?.position) ?? after
                if (!page.more) {
                  const sum = [...states.values()].reduce((sum, { balance }) => sum + balance, 0n)
                  return { count, checksum: String(sum) }
                }
                yield* Effect.yieldNow()
              }
            })
          )
        )
      )
    )
})

const current = agedLog(() => 3)

/** What the comparison of hosts runs. */
export const daybook = (): Contestant => recovered("daybook", current)

const titles = { stream: "replay of one stream", log: "replay of the whole log", upcasts: "replay after upcasts" }
const sizes = [100, 1_000, 10_000].map((bytes) => {
  const events = size(1_000, Math.min(100_000, 20_000_000 / bytes))
  return { title: `replay of events of ${bytes} bytes`, log: notedLog({ events, text: "x".repeat(bytes - 30) }) }
})

const measure = async (): Promise<ReadonlyArray<Result>> => {
  const whole = notedLog({ streams: size(20, 1_000), text: "a reference of usual length" })
  const results = [
    await compare(titles.stream, "events/s", [
      raw(current),
      paged("unhashed", current, false),
      recovered("daybook", current),
      recovered(
        "mixed",
        agedLog((number) => (number % 3) + 1)
      )
    ]),
    await compare(titles.log, "events/s", [raw(whole), paged("unhashed", whole, false), paged("daybook", whole, true)]),
    await compare(
      titles.upcasts,
      "events/s",
      [0, 1, 3, 10].map((upcasts) => recovered(`upcasts: ${upcasts}`, notedLog({ upcasts })))
    )
  ]
  for (const { log, title } of sizes) {
    results.push(await compare(title, "events/s", [raw(log), recovered("daybook", log)], size(1, 3)))
  }
  return results
}

export const run = (): Promise<ReadonlyArray<Result>> =>
  withFolder((folder) => {
    shared = folder
    return measure()
  })

export const ratios = (results: ReadonlyArray<Result>): ReadonlyArray<Ratio> => {
  const of = (title: string) => results.find(({ benchmark }) => benchmark === title)
  const upcasts = of(titles.upcasts)
  return [
    ...[titles.stream, titles.log].flatMap((title) => [
      { what: `${title}, hashes not checked, against raw`, ratio: ratio(of(title), "unhashed", "raw"), atLeast: 0.6 },
      { what: `${title}, hashes checked, against raw`, ratio: ratio(of(title), "daybook", "raw"), atLeast: 0.4 }
    ]),
    {
      what: `${titles.stream}, three versions mixed against the current one`,
      ratio: ratio(of(titles.stream), "mixed", "daybook")
    },
    ...["upcasts: 1", "upcasts: 3", "upcasts: 10"].map((name) => ({
      what: `${titles.upcasts}, ${name} against none`,
      ratio: ratio(upcasts, name, "upcasts: 0")
    })),
    ...sizes.map(({ title }) => ({
      what: `${title}, hashes checked, against raw`,
      ratio: ratio(of(title), "daybook", "raw")
    }))
  ]
}
