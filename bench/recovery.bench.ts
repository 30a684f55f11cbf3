/**
 * Question: how long does a cold account take to its first reply: by the length of its stream, by how far its snapshot
 * is behind, with 10,000 others at once; and how long does a start take on a log of a million accounts? Method: SQLite
 * at synchronous=FULL. In each round each contestant opens its database, another account answers a command, so that
 * store and compiler are warm, and then the clock runs from the question to the answer of a deposit to the cold one,
 * its commit included. Streams with snapshots have one every 100 events, as Daybook makes them. Contestants in turn,
 * medians; the first round has warmed the system's cache. Each reply must tell the right balance and version. Not
 * measured: a disk that has to be read (the files are in memory); the start of the process itself.
 */
import { copyFileSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import { Effect, Layer, ManagedRuntime } from "effect"
import { Account } from "../src/bank/account/Account.ts"
import * as AccountBehaviour from "../src/bank/account/AccountBehaviour.ts"
import { AccountId } from "../src/bank/account/AccountSchemas.ts"
import * as ActorConfig from "../src/core/ActorConfig.ts"
import * as ActorSystemLocal from "../src/core/ActorSystemLocal.ts"
import { EventStore } from "../src/core/EventStore.ts"
import type { ProjectionStore } from "../src/projection/ProjectionStore.ts"
import { ReadModels } from "../src/projection/ReadModels.ts"
import * as SqliteStore from "../src/sql/SqliteStore.ts"
import * as AccountLog from "./AccountLog.ts"
import * as ByHand from "./byHand.ts"
import { isFull, quantile, type Ratio, type Result, ratio, size, summary, withFolder } from "./harness.ts"
import { deposit, Ledger, LedgerLive } from "./Ledger.ts"

const rounds = size(1, 9)
const lengths = isFull ? [100, 1_000, 10_000, 100_000, 1_000_000] : [100, 200]
const unsnapped = isFull ? [100, 1_000, 10_000, 100_000] : [100, 200]
const distances = isFull ? [0, 10, 100, 1_000] : [0, 10]
/** Version of the snapshot whose distance counts. */
const snapped = size(50, 1_000)
const coldAccounts = size(50, 10_000)
const manyAccounts = size(500, 1_000_000)

const cold = "0"
const warm = "warm"
const noSnapshots = { snapshotEvery: Number.MAX_SAFE_INTEGER, snapshotMinEvents: Number.MAX_SAFE_INTEGER }

const open = (filename: string, limits: Partial<ActorConfig.ActorLimits> = {}) =>
  ManagedRuntime.make(
    LedgerLive.pipe(
      Layer.provide(ActorSystemLocal.layer),
      Layer.provideMerge(SqliteStore.layer({ filename })),
      Layer.provide(ActorConfig.layer(limits))
    )
  )

/** A log of Daybook's own, whose events are written by hand. */
const seed = async (filename: string, accounts: number, events: number): Promise<void> => {
  await Effect.runPromise(Effect.provide(EventStore, SqliteStore.layer({ filename })))
  const byHand = ByHand.open(filename)
  ByHand.seed(byHand, accounts, events)
  byHand.database.close()
}
const balanceAt = (events: number): bigint => {
  let balance = 0n
  for (let number = 0; number < events; number++) balance += deposit(number).amount
  return balance
}

/** Deposits on, from the stream's length; gives the reply to the last one. */
const depositOn = (id: string, from: number, count: number) =>
  Effect.gen(function* () {
    const ledgers = yield* Ledger
    let last: { readonly balance: bigint; readonly version: number } | undefined
    for (let number = from; number < from + count; number++) last = yield* ledgers(id).Deposit(deposit(number))
    return last
  })

/** Waits until the stream has a snapshot, which is saved after the reply. */
const untilSnapped: Effect.Effect<void, unknown, ProjectionStore> = Effect.flatMap(ReadModels, (models) =>
  Effect.flatMap(models.query("SELECT count(*) FROM snapshots", []), ([row]) =>
    row?.[0] === 0 ? Effect.zipRight(Effect.sleep("5 millis"), untilSnapped) : Effect.void
  )
)

/** A database with one cold stream. */
interface Cold {
  readonly name: string
  readonly filename: string
  readonly limits: Partial<ActorConfig.ActorLimits>
  /** Events of the stream, as the rounds add to them; and what is on it. */
  events: number
  balance: bigint
}

/** A stream of this length whose newest snapshot is some events old, or which has none. */
const prepare = async (
  folder: string,
  name: string,
  length: number,
  snapshots: "every 100" | "none" | { readonly distance: number }
): Promise<Cold> => {
  const filename = join(folder, `${name.replaceAll(/\W/g, "-")}.db`)
  if (snapshots === "none") {
    await seed(filename, 1, length)
    return { name, filename, limits: noSnapshots, events: length, balance: balanceAt(length) }
  }
  // Made by Daybook: the last hundred events, or the very version, take its actor past a snapshot.
  const limits = snapshots === "every 100" ? {} : { snapshotEvery: snapped, snapshotMinEvents: Number.MAX_SAFE_INTEGER }
  const seeded = snapshots === "every 100" ? length - 100 : 0
  await seed(filename, 1, seeded)
  const runtime = open(filename, limits)
  await runtime.runPromise(Effect.zipRight(depositOn(cold, seeded, length - seeded), untilSnapped))
  if (typeof snapshots === "object") await runtime.runPromise(depositOn(cold, length, snapshots.distance))
  await runtime.dispose()
  const events = length + (typeof snapshots === "object" ? snapshots.distance : 0)
  return { name, filename, limits: noSnapshots, events, balance: balanceAt(events) }
}

/** The first reply of each, in milliseconds. A round adds an event to each stream. */
const firstReplies = async (benchmark: string, all: ReadonlyArray<Cold>): Promise<Result> => {
  const millis = new Map<string, Array<number>>(all.map(({ name }) => [name, []]))
  for (let round = isFull ? -1 : 0; round < rounds; round++) {
    for (const one of all) {
      const runtime = open(one.filename, one.limits)
      await runtime.runPromise(depositOn(warm, 0, 3))
      const start = performance.now()
      const answer = await runtime.runPromise(depositOn(cold, one.events, 1))
      const taken = performance.now() - start
      await runtime.dispose()
      one.balance += deposit(one.events).amount
      one.events++
      if (answer?.balance !== one.balance || answer.version !== one.events) {
        throw new Error(`${benchmark}, ${one.name}: answered ${answer?.balance} at ${answer?.version}`)
      }
      if (round >= 0) millis.get(one.name)?.push(taken)
    }
  }
  const measured = Array.from(millis, ([name, values]) => summary(name, values))
  return { benchmark, unit: "ms to the first reply", rounds, measured }
}

/** All accounts of a database at once, each asked for the first time. */
const allAtOnce = async (folder: string): Promise<ReadonlyArray<Result>> => {
  const filename = join(folder, "cold.db")
  const eventsEach = 10
  await seed(filename, coldAccounts, eventsEach)
  const benchmark = `first replies of ${coldAccounts} cold accounts of ${eventsEach} events, asked at once`
  const accounts = Array.from({ length: coldAccounts }, (_, account) => account)
  const [rates, medians, late]: [Array<number>, Array<number>, Array<number>] = [[], [], []]
  for (let round = isFull ? -1 : 0; round < size(1, 5); round++) {
    const copy = join(folder, "copy.db")
    copyFileSync(filename, copy)
    const runtime = open(copy)
    await runtime.runPromise(Ledger)
    const millis: Array<number> = []
    const start = performance.now()
    const one = (account: number) =>
      Effect.flatMap(Ledger, (ledgers) =>
        Effect.map(ledgers(String(account)).Deposit(deposit(eventsEach)), ({ version }) => {
          if (version !== eventsEach + 1) throw new Error(`account ${account} is at version ${version}`)
          millis.push(performance.now() - start)
        })
      )
    await runtime.runPromise(Effect.forEach(accounts, one, { concurrency: "unbounded", discard: true }))
    const seconds = (performance.now() - start) / 1_000
    await runtime.dispose()
    if (round < 0) continue
    rates.push(coldAccounts / seconds)
    medians.push(quantile(millis, 0.5))
    late.push(quantile(millis, 0.99))
  }
  const percentiles = [summary("p50", medians), summary("p99", late)]
  return [
    { benchmark, unit: "accounts/s", rounds: rates.length, measured: [summary("cold accounts", rates)] },
    { benchmark, unit: "ms to the first reply", rounds: rates.length, measured: percentiles }
  ]
}

/** From nothing to the first reply of an account, in one process, on a log of one account and on one of many. */
const starts = async (folder: string): Promise<Result> => {
  const sizes = [1, manyAccounts]
  for (const accounts of sizes) await AccountLog.build(join(folder, `${accounts}.db`), accounts, accounts)
  const millis = new Map<number, Array<number>>(sizes.map((accounts) => [accounts, []]))
  for (let round = isFull ? -1 : 0; round < rounds; round++) {
    for (const accounts of sizes) {
      const start = performance.now()
      const runtime = ManagedRuntime.make(
        AccountBehaviour.layer.pipe(
          Layer.provide(ActorSystemLocal.layer),
          Layer.provideMerge(SqliteStore.layer({ filename: join(folder, `${accounts}.db`) }))
        )
      )
      const id = AccountId.make(AccountLog.streamOf(0).slice("account-".length))
      const receipt = await runtime.runPromise(
        Effect.flatMap(Account, (account) => account(id).Deposit({ amount: "1" }))
      )
      const taken = performance.now() - start
      await runtime.dispose()
      if (receipt.version < 2) throw new Error(`the account is at version ${receipt.version}`)
      if (round >= 0) millis.get(accounts)?.push(taken)
    }
  }
  const measured = Array.from(millis, ([accounts, values]) => summary(`accounts: ${accounts}`, values))
  return { benchmark: "start of the runtime and a first reply", unit: "ms", rounds, measured }
}

const title = "first reply of a cold account, by events, with snapshots"

export const run = (): Promise<ReadonlyArray<Result>> =>
  withFolder(async (root) => {
    const results: Array<Result> = []
    const part = async (name: string, work: (folder: string) => Promise<ReadonlyArray<Result>>) => {
      const folder = join(root, name)
      mkdirSync(folder)
      results.push(...(await work(folder)))
    }
    await part("snapshots", async (folder) => {
      const all: Array<Cold> = []
      for (const length of lengths) all.push(await prepare(folder, `events: ${length}`, length, "every 100"))
      return [await firstReplies(title, all)]
    })
    await part("none", async (folder) => {
      const all: Array<Cold> = []
      for (const length of unsnapped) all.push(await prepare(folder, `events: ${length}`, length, "none"))
      return [await firstReplies("first reply of a cold account, by events, without a snapshot", all)]
    })
    await part("distance", async (folder) => {
      const all: Array<Cold> = []
      for (const distance of distances) {
        all.push(await prepare(folder, `events behind: ${distance}`, snapped, { distance }))
      }
      return [await firstReplies("first reply of a cold account, by how far its snapshot is behind", all)]
    })
    await part("cold", allAtOnce)
    await part("starts", async (folder) => [await starts(folder)])
    return results
  })

export const ratios = (results: ReadonlyArray<Result>): ReadonlyArray<Ratio> => {
  const of = (benchmark: string) => results.find((result) => result.benchmark === benchmark)
  const [short, long] = [lengths[1], lengths.at(-1)]
  const start = results.at(-1)
  return [
    {
      what: `${title}: ${long} against ${short}`,
      ratio: ratio(of(title), `events: ${long}`, `events: ${short}`),
      atMost: 3
    },
    {
      what: `${start?.benchmark}: ${manyAccounts} accounts against one`,
      ratio: ratio(start, `accounts: ${manyAccounts}`, "accounts: 1")
    }
  ]
}
