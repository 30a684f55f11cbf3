/**
 * What one would write by hand on PostgreSQL with `pg`: a transaction for each command, on a pool of connections, with
 * prepared statements and the rows and hashes of Daybook. They write tables of their own, which begin as Daybook's log
 * and have no journal: one chain over the log would need the lock. `textbook` gives positions under one lock and
 * reloads the stream, as most articles show. `ordered` is the same with state in memory: it reads the stream's head
 * alone. `unordered` gives up the order of the log for speed: it takes positions from a sequence and no lock, so a
 * reader that polls the log can miss events.
 */
import { hash } from "node:crypto"
import { createRequire } from "node:module"
import * as CommandId from "../src/core/CommandId.ts"
import * as EventHash from "../src/core/EventHash.ts"
import type { Head } from "../src/core/EventStore.ts"
import { StreamId } from "../src/core/StreamId.ts"
import { deposit, depositData } from "./Ledger.ts"

interface Query {
  /** Prepared under this name at its first use on a connection. */
  readonly name: string
  readonly text: string
  readonly values: ReadonlyArray<unknown>
  readonly rowMode: "array"
}
interface Client {
  readonly query: (query: Query | string) => Promise<{ readonly rows: ReadonlyArray<ReadonlyArray<unknown>> }>
  readonly release: () => void
}
interface Pool {
  readonly connect: () => Promise<Client>
  readonly end: () => Promise<void>
  readonly on: (event: "error", then: () => void) => Pool
}
// The driver comes with @effect/sql-pg, without types.
const { Pool } = createRequire(import.meta.url)("pg") as {
  readonly Pool: new (options: {
    readonly connectionString: string
    readonly max: number
    readonly types: { readonly getTypeParser: (type: number) => (text: string) => unknown }
  }) => Pool
}
const integers = new Set([20, 23])

/** As many connections as serve this machine best; more make both slower. */
const connections = 10

export const open = (connectionString: string): Pool =>
  new Pool({
    connectionString,
    max: connections,
    types: { getTypeParser: (type) => (integers.has(type) ? Number : (text) => text) }
    // A connection that nobody uses may be ended with its server, and would end this process.
  }).on("error", () => {})

/** A statement of its own. */
export const query = async (pool: Pool, text: string) => {
  const client = await pool.connect()
  const { rows } = await client.query(text).finally(client.release)
  return rows
}

const placeholders = (columns: string): string =>
  columns
    .split(", ")
    .map((_, index) => `$${index + 1}`)
    .join(", ")

const eventColumns =
  "position, stream_id, version, type, schema_version, data, command_id, correlation_id, causation_id, traceparent, " +
  "recorded_at, previous_hash, hash"
const commandColumns = "command_id, stream_id, fingerprint, outcome, answer, version, position"

/** The tables, from the log that Daybook wrote. */
export const tables = [
  `CREATE TABLE hand_events AS SELECT ${eventColumns} FROM events`,
  "ALTER TABLE hand_events ADD PRIMARY KEY (position), ADD UNIQUE (stream_id, version)",
  `CREATE TABLE hand_commands AS SELECT ${commandColumns} FROM commands`,
  "ALTER TABLE hand_commands ADD PRIMARY KEY (command_id)"
]

const statements = {
  lock: "SELECT pg_advisory_xact_lock(1)",
  known: "SELECT answer FROM hand_commands WHERE command_id = $1",
  load: `SELECT ${eventColumns} FROM hand_events WHERE stream_id = $1 ORDER BY version`,
  head: "SELECT version, position, hash FROM hand_events WHERE stream_id = $1 ORDER BY version DESC LIMIT 1",
  last: "SELECT max(position) FROM hand_events",
  next: "SELECT nextval('positions')",
  insertEvent: `INSERT INTO hand_events (${eventColumns}) VALUES (${placeholders(eventColumns)})`,
  insertCommand: `INSERT INTO hand_commands (${commandColumns}) VALUES (${placeholders(commandColumns)})`
}

