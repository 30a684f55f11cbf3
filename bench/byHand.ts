/**
 * What one would write by hand, on better-sqlite3 with prepared statements: the same tables, rows, hashes and
 * durability as Daybook's. `raw` is the limit of the machine: it knows every stream's head, checks nothing, and puts
 * 1,000 commands into one transaction. `textbook` is what most articles show: one transaction per command, which
 * reloads the stream.
 */
import { hash as digest } from "node:crypto"
import { createRequire } from "node:module"
import type BetterSqlite3 from "better-sqlite3"
import * as CommandId from "../src/core/CommandId.ts"
import * as EventHash from "../src/core/EventHash.ts"
import type { Head } from "../src/core/EventStore.ts"
import { StreamId } from "../src/core/StreamId.ts"
import { migrationsOf } from "../src/sql/Migrations.ts"
import { sqlite } from "../src/sql/SqliteDialect.ts"
import { depositData } from "./Ledger.ts"
import * as RawLog from "./RawLog.ts"

// The driver comes with @effect/sql-sqlite-node and is CommonJS.
export const Database = createRequire(import.meta.url)("better-sqlite3") as typeof BetterSqlite3

export const streamOf = (account: number): StreamId => StreamId.make(`ledger-${account}`)

/**
 * A database of Daybook's own schema with its pragmas, made where there is none, and the statements that write one
 * command.
 */
export const open = (filename: string) => {
  const database = new Database(filename)
  database.pragma("journal_mode = WAL")
  database.pragma("synchronous = FULL")
  const isNew = database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'events'").get() === undefined
  if (isNew) for (const { up } of migrationsOf(sqlite)) for (const statement of up) database.exec(statement)
  const insert = RawLog.writer(database)

  /** Writes the event and the answer of one deposit after the head, and gives the new head. */
  const write = (
    account: number,
    number: number,
    balance: bigint,
    head: Head,
    position: number,
    commandId = CommandId.make()
  ): Head => {
    const streamId = streamOf(account)
    const data = depositData(number)
    const version = head.version + 1
    const event = {
      streamId,
      version,
      position,
      type: "Deposited",
      schemaVersion: 1,
      data,
      commandId,
      correlationId: commandId,
      causationId: null,
      traceparent: null,
      recordedAt: Date.now(),
      previousHash: head.hash
    }
    const fingerprint = digest("sha256", `Ledger\0${String(account)}\0Deposit\0${data}`).slice(0, 32)
    const answer = JSON.stringify({ balance: String(balance), version, position })
    return insert({ event, command: { command: "Deposit", fingerprint, answer } })
  }
  return { database, write }
}

export type ByHand = ReturnType<typeof open>

/** Gives each account its first events, 1,000 to a transaction. */
export const seed = (byHand: ByHand, accounts: number, eventsEach: number): Array<Head> => {
  const heads = Array.from({ length: accounts }, (): Head => ({ version: 0, position: 0, hash: EventHash.genesis }))
  let position = 0
  for (let number = 0; number < eventsEach; number++) {
    for (let from = 0; from < accounts; from += 1_000) {
      byHand.database.transaction(() => {
        for (let account = from; account < Math.min(from + 1_000, accounts); account++) {
          heads[account] = byHand.write(account, number, 0n, heads[account] as Head, ++position)
        }
      })()
    }
  }
  return heads
}
