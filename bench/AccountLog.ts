/**
 * A log of bank accounts of any length, written as fast as SQLite can: the rows, hashes and indices that Daybook would
 * have written, without its transactions. The ids of streams and commands are scattered, as clients choose them, so
 * that every insert after it lands anywhere in the indices.
 */
import { hash } from "node:crypto"
import type BetterSqlite3 from "better-sqlite3"
import { Effect } from "effect"
import * as EventHash from "../src/core/EventHash.ts"
import { EventStore, type Head } from "../src/core/EventStore.ts"
import { StreamId } from "../src/core/StreamId.ts"
import * as SqliteStore from "../src/sql/SqliteStore.ts"
import { Database } from "./byHand.ts"
import * as RawLog from "./RawLog.ts"

/**
 * An odd factor near 2^32 divided by the golden ratio: neighbours end up far from each other, and each number alone.
 */
const factor = 0x9e3779b1
const scatter = (number: number): number => Math.imul(number, factor) >>> 0

const hex = (number: number): string => scatter(number).toString(16).padStart(8, "0")
export const streamOf = (account: number): StreamId => StreamId.make(`account-${hex(account + 1)}`)
export const commandIdOf = (position: number): string => `${hex(position)}-4b1d-4c6e-8f3a-5d2e7c9b1a40`

/** Each account has its turn once in as many positions as there are accounts. */
export const accountOf = (position: number, accounts: number): number => (position * 7_919) % accounts

/** The first event of an account opens it; of the others each fourth position is a withdrawal. */
export const typeOf = (position: number, version: number): string =>
  version === 1 ? "AccountOpened" : position % 4 === 0 ? "Withdrawn" : "Deposited"
export const dataOf = (position: number, account: number, version: number): string =>
  version === 1
    ? JSON.stringify({
        accountId: hex(account + 1),
        owner: `Owner ${account}`,
        currency: "CZK",
        overdraftLimit: "100000.00"
      })
    : JSON.stringify({
        amount: `${position % 1_000}.50`,
        reference: "a reference of usual length",
        bookedOn: "1994-01-01"
      })
/** What a client that deposits is answered; the balance is made up, but as long as a real one. */
export const answerOf = (account: number, version: number, position: number): string =>
  JSON.stringify({ accountId: hex(account + 1), balance: "123456.50", currency: "CZK", version, position })
export const fingerprintOf = (account: number, data: string): string =>
  hash("sha256", `Account\0${hex(account + 1)}\0Deposit\0${data}`).slice(0, 32)

/** Writes the event of a position after the head of its account, and the entry of the command that it came from. */
export const writer = (database: BetterSqlite3.Database, accounts: number) => {
  const insert = RawLog.writer(database)
  return (position: number, head: Head): Head => {
    const account = accountOf(position, accounts)
    const version = head.version + 1
    const data = dataOf(position, account, version)
    const event = {
      position,
      streamId: streamOf(account),
      version,
      type: typeOf(position, version),
      schemaVersion: 1,
      data,
      commandId: commandIdOf(position),
      correlationId: commandIdOf(position),
      causationId: null,
      traceparent: null,
      recordedAt: position,
      previousHash: head.hash
    }
    const answer = answerOf(account, version, position)
    return insert({ event, command: { command: "Deposit", fingerprint: fingerprintOf(account, data), answer } })
  }
}

/** Makes the log, and gives the head of each account. `count` is a multiple of `accounts`. */
export const build = async (filename: string, count: number, accounts: number): Promise<Array<Head>> => {
  await Effect.runPromise(Effect.provide(EventStore, SqliteStore.layer({ filename })))
  const database = new Database(filename)
  for (const pragma of ["journal_mode = DELETE", "journal_mode = OFF", "synchronous = OFF", "cache_size = -1500000"])
    database.pragma(pragma)
  // Made again at the end, in the order of their keys, which is what makes it fast.
  const later = database
    .prepare(`SELECT type, name, sql FROM sqlite_master WHERE type IN ('trigger', 'index') AND sql IS NOT NULL
      AND tbl_name IN ('log_events', 'log_entries')`)
    .all() as ReadonlyArray<{ readonly type: string; readonly name: string; readonly sql: string }>
  for (const { name, type } of later) database.exec(`DROP ${type} ${name}`)
  const heads = Array.from({ length: accounts }, (): Head => ({ version: 0, position: 0, hash: EventHash.genesis }))
  const write = writer(database, accounts)
  database.exec("BEGIN")
  for (let position = 1; position <= count; position++) {
    const account = accountOf(position, accounts)
    heads[account] = write(position, heads[account] as Head)
  }
  database.exec("COMMIT")
  for (const { sql } of later) database.exec(sql)
  database.pragma("journal_mode = WAL")
  database.close()
  return heads
}
