/**
 * Question: does an event cost more in a large log than in a small one, and more than it must? Method: logs of 100,000,
 * 1,000,000 and 10,000,000 events, 100 to an account, made beforehand (`AccountLog.ts`), with streams and commands
 * whose ids are scattered, so that every append lands anywhere in the indices. `raw` and Daybook have each a copy and
 * do the same with it, in turn; medians. Append: 1,000 accounts, a deposit each, in one transaction at
 * synchronous=FULL; `raw` knows every head, checks nothing, and writes the same rows by prepared statements; Daybook
 * gets 1,000 calls of `EventStore.append` with an expected version and an id to be looked up. Replay: accounts from all
 * over the log, their events in order; `raw` reads the rows and parses them. Projection: all of the log into the
 * account summary, as in `rebuild.bench.ts`. Compared are not the speeds but how much each slows down from the smallest
 * log to the largest. Not measured: the actors, which know nothing of the log's size (`commands.bench.ts`); a log that
 * is much larger than the memory of the machine.
 */
import { copyFileSync, mkdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { Effect, ManagedRuntime } from "effect"
import { Account } from "../src/bank/account/Account.ts"
import * as AccountBehaviour from "../src/bank/account/AccountBehaviour.ts"
import { EventStore, type Head } from "../src/core/EventStore.ts"
import * as Replay from "../src/core/Replay.ts"
import * as SqliteStore from "../src/sql/SqliteStore.ts"
import * as AccountLog from "./AccountLog.ts"
import { Database } from "./byHand.ts"
import { isFull, type Ratio, type Result, ratioOf, toResult, type Work, withFolder } from "./harness.ts"
import * as RawLog from "./RawLog.ts"
import * as Rebuild from "./rebuild.bench.ts"

const sizes = isFull ? [100_000, 1_000_000, 10_000_000] : [1_000, 2_000]
const eventsEach = 100
const groups = isFull ? 5 : 1
/** Rounds of appends and replays; projections take fewer of them in a large log. */
const rounds = isFull ? 7 : 1
const projectionRounds = (count: number): number => Math.max(1, Math.min(rounds, 1_500_000 / count))

type What = "append" | "replay" | "projection"
const whats: ReadonlyArray<What> = ["append", "replay", "projection"]

/** One contestant on its copy of the log. Heads are those of the copy, and move with its appends. */
interface Contestant {
  readonly name: "raw" | "daybook"
  /** One event to each of some accounts, in one transaction, from this position on. */
  readonly append: (position: number, size: number) => Promise<number>
  /** The events of these accounts: how many there are, and a sum of their amounts in minor units. */
  readonly replay: (accounts: ReadonlyArray<number>) => Promise<{ readonly count: number; readonly checksum: bigint }>
  readonly project: (folder: string, count: number) => Promise<Work>
  readonly close: () => Promise<void>
}

const raw = (filename: string, accounts: number, heads: Array<Head>): Contestant => {
  const database = new Database(filename)
  database.pragma("journal_mode = WAL")
  database.pragma("synchronous = FULL")
  const write = AccountLog.writer(database, accounts)
  const page = database
    .prepare(`${RawLog.selectEvents} WHERE e.stream = ${RawLog.streamNumber} ORDER BY e.version`)
    .raw()
  const group = database.transaction((from: number, size: number) => {
    for (let position = from; position < from + size; position++) {
      const account = AccountLog.accountOf(position, accounts)
      heads[account] = write(position, heads[account] as Head)
    }
  })
  return {
    name: "raw",
    append: async (from, size) => {
      group(from, size)
      return from + size - 1
    },
    replay: async (wanted) => {
      let count = 0
      let checksum = 0n
      for (const account of wanted) {
        for (const row of page.all(AccountLog.streamOf(account)) as ReadonlyArray<ReadonlyArray<unknown>>) {
          const { amount } = JSON.parse(row[5] as string)
          count++
          if (amount === undefined) continue
          const minor = BigInt(amount.replace(".", ""))
          checksum += row[3] === "Withdrawn" ? -minor : minor
        }
      }
      return { count, checksum }
    },
    project: (folder, count) => Rebuild.raw(filename, count).run(folder),
    close: async () => {
      database.close()
    }
  }
}

const daybook = (filename: string, accounts: number, heads: Array<Head>): Contestant => {
  const runtime = ManagedRuntime.make(SqliteStore.layer({ filename }))
  const definition = Account.define(AccountBehaviour.behaviour)
  return {
    name: "daybook",
    append: (from, size) =>
      Effect.gen(function* () {
        const store = yield* EventStore
        const append = (position: number) => {
          const account = AccountLog.accountOf(position, accounts)
          const { version } = heads[account] as Head
          const data = AccountLog.dataOf(position, account, version + 1)
          const commandId = AccountLog.commandIdOf(position)
          const command = {
            commandId,
            isNew: false,
            command: "Test",
            fingerprint: AccountLog.fingerprintOf(account, data),
            correlationId: commandId,
            causationId: null,
            traceparent: null,
            events: [{ type: AccountLog.typeOf(position, version + 1), schemaVersion: 1, data }],
            outcome: "success",
            answer: (at: { readonly version: number; readonly position: number }) => ({
              text: AccountLog.answerOf(account, at.version, at.position),
              version: 1
            })
          } as const
          const request = { streamId: AccountLog.streamOf(account), expectedVersion: version, commands: [command] }
          return Effect.map(store.append([request]), ([result]) => {
            if (result?.verdicts[0]?._tag !== "Stored") throw new Error("the command was not stored")
            const { head } = result
            heads[account] = head
            return head.position
          })
        }
        const positions = yield* Effect.forEach(
          Array.from({ length: size }, (_, index) => from + index),
          append,
          { concurrency: "unbounded" }
        )
        return Math.max(...positions)
      }).pipe(runtime.runPromise),
    replay: (wanted) =>
      Effect.gen(function* () {
        const store = yield* EventStore
        let count = 0
        let checksum = 0n
        for (const account of wanted) {
          const streamId = AccountLog.streamOf(account)
          const { state, version } = yield* Replay.catchUp(store, definition, streamId, Replay.initial(definition))
          count += version
          checksum += state.balance
        }
        return { count, checksum }
      }).pipe(runtime.runPromise),
    project: (folder, count) => Rebuild.daybook(filename, count).run(folder),
    close: () => runtime.dispose()
  }
}

const timed = async (work: () => Promise<{ readonly count: number; readonly checksum: unknown }>): Promise<Work> => {
  const start = performance.now()
  const { checksum, count } = await work()
  return { count, seconds: (performance.now() - start) / 1_000, checksum: String(checksum) }
}

/** One size of log: each contestant's rounds, in turn. */
const measure = async (folder: string, size: number): Promise<ReadonlyArray<Result>> => {
  const accounts = size / eventsEach
  const group = Math.min(1_000, accounts)
  const filenames = { raw: join(folder, "raw.db"), daybook: join(folder, "daybook.db") }
  const heads = await AccountLog.build(filenames.raw, size, accounts)
  copyFileSync(filenames.raw, filenames.daybook)
  const contestants = [raw(filenames.raw, accounts, [...heads]), daybook(filenames.daybook, accounts, [...heads])]
  const works: Record<What, Map<string, Array<Work>>> = { append: new Map(), replay: new Map(), projection: new Map() }
  const inTurn = async (what: What, rounds: number, work: (contestant: Contestant, round: number) => Promise<Work>) => {
    for (let round = 0; round < rounds; round++) {
      const checksums = new Set<string>()
      for (const contestant of contestants) {
        const one = await work(contestant, round)
        checksums.add(one.checksum)
        works[what].set(contestant.name, [...(works[what].get(contestant.name) ?? []), one])
      }
      if (checksums.size !== 1) throw new Error(`${what}, ${size} events: the contestants did different work`)
    }
  }
  try {
    await inTurn("append", rounds, (contestant, round) =>
      timed(async () => {
        let last = size + round * groups * group
        for (let number = 0; number < groups; number++) last = await contestant.append(last + 1, group)
        return { count: groups * group, checksum: last }
      })
    )
    const count = size + rounds * groups * group
    const some = Math.min(accounts, 100)
    await inTurn("replay", rounds, (contestant, round) => {
      const wanted = Array.from({ length: some }, (_, index) => ((round * some + index) * 6_151) % accounts)
      return timed(() => contestant.replay(wanted))
    })
    for (const contestant of contestants) await contestant.close()
    await inTurn("projection", projectionRounds(size), async (contestant) => {
      const copy = join(folder, "copy")
      mkdirSync(copy)
      try {
        return await contestant.project(copy, count)
      } finally {
        rmSync(copy, { recursive: true })
      }
    })
  } finally {
    for (const contestant of contestants) await contestant.close()
    for (const filename of Object.values(filenames)) rmSync(filename)
  }
  return whats.map((what) => {
    return toResult(`${what} in a log of ${size} events`, "events/s", works[what])
  })
}

export const run = (): Promise<ReadonlyArray<Result>> =>
  withFolder(async (folder) => {
    const results: Array<Result> = []
    // Once more than is reported: what is measured first pays for the compiler.
    if (isFull) await measure(folder, sizes[0] ?? 0)
    for (const size of sizes) results.push(...(await measure(folder, size)))
    return results
  })

export const ratios = (results: ReadonlyArray<Result>): ReadonlyArray<Ratio> =>
  whats.map((what) => {
    const of = results.filter(({ benchmark }) => benchmark.startsWith(what))
    const slowdown = (name: string): number => ratioOf(of[0], of.at(-1), name)
    return {
      what: `${of[0]?.benchmark} to ${of.at(-1)?.benchmark}, slowdown of daybook against that of raw`,
      ratio: slowdown("daybook") / slowdown("raw"),
      atMost: 1.3
    }
  })
