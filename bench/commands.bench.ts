/**
 * Question: how many durable commands per second, and how long does each wait: on one hot account, over many, uniformly
 * or with favourites, and for one client alone; against the limit of the machine (`raw`) and against the way most
 * articles show (`textbook`)? Method: clients that wait for each answer; streams with events before the clock runs, and
 * their actors started as far as 10,000 may be live (so of 100,000 accounts most commands start one); SQLite at
 * synchronous=FULL, the same rows and hashes everywhere; contestants in turn on fresh files, medians. `raw` knows every
 * head, checks nothing, and puts 1,000 commands into a transaction (one, against one client). `textbook` loads the
 * stream for each command, checks its hashes as Daybook's recovery does, looks the command's id up, and commits it
 * alone; it gets fewer commands, since its rate does not depend on them. After each round the whole database is read:
 * as many events and commands as were asked for, and their sum. Not measured: HTTP (`http.bench.ts`), cold starts by
 * themselves (`recovery.bench.ts`), power loss.
 */
import { join } from "node:path"
import { Effect, Layer, Metric, MetricState } from "effect"
import * as ActorSystemLocal from "../src/core/ActorSystemLocal.ts"
import { noHead } from "../src/core/AppendPlan.ts"
import * as CommandId from "../src/core/CommandId.ts"
import * as EventHash from "../src/core/EventHash.ts"
import type { Head } from "../src/core/EventStore.ts"
import { ReadModels } from "../src/projection/ReadModels.ts"
import * as SqliteStore from "../src/sql/SqliteStore.ts"
import * as ByHand from "./byHand.ts"
import {
  type Contestant,
  inTurn,
  quantile,
  type Ratio,
  type Result,
  ratio,
  size,
  summary,
  toResult,
  type Work
} from "./harness.ts"
import { deposit, Ledger, LedgerLive } from "./Ledger.ts"
import * as RawLog from "./RawLog.ts"

/** One load: how many clients send how many commands to how many accounts. */
interface Load {
  readonly title: string
  readonly accounts: number
  readonly clients: number
  readonly commands: number
  /** Events of each stream before the clock runs. */
  readonly eventsEach: number
  /** The account of a command, by its number: the same sequence for every contestant. */
  readonly accountOf: (number: number) => number
}

interface Answered extends Work {
  /** Milliseconds from question to answer, of each command. */
  readonly latencies: ReadonlyArray<number>
  /** Commands of one account that were appended together, on average. */
  readonly batch: number
}

const uniform = (accounts: number) => (number: number) => (number * 7_919) % accounts

/** The k-th favourite gets 1/k as many as the first (Zipf's law with exponent 1), by the inverse of the sum of 1/k. */
const zipf = (accounts: number) => {
  const sums = new Float64Array(accounts)
  for (let k = 0, sum = 0; k < accounts; k++) sums[k] = sum += 1 / (k + 1)
  const total = sums.at(-1) ?? 1
  return (number: number): number => {
    // A golden ratio's multiples are spread evenly, and the same in each run.
    const wanted = ((number * 0.618_033_988_749_895) % 1) * total
    let [low, high] = [0, accounts - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((sums[middle] ?? 0) < wanted) low = middle + 1
      else high = middle
    }
    return low
  }
}

const load = (
  accounts: number,
  { clients = 1_000, commands = size(2_000, 50_000), eventsEach = size(10, 100), isZipf = false } = {}
): Load => {
  const how = isZipf ? ", by Zipf's law" : ""
  return {
    title: `durable commands, accounts: ${accounts}${how}, clients: ${clients}`,
    accounts,
    clients,
    commands,
    eventsEach,
    accountOf: (isZipf ? zipf : uniform)(accounts)
  }
}

/** What tells all that is stored, in SQL that any host runs. */
const stored = `SELECT count(*), sum(CAST(data ->> 'amount' AS INTEGER)), max(position), (SELECT count(*) FROM commands)
  FROM events`

