/**
 * Each contestant of the comparison with peers: how it makes a deposit, and what it promises of one. All write SQLite
 * with `synchronous = FULL` and a write-ahead log, or PostgreSQL with its own defaults, and reload nothing that they
 * need not.
 *
 * What is Daybook's, and the table of the hand-written ones, is taken from the compiled benchmarks.
 */
import { hash, randomUUID } from "node:crypto"
import { join } from "node:path"
import { CommandHandler } from "@event-driven-io/emmett"
import { getPostgreSQLEventStore } from "@event-driven-io/emmett-postgresql"
import { getSQLiteEventStore, sqliteConnection } from "@event-driven-io/emmett-sqlite"
import { Effect, Layer, ManagedRuntime } from "effect"
import pg from "pg"

const built = new URL("../../node_modules/.cache/daybook-bench/", import.meta.url)
const [{ Database }, { deposit, Ledger, LedgerLive }, ActorSystemLocal, SqliteStore, PostgresStore] = await Promise.all(
  [
    "bench/byHand.js",
    "bench/Ledger.js",
    "src/core/ActorSystemLocal.js",
    "src/sql/SqliteStore.js",
    "src/sql/PostgresStore.js"
  ].map((file) => import(new URL(file, built).href))
)

/**
 * @typedef {object} Open
 * @property {(account: number, number: number) => Promise<unknown>} deposit Ends once it is stored.
 * @property {() => Promise<unknown>} forget Drops what is in memory.
 * @property {(account: number) => Promise<number>} balance Loads the account, where nothing of it is in memory.
 * @property {() => Promise<number>} stored How many deposits the store has.
 * @property {() => Promise<unknown>} close
 *
 * @typedef {object} Contestant
 * @property {string} name
 * @property {{ ids: string, hashes: string, isolation: string }} promises
 * @property {(place: string) => Promise<Open>} open Takes a folder, or the address of a PostgreSQL database.
 */

const promises = (ids, hashes, isolation = "yes") => ({ ids, hashes, isolation })

/** @returns {(place: string) => Promise<Open>} */
const openDaybook = (layerOf, countOf) => async (place) => {
  const start = () =>
    ManagedRuntime.make(LedgerLive.pipe(Layer.provide(ActorSystemLocal.layer), Layer.provide(layerOf(place))))
  let runtime = start()
  const ledger = (account) => Effect.map(Ledger, (ledgers) => ledgers(String(account)))
  await runtime.runPromise(Ledger)
  return {
    deposit: (account, number) =>
      runtime.runPromise(Effect.flatMap(ledger(account), (one) => one.Deposit(deposit(number)))),
    forget: async () => {
      await runtime.dispose()
      runtime = start()
      await runtime.runPromise(Ledger)
    },
    balance: async (account) => {
      const { state } = await runtime.runPromise(Effect.flatMap(ledger(account), (one) => one.state))
      return Number(state.balance)
    },
    stored: () => countOf(place),
    close: () => runtime.dispose()
  }
}

const countIn = (filename, sql) => {
  const database = new Database(filename)
  const [count] = database.prepare(sql).raw().get()
  database.close()
  return Promise.resolve(Number(count))
}
const countInPostgres = async (url, sql) => {
  const client = new pg.Client(url)
  await client.connect()
  const { rows } = await client.query(sql)
  await client.end()
  return Number(rows[0].count)
}

const fileOf = (folder) => join(folder, "daybook.db")
/** @type {Contestant} */
const daybook = {
  name: "Daybook",
  promises: promises("yes", "yes"),
  open: openDaybook(
    (folder) => SqliteStore.layer({ filename: fileOf(folder) }),
    (folder) => countIn(fileOf(folder), "SELECT count(*) FROM events")
  )
}

/**
 * What one writes who needs an event store by Friday: a table, one transaction for each command, the account loaded
 * from its events.
 *
 * @returns {Contestant}
 */
