/**
 * Question: how many events per second does a rebuild of the account summary take, and a model that is behind, against
 * a loop that one would write by hand (`raw`)? Method: one log of deposits and withdrawals over 1,000 accounts, copied
 * for each contestant; `raw` pages the same rows, parses them, folds them in integers of the same exactness, and
 * upserts the same table with its indexes and checkpoint, 1,000 rows to a transaction, on a connection of its own;
 * SQLite at synchronous=FULL. Not measured: `raw` checks no hash, knows no upcaster, and lets nothing else run.
 */
import { copyFileSync, mkdirSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"
import type BetterSqlite3 from "better-sqlite3"
import { Effect, Layer, Logger } from "effect"
import * as AccountSummary from "../src/bank/account/AccountSummary.ts"
import { noHead } from "../src/core/AppendPlan.ts"
import { EventStore, type Head } from "../src/core/EventStore.ts"
import { StreamId } from "../src/core/StreamId.ts"
import { Projections } from "../src/projection/Projections.ts"
import * as ProjectionsLocal from "../src/projection/ProjectionsLocal.ts"
import * as SqliteStore from "../src/sql/SqliteStore.ts"
import { type Contestant, compare, type Ratio, type Result, ratio, size, withFolder } from "./harness.ts"
import * as RawLog from "./RawLog.ts"

const Database = createRequire(import.meta.url)("better-sqlite3") as typeof BetterSqlite3

export const accounts = size(20, 1_000)
export const count = size(2_000, 200_000)

/** Adds the events of these positions to a log whose streams end at `heads`. */
const extend = (filename: string, from: number, to: number, heads: Map<number, Head>, writer = RawLog.writer) => {
  const database = new Database(filename)
  const insert = writer(database)
  database.transaction(() => {
    for (let position = from; position <= to; position++) {
      const account = position <= accounts ? position - 1 : (position * 7_919) % accounts
      const head = heads.get(account) ?? noHead
      const isOpening = head.version === 0
      const type = isOpening ? "AccountOpened" : position % 4 === 0 ? "Withdrawn" : "Deposited"
      const data = isOpening
        ? { accountId: String(account), owner: `Owner ${account}`, currency: "CZK", overdraftLimit: "100000.00" }
        : { amount: `${position % 1_000}.50`, reference: "a reference of usual length", bookedOn: "1994-01-01" }
      const event = {
        streamId: StreamId.make(`account-${account}`),
        version: head.version + 1,
        position,
        type,
        schemaVersion: 1,
        data: JSON.stringify(data),
        commandId: `command-${position}`,
        correlationId: `command-${position}`,
        causationId: null,
        traceparent: null,
        recordedAt: 1_000 + position,
        previousHash: head.hash
      }
      heads.set(account, insert({ event, command: { command: "Deposit", fingerprint: "f", answer: "{}" } }))
    }
  })()
  database.close()
}

const makeEmpty = async (folder: string, name: string): Promise<string> => {
  const filename = join(folder, name)
  await Effect.runPromise(Effect.provide(EventStore, SqliteStore.layer({ filename })))
  return filename
}

/** A log of openings, and then deposits with a withdrawal after every third. */
export const makeLog = async (folder: string, count: number): Promise<string> => {
  const filename = await makeEmpty(folder, "log.db")
  extend(filename, 1, count, new Map())
  return filename
}

/** What a commit makes such a log and such a model with. */
export interface Build {
  readonly makeLog: (folder: string, count: number) => Promise<string>
  readonly daybook: (log: string, count: number) => Contestant
  readonly writer: typeof RawLog.writer
}

/** The same log, of which the model has the openings. */
export const makeLogWithModel = async (
  folder: string,
  count: number,
  build: Build = { makeLog, daybook, writer: RawLog.writer }
): Promise<string> => {
  const heads = new Map<number, Head>()
  const begun = join(folder, "begun")
  mkdirSync(begun)
  const empty = await build.makeLog(begun, 0)
  extend(empty, 1, accounts, heads, build.writer)
  await build.daybook(empty, accounts).run(begun)
  const filename = join(folder, "behind.db")
  copyFileSync(join(begun, "daybook.db"), filename)
  extend(filename, accounts + 1, count, heads, build.writer)
  return filename
}

/** Sums of all accounts, as text: the same for each contestant. */
const checksumOf = (rows: ReadonlyArray<ReadonlyArray<unknown>>): string =>
  rows
    .reduce(
      (sum, [balance, transactions]) => sum + BigInt(String(balance)) * 1_000_000n + BigInt(String(transactions)),
      0n
    )
    .toString()

/** Folds a copy of the log, of this many events. */
export const raw = (log: string, count: number): Contestant => ({
  name: "raw",
  run: async (folder) => {
    const filename = join(folder, "raw.db")
    copyFileSync(log, filename)
    const database = new Database(filename)
    database.pragma("journal_mode = WAL")
    database.pragma("synchronous = FULL")
    const start = performance.now()
    for (const statement of AccountSummary.projection.create({ account_summary: "summary" })) database.exec(statement)
    database.exec("CREATE TABLE checkpoint (position INTEGER NOT NULL); INSERT INTO checkpoint VALUES (0)")
    const page = database.prepare(
      `SELECT e.position, s.stream_id, n.name, e.data FROM log_events AS e JOIN log_streams AS s ON s.stream = e.stream
       JOIN log_names AS n ON n.number = e.type WHERE e.position > ? ORDER BY e.position LIMIT ?`
    )
    const known = database.prepare(
      "SELECT total_deposits, total_withdrawals, transaction_count FROM summary WHERE account_id = ?"
    )
    const open = database.prepare("INSERT INTO summary VALUES (?, ?, ?, ?, 2, 'open', '0', '0', '0', '', 0)")
    const update = database.prepare(`UPDATE summary SET total_deposits = ?, total_withdrawals = ?, current_balance = ?,
      balance_key = ?, transaction_count = ? WHERE account_id = ?`)
    const move = database.prepare("UPDATE checkpoint SET position = ? WHERE position = ?")
    let position = 0
    const batch = database.transaction((rows: ReadonlyArray<readonly [number, string, string, string]>) => {
      const totals = new Map<string, { deposits: bigint; withdrawals: bigint; count: number }>()
      for (const [, streamId, type, data] of rows) {
        const accountId = streamId.slice("account-".length)
        const event = JSON.parse(data)
        if (type === "AccountOpened") {
          open.run(accountId, event.owner, event.owner.toLowerCase(), event.currency)
          continue
        }
        let account = totals.get(accountId)
        if (account === undefined) {
          const row = known.raw().get(accountId) as readonly [string, string, number]
          account = { deposits: BigInt(row[0]), withdrawals: BigInt(row[1]), count: row[2] }
          totals.set(accountId, account)
        }
        const minor = BigInt(event.amount.replace(".", ""))
        if (type === "Deposited") account.deposits += minor
        else account.withdrawals += minor
        account.count++
      }
      for (const [accountId, { count, deposits, withdrawals }] of totals) {
        const balance = String(deposits - withdrawals)
        update.run(String(deposits), String(withdrawals), balance, balance.padStart(20, "0"), count, accountId)
      }
      const last = rows.at(-1)?.[0] ?? position
      move.run(last, position)
      position = last
    })
    for (;;) {
      const rows = page.raw().all(position, 1_000) as ReadonlyArray<readonly [number, string, string, string]>
      if (rows.length === 0) break
      batch(rows)
    }
    const seconds = (performance.now() - start) / 1_000
    const rows = database.prepare("SELECT current_balance, transaction_count FROM summary").raw().all()
    database.close()
    return { count, seconds, checksum: checksumOf(rows as ReadonlyArray<ReadonlyArray<unknown>>) }
  }
})

/** The summary has followed the log to there: in how many seconds, and with these sums. */
const followed = (filename: string, end: number): Promise<{ readonly seconds: number; readonly checksum: string }> => {
  const start = performance.now()
  return Effect.gen(function* () {
    const projections = yield* Projections
    yield* projections.awaitPosition("account_summary", end, "10 minutes")
    const seconds = (performance.now() - start) / 1_000
    const rows: Array<ReadonlyArray<unknown>> = []
    let after: string | null = null
    do {
      const page: Effect.Effect.Success<ReturnType<typeof AccountSummary.list>> = yield* AccountSummary.list({
        limit: 1_000,
        ...(after !== null && { after })
      })
      for (const { currentBalance, transactionCount } of page.accounts) {
        rows.push([currentBalance.replace(".", ""), transactionCount])
      }
      after = page.nextCursor
    } while (after !== null)
    return { seconds, checksum: checksumOf(rows) }
  }).pipe(
    Effect.provide(
      ProjectionsLocal.layer([AccountSummary.projection]).pipe(Layer.provideMerge(SqliteStore.layer({ filename })))
    ),
    Effect.provide(Logger.remove(Logger.defaultLogger)),
    Effect.runPromise
  )
}

/** Follows a copy of the log to its end. */
export const daybook = (log: string, count: number): Contestant => ({
  name: "daybook",
  run: async (folder) => {
    const filename = join(folder, "daybook.db")
    copyFileSync(log, filename)
    return { count, ...(await followed(filename, count)) }
  }
})

export const run = (): Promise<ReadonlyArray<Result>> =>
  withFolder(async (folder) => {
    const log = await makeLog(folder, count)
    const behind = await makeLogWithModel(folder, count)
    return [
      await compare("rebuild of account_summary", "events/s", [raw(log, count), daybook(log, count)]),
      await compare("catch-up of account_summary", "events/s", [raw(log, count), daybook(behind, count)])
    ]
  })

export const ratios = (results: ReadonlyArray<Result>): ReadonlyArray<Ratio> =>
  results.map((result) => ({
    what: `${result.benchmark}, daybook against raw`,
    ratio: ratio(result, "daybook", "raw"),
    atLeast: 0.5
  }))