/** Throws where what is stored is not what the load gives, whatever wrote it. */
const checksum = (
  found: ReadonlyArray<unknown> | undefined,
  { accounts, eventsEach }: Load,
  commands: number
): string => {
  let sum = 0n
  for (let number = 0; number < eventsEach; number++) sum += BigInt(accounts) * deposit(number).amount
  for (let number = 0; number < commands; number++) sum += deposit(number).amount
  const count = accounts * eventsEach + commands
  const expected = [count, sum, count, count].join(" ")
  if (found?.join(" ") !== expected) throw new Error(`${found?.join(" ")} is stored where ${expected} was to be`)
  return expected
}

/** The same of what was written by hand, which is closed with it. */
const checksumByHand = ({ database }: ByHand.ByHand, load: Load, commands: number): string => {
  const found = database.prepare(stored).raw().get() as ReadonlyArray<unknown>
  database.close()
  return checksum(found, load, commands)
}

const raw = (load: Load): Contestant<Answered> => ({
  name: "raw",
  run: async (folder) => {
    const { accountOf, accounts, clients, eventsEach } = load
    // Clients that wait for each answer give a transaction no more commands than there are of them.
    const each = Math.min(clients, 1_000)
    const commands = each === 1 ? Math.min(load.commands, size(100, 5_000)) : load.commands
    const byHand = ByHand.open(join(folder, "raw.db"))
    const heads = ByHand.seed(byHand, accounts, eventsEach)
    let position = accounts * eventsEach
    const balances = new Array<bigint>(accounts).fill(0n)
    const start = performance.now()
    for (let from = 0; from < commands; from += each) {
      byHand.database.transaction(() => {
        for (let number = from; number < Math.min(from + each, commands); number++) {
          const account = accountOf(number)
          const balance = (balances[account] ?? 0n) + deposit(number).amount
          balances[account] = balance
          heads[account] = byHand.write(account, number, balance, heads[account] as Head, ++position)
        }
      })()
    }
    const seconds = (performance.now() - start) / 1_000
    return { count: commands, seconds, checksum: checksumByHand(byHand, load, commands), latencies: [], batch: 0 }
  }
})

const textbook = (load: Load, commands = size(50, 1_000)): Contestant<Answered> => ({
  name: "textbook",
  run: async (folder) => {
    const byHand = ByHand.open(join(folder, "textbook.db"))
    ByHand.seed(byHand, load.accounts, load.eventsEach)
    const { database } = byHand
    const known = database.prepare("SELECT answer FROM log_entries WHERE command_id = ?")
    const events = database
      .prepare(`${RawLog.selectEvents} WHERE e.stream = ${RawLog.streamNumber} ORDER BY e.version`)
      .raw()
    const last = database.prepare("SELECT max(position) AS position FROM log_events")
    const one = database.transaction((number: number) => {
      const account = load.accountOf(number)
      const commandId = CommandId.make()
      if (known.get(commandId) !== undefined) throw new Error("it was done before")
      let balance = 0n
      let head: Head = noHead
      for (const row of events.all(ByHand.streamOf(account)) as Array<ReadonlyArray<unknown>>) {
        const event = RawLog.toEvent(row)
        if (event.previousHash !== head.hash || !EventHash.isIntact(event)) throw new Error("the stream is damaged")
        balance += BigInt((JSON.parse(event.data) as { readonly amount: string }).amount)
        head = event
      }
      const { position } = last.get() as { readonly position: number }
      byHand.write(account, number, balance + deposit(number).amount, head, position + 1, commandId)
    }).immediate
    const start = performance.now()
    for (let number = 0; number < commands; number++) one(number)
    const seconds = (performance.now() - start) / 1_000
    return { count: commands, seconds, checksum: checksumByHand(byHand, load, commands), latencies: [], batch: 0 }
  }
})

const batchSize = Effect.map(Metric.snapshot, (pairs) => {
  const found = pairs.find(({ metricKey }) => metricKey.name === "daybook.commit.batch.size")?.metricState
  return found !== undefined && MetricState.isHistogramState(found) ? found : { count: 0, sum: 0 }
})

