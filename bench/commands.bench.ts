/**
 * Question: how many durable commands per second, on one hot account and over many, against the limit of the machine
 * (`raw`) and against the way most articles show (`textbook`)?
 * Method: 1,000 clients that wait for each answer; streams of 100 events at the start, loaded before the clock runs;
 * SQLite at synchronous=FULL, the same rows and hashes everywhere; contestants in turn on fresh files, medians. Whoever
 * loads a stream checks its hashes: so does the textbook's reload, and Daybook's recovery.
 * Not measured: HTTP, cold starts (`recovery.bench.ts`), power loss.
 */
import { join } from "node:path"
import { Effect, Layer } from "effect"
import * as ActorSystemLocal from "../src/core/ActorSystemLocal.ts"
import { noHead } from "../src/core/AppendPlan.ts"
import * as EventHash from "../src/core/EventHash.ts"
import type { Head } from "../src/core/EventStore.ts"
import { eventColumns, toEvent } from "../src/sql/LogTables.ts"
import * as SqliteStore from "../src/sql/SqliteStore.ts"
import * as ByHand from "./byHand.ts"
import { type Contestant, compare, type Result, ratio, size } from "./harness.ts"
import { deposit, Ledger, LedgerLive } from "./Ledger.ts"

const eventsEach = size(10, 100)
const clients = 1_000

/** The account of a command: the same sequence for every contestant. */
const accountOf = (number: number, accounts: number): number => (number * 7_919) % accounts

const raw = (accounts: number, commands: number): Contestant => ({
  name: "raw",
  run: async (folder) => {
    const byHand = ByHand.open(join(folder, "raw.db"))
    const heads = ByHand.seed(byHand, accounts, eventsEach)
    let position = accounts * eventsEach
    const balances = new Array<bigint>(accounts).fill(0n)
    const start = performance.now()
    for (let from = 0; from < commands; from += 1_000) {
      byHand.database.transaction(() => {
        for (let number = from; number < Math.min(from + 1_000, commands); number++) {
          const account = accountOf(number, accounts)
          const balance = (balances[account] ?? 0n) + deposit(number).amount
          balances[account] = balance
          heads[account] = byHand.write(account, number, balance, heads[account] as Head, ++position)
        }
      })()
    }
    const seconds = (performance.now() - start) / 1_000
    byHand.database.close()
    return { count: commands, seconds, checksum: String(position) }
  }
})

const textbook = (accounts: number, commands: number): Contestant => ({
  name: "textbook",
  run: async (folder) => {
    const byHand = ByHand.open(join(folder, "textbook.db"))
    ByHand.seed(byHand, accounts, eventsEach)
    const { database } = byHand
    const known = database.prepare("SELECT answer FROM commands WHERE command_id = ?")
    const load = database.prepare(`SELECT ${eventColumns} FROM events WHERE stream_id = ? ORDER BY version`).raw()
    const last = database.prepare("SELECT max(position) AS position FROM events")
    const one = database.transaction((number: number) => {
      const account = accountOf(number, accounts)
      if (known.get(`command ${number}`) !== undefined) throw new Error("it was done before")
      let balance = 0n
      let head: Head = noHead
      for (const row of load.all(ByHand.streamOf(account)) as Array<ReadonlyArray<unknown>>) {
        const event = toEvent(row)
        if (event.previousHash !== head.hash || !EventHash.isIntact(event)) throw new Error("the stream is damaged")
        balance += BigInt((JSON.parse(event.data) as { readonly amount: string }).amount)
        head = event
      }
      const { position } = last.get() as { readonly position: number }
      byHand.write(account, number, balance + deposit(number).amount, head, position + 1)
    }).immediate
    const start = performance.now()
    for (let number = 0; number < commands; number++) one(number)
    const seconds = (performance.now() - start) / 1_000
    const { position } = last.get() as { readonly position: number }
    database.close()
    return { count: commands, seconds, checksum: String(position) }
  }
})

export const daybook = (accounts: number, commands: number): Contestant => ({
  name: "daybook",
  run: (folder) => {
    const filename = join(folder, "daybook.db")
    const program = Effect.gen(function* () {
      const ledgers = yield* Ledger
      const refs = Array.from({ length: accounts }, (_, account) => ledgers(String(account)))
      for (let number = 0; number < eventsEach; number++) {
        yield* Effect.forEach(refs, (ref) => ref.Deposit(deposit(number)), { concurrency: clients, discard: true })
      }
      let next = 0
      const client = Effect.gen(function* () {
        while (next < commands) {
          const number = next++
          yield* refs[accountOf(number, accounts)]?.Deposit(deposit(number)) ?? Effect.void
        }
      })
      const start = performance.now()
      yield* Effect.all(
        Array.from({ length: clients }, () => client),
        { concurrency: "unbounded", discard: true }
      )
      const seconds = (performance.now() - start) / 1_000
      const { position } = yield* Effect.flatMap(
        refs[0]?.Deposit(deposit(0)) ?? Effect.die("no account"),
        Effect.succeed
      )
      return { count: commands, seconds, checksum: String(position - 1) }
    })
    const layer = LedgerLive.pipe(Layer.provide(ActorSystemLocal.layer), Layer.provide(SqliteStore.layer({ filename })))
    return Effect.runPromise(Effect.provide(program, layer))
  }
})

export const run = async (): Promise<ReadonlyArray<Result>> => {
  const commands = size(2_000, 50_000)
  const textbookCommands = size(50, 1_000)
  const results: Array<Result> = []
  for (const accounts of [1, 1_000]) {
    const contestants = [raw(accounts, commands), textbook(accounts, textbookCommands), daybook(accounts, commands)]
    results.push(await compare(`durable commands, accounts: ${accounts}`, "commands/s", contestants))
  }
  return results
}

export const aims = (results: ReadonlyArray<Result>) =>
  results.flatMap((result) => [
    { what: `${result.benchmark}, daybook against raw`, ratio: ratio(result, "daybook", "raw") },
    { what: `${result.benchmark}, daybook against textbook`, ratio: ratio(result, "daybook", "textbook") }
  ])