const write = async (
  client: Client,
  account: number,
  number: number,
  balance: bigint,
  head: Head,
  position: number
) => {
  const streamId = StreamId.make(`ledger-${account}`)
  const data = depositData(number)
  const commandId = CommandId.make()
  const version = head.version + 1
  const event: EventHash.Hashed = {
    position,
    streamId,
    version,
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
  const stored = { ...event, hash: EventHash.compute(event) }
  const values = eventColumns.split(", ").map((column) => {
    const key = column.replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase())
    return stored[key as keyof typeof stored]
  })
  await ask(client, "insertEvent", values)
  const fingerprint = hash("sha256", `Ledger\0${String(account)}\0Deposit\0${data}`).slice(0, 32)
  const answer = JSON.stringify({ balance: String(balance), version, position })
  await ask(client, "insertCommand", [commandId, streamId, fingerprint, "success", answer, version, position])
}

const ask = async (client: Client, name: keyof typeof statements, values: ReadonlyArray<unknown> = []) =>
  (await client.query({ name, text: statements[name], values, rowMode: "array" })).rows

/** One command in one transaction: `body` reads what is there and gives the new balance, the head and the position. */
export type Body = (
  client: Client,
  account: number,
  number: number
) => Promise<{ readonly balance: bigint; readonly head: Head; readonly position: number }>

const toEvent = (row: ReadonlyArray<unknown>): EventHash.Hashed & { readonly hash: string } =>
  ({
    position: row[0],
    streamId: row[1],
    version: row[2],
    type: row[3],
    schemaVersion: row[4],
    data: row[5],
    commandId: row[6],
    correlationId: row[7],
    causationId: row[8],
    traceparent: row[9],
    recordedAt: row[10],
    previousHash: row[11],
    hash: row[12]
  }) as EventHash.Hashed & { readonly hash: string }

export const textbook: Body = async (client, account, number) => {
  await ask(client, "lock")
  let balance = deposit(number).amount
  let head: Head = { version: 0, position: 0, hash: EventHash.genesis }
  for (const row of await ask(client, "load", [`ledger-${account}`])) {
    const event = toEvent(row)
    if (event.previousHash !== head.hash || EventHash.compute(event) !== event.hash)
      throw new Error("the stream is damaged")
    balance += BigInt((JSON.parse(event.data) as { readonly amount: string }).amount)
    head = event
  }
  const [[last] = []] = await ask(client, "last")
  return { balance, head, position: Number(last) + 1 }
}

const headOf = async (client: Client, account: number): Promise<Head> => {
  const [row] = await ask(client, "head", [`ledger-${account}`])
  if (row === undefined) throw new Error("the stream is missing")
  const [version, position, hash] = row as [number, number, string]
  return { version, position, hash } as Head
}

export const ordered: Body = async (client, account, number) => {
  await ask(client, "lock")
  const head = await headOf(client, account)
  const [[last] = []] = await ask(client, "last")
  return { balance: deposit(number).amount, head, position: Number(last) + 1 }
}

export const unordered: Body = async (client, account, number) => {
  const head = await headOf(client, account)
  const [[next] = []] = await ask(client, "next")
  return { balance: deposit(number).amount, head, position: Number(next) }
}

/** Does one command, again when another took its version. */
export const run = async (pool: Pool, body: Body, account: number, number: number): Promise<void> => {
  const client = await pool.connect()
  try {
    for (;;) {
      await client.query("BEGIN")
      try {
        if ((await ask(client, "known", [`command ${number}`])).length > 0) throw new Error("it was done before")
        const { balance, head, position } = await body(client, account, number)
        await write(client, account, number, balance, head, position)
        await client.query("COMMIT")
        return
      } catch (error) {
        await client.query("ROLLBACK")
        if ((error as { readonly code?: string }).code !== "23505") throw error
      }
    }
  } finally {
    client.release()
  }
}