const daybookOf = (load: Load): Contestant<Answered> => ({
  name: "daybook",
  run: (folder) => {
    const { accountOf, accounts, clients, commands, eventsEach } = load
    const program = Effect.gen(function* () {
      const ledgers = yield* Ledger
      const refs = Array.from({ length: accounts }, (_, account) => ledgers(String(account)))
      for (let number = 0; number < eventsEach; number++) {
        yield* Effect.forEach(refs, (ref) => ref.Deposit(deposit(number)), { concurrency: 1_000, discard: true })
      }
      const latencies: Array<number> = []
      let next = 0
      const client = Effect.gen(function* () {
        while (next < commands) {
          const number = next++
          const asked = performance.now()
          yield* refs[accountOf(number)]?.Deposit(deposit(number)) ?? Effect.void
          latencies.push(performance.now() - asked)
        }
      })
      const before = yield* batchSize
      const start = performance.now()
      yield* Effect.all(
        Array.from({ length: clients }, () => client),
        { concurrency: "unbounded", discard: true }
      )
      const seconds = (performance.now() - start) / 1_000
      const after = yield* batchSize
      const [found] = yield* Effect.flatMap(ReadModels, ({ query }) => query(stored, []))
      return {
        count: commands,
        seconds,
        checksum: checksum(found, load, commands),
        latencies,
        batch: (after.sum - before.sum) / (after.count - before.count)
      }
    })
    const layer = LedgerLive.pipe(
      Layer.provide(ActorSystemLocal.layer),
      Layer.provideMerge(SqliteStore.layer({ filename: join(folder, "daybook.db") }))
    )
    return Effect.runPromise(Effect.provide(program, layer))
  }
})

/** One hot account, or many: what other benchmarks run as well. */
export const daybook = (accounts: number, commands: number): Contestant => daybookOf(load(accounts, { commands }))

const percentiles = [
  ["p50", 0.5],
  ["p99", 0.99],
  ["p99.9", 0.999]
] as const

/** The rates, and how long Daybook's clients waited. */
const measure = async (
  load: Load,
  contestants: ReadonlyArray<Contestant<Answered>>,
  rounds: number
): Promise<ReadonlyArray<Result>> => {
  const works = await inTurn(load.title, contestants, rounds)
  const answered = works.get("daybook") ?? []
  const batches = summary(
    "commands appended together for one account",
    answered.map(({ batch }) => batch)
  )
  return [
    toResult(load.title, "commands/s", works),
    {
      benchmark: load.title,
      unit: "ms to the answer",
      rounds,
      measured: percentiles.map(([name, part]) =>
        summary(
          name,
          answered.map(({ latencies }) => quantile(latencies, part))
        )
      )
    },
    { benchmark: load.title, unit: "commands", rounds, measured: [batches] }
  ]
}

const hot = load(1)
const wide = load(size(20, 1_000))

export const run = async (): Promise<ReadonlyArray<Result>> => {
  const results: Array<Result> = []
  for (const each of [hot, wide]) {
    results.push(...(await measure(each, [raw(each), textbook(each), daybookOf(each)], size(1, 5))))
  }
  const others = [
    load(1, { clients: 1, commands: size(100, 5_000) }),
    load(size(10, 100)),
    load(size(30, 10_000), { eventsEach: 10 }),
    load(size(30, 10_000), { eventsEach: 10, isZipf: true }),
    load(size(40, 100_000), { eventsEach: 1 })
  ]
  for (const each of others) results.push(...(await measure(each, [raw(each), daybookOf(each)], size(1, 2))))
  return results
}

export const ratios = (results: ReadonlyArray<Result>): ReadonlyArray<Ratio> =>
  results
    .filter(({ unit }) => unit === "commands/s")
    .flatMap((result) => {
      const { benchmark } = result
      const isAimed = benchmark === hot.title || benchmark === wide.title
      const against = (name: string) => ({
        what: `${benchmark}: daybook against ${name}`,
        ratio: ratio(result, "daybook", name)
      })
      if (!isAimed) return [against("raw")]
      return [
        { ...against("raw"), atLeast: benchmark === hot.title ? 0.5 : 0.3 },
        { ...against("textbook"), atLeast: 20 },
        { what: `${benchmark}: raw, the limit, against textbook`, ratio: ratio(result, "raw", "textbook") }
      ]
    })