const textbook = (isWhole) => ({
  name: isWhole ? "textbook, ids and hashes" : "textbook",
  promises: isWhole ? promises("yes", "yes") : promises("no", "no"),
  open: async (folder) => {
    const database = new Database(join(folder, "textbook.db"))
    database.pragma("journal_mode = WAL")
    database.pragma("synchronous = FULL")
    database.exec(`CREATE TABLE events (position INTEGER PRIMARY KEY, stream TEXT NOT NULL, version INTEGER NOT NULL,
        command_id TEXT UNIQUE, previous_hash TEXT, hash TEXT, data TEXT NOT NULL, UNIQUE (stream, version)) STRICT`)
    const load = database.prepare(
      "SELECT version, data, previous_hash, hash FROM events WHERE stream = ? ORDER BY version"
    )
    const insert = database.prepare(
      "INSERT INTO events (stream, version, command_id, previous_hash, hash, data) VALUES (?, ?, ?, ?, ?, ?)"
    )
    const digest = (previous, stream, version, data) => hash("sha256", [previous, stream, version, data].join("\0"))
    const fold = (stream) => {
      let [balance, version, last] = [0, 0, ""]
      for (const row of load.iterate(stream)) {
        if (isWhole && digest(last, stream, row.version, row.data) !== row.hash) throw new Error("damaged")
        balance += JSON.parse(row.data).amount
        version = row.version
        last = row.hash
      }
      return { balance, version, last }
    }
    const one = database.transaction((stream, number) => {
      const { last, version } = fold(stream)
      const { amount, reference } = deposit(number)
      const data = JSON.stringify({ amount: Number(amount), reference })
      const chained = isWhole ? [randomUUID(), last, digest(last, stream, version + 1, data)] : [null, null, null]
      insert.run(stream, version + 1, ...chained, data)
    }).immediate
    return {
      deposit: async (account, number) => one(`account-${account}`, number),
      forget: async () => {},
      balance: async (account) => fold(`account-${account}`).balance,
      stored: async () => database.prepare("SELECT count(*) FROM events").pluck().get(),
      close: async () => database.close()
    }
  }
})

const initialState = () => ({ balance: 0 })
const evolve = ({ balance }, { data }) => ({ balance: balance + data.amount })
const handle = CommandHandler({ evolve, initialState })
const depositInto = (store, account, number) =>
  handle(store, `account-${account}`, () => {
    const { amount, reference } = deposit(number)
    return { type: "Deposited", data: { amount: Number(amount), reference } }
  })
const balanceIn = async (store, account) =>
  (await store.aggregateStream(`account-${account}`, { evolve, initialState })).state.balance

/** @returns {Contestant} */
const emmettSqlite = (isShared) => ({
  name: isShared ? "emmett-sqlite, one connection" : "emmett-sqlite, its file pool",
  promises: promises("no", "no", isShared ? "no" : "yes"),
  open: async (folder) => {
    const fileName = join(folder, "emmett.db")
    const connection = isShared ? sqliteConnection({ fileName }) : undefined
    const store = getSQLiteEventStore({
      fileName,
      schema: { autoMigration: "CreateOrUpdate" },
      ...(connection === undefined ? {} : { connectionOptions: { connection, singleton: true } })
    })
    return {
      deposit: (account, number) => depositInto(store, account, number),
      forget: async () => {},
      balance: (account) => balanceIn(store, account),
      stored: () => countIn(fileName, "SELECT count(*) FROM emt_messages"),
      close: async () => connection?.close()
    }
  }
})

/** @type {Contestant} */
const emmettPostgres = {
  name: "emmett-postgresql",
  promises: promises("no", "no"),
  open: async (url) => {
    const store = getPostgreSQLEventStore(url)
    return {
      deposit: (account, number) => depositInto(store, account, number),
      forget: async () => {},
      balance: (account) => balanceIn(store, account),
      stored: () => countInPostgres(url, "SELECT count(*) FROM emt_messages"),
      close: () => store.close()
    }
  }
}
/** @type {Contestant} */
const daybookPostgres = {
  name: "Daybook",
  promises: promises("yes", "yes"),
  open: openDaybook(
    (url) => PostgresStore.layer({ url }),
    (url) => countInPostgres(url, "SELECT count(*) FROM events")
  )
}

/** @type {ReadonlyArray<Contestant>} */
export const onSqlite = [daybook, textbook(false), textbook(true), emmettSqlite(false), emmettSqlite(true)]
/** @type {ReadonlyArray<Contestant>} */
export const onPostgres = [daybookPostgres, emmettPostgres]
