/**
 * Question: how many durable commands per second on PostgreSQL, against one transaction per command on the same server?
 * Method: 1,000 clients that wait for each answer, over 1,000 accounts of 100 events each; a server of its own with
 * `fsync` and `synchronous_commit` on; each round on a fresh copy of one database; contestants in turn, medians. What
 * is done by hand is in `postgresByHand.ts`; both have their connections open and, Daybook, its actors started before
 * the clock runs. Not measured: a network between the two, several processes that write.
 */
import { Effect, Layer } from "effect"
import * as ActorSystemLocal from "../src/core/ActorSystemLocal.ts"
import * as PostgresStore from "../src/sql/PostgresStore.ts"
import * as PostgresServer from "../test/PostgresServer.ts"
import { type Contestant, compare, type Ratio, type Result, ratio, size } from "./harness.ts"
import { deposit, Ledger, LedgerLive } from "./Ledger.ts"
import * as ByHand from "./postgresByHand.ts"

const accounts = size(20, 1_000)
const eventsEach = size(10, 100)
const clients = 1_000

/** The account of a command: the same sequence for every contestant. */
const accountOf = (number: number): number => (number * 7_919) % accounts

const databaseOf = (server: string, name: string): string => server.replace(/[^/]*$/, name)

const onStore = (url: string) =>
  LedgerLive.pipe(Layer.provide(ActorSystemLocal.layer), Layer.provide(PostgresStore.layer({ url })))

const refs = Effect.map(Ledger, (ledgers) => Array.from({ length: accounts }, (_, id) => ledgers(String(id))))

/** Each client takes the next number until there are no more. */
const load = async (commands: number, one: (number: number) => Promise<unknown>): Promise<number> => {
  let next = 0
  const client = async () => {
    while (next < commands) await one(next++)
  }
  const start = performance.now()
  await Promise.all(Array.from({ length: clients }, client))
  return (performance.now() - start) / 1_000
}

/** A checksum of the events and what they deposited: every contestant that did as many commands has the same. */
const checksum = (events: string) => `SELECT count(*), sum((data::json ->> 'amount')::bigint)::bigint FROM ${events}`

export const run = async (): Promise<ReadonlyArray<Result>> => {
  const server = await PostgresServer.start()
  const admin = ByHand.open(server.url)
  const sql = (text: string) => ByHand.query(admin, text)
  let copies = 0
  /** Runs the work on a copy of the database, and reads what it came to. */
  const onCopy = async (count: number, events: string, work: (url: string) => Promise<number>) => {
    const name = `copy_${++copies}`
    await sql(`CREATE DATABASE ${name} TEMPLATE seeded`)
    const url = databaseOf(server.url, name)
    const seconds = await work(url)
    const pool = ByHand.open(url)
    const [sums] = await ByHand.query(pool, checksum(events))
    await pool.end()
    await sql(`DROP DATABASE ${name}`)
    return { count, seconds, checksum: JSON.stringify(sums) }
  }
  const byHand = (name: string, body: ByHand.Body, commands: number): Contestant => ({
    name,
    run: () =>
      onCopy(commands, "hand_events", async (url) => {
        const pool = ByHand.open(url)
        const one = (number: number) => ByHand.run(pool, body, accountOf(number), number)
        await load(20, one)
        const seconds = await load(commands, one)
        await pool.end()
        return seconds
      })
  })
  const daybook = (commands: number): Contestant => ({
    name: "daybook",
    run: () =>
      onCopy(commands, "events", (url) =>
        Effect.runPromise(
          Effect.gen(function* () {
            const all = yield* refs
            yield* Effect.forEach(all, (ref) => ref.state, { concurrency: 100, discard: true })
            let next = 0
            const client = Effect.gen(function* () {
              while (next < commands) {
                const number = next++
                yield* all[accountOf(number)]?.Deposit(deposit(number)) ?? Effect.dieMessage("no account")
              }
            })
            const start = performance.now()
            yield* Effect.replicateEffect(client, clients, { concurrency: "unbounded", discard: true })
            return (performance.now() - start) / 1_000
          }).pipe(Effect.provide(onStore(url)))
        )
      )
  })
  try {
    for (const setting of ["fsync", "synchronous_commit"]) {
      const [row] = await sql(`SHOW ${setting}`)
      if (JSON.stringify(row) !== `{"${setting}":"on"}`) throw new Error(`${setting} is not on`)
    }
    await sql("CREATE DATABASE seeded ENCODING 'UTF8' TEMPLATE template0")
    await Effect.runPromise(
      Effect.gen(function* () {
        const all = yield* refs
        const numbers = Array.from({ length: eventsEach }, (_, number) => number)
        const fill = Effect.forEach(numbers, (number) =>
          Effect.forEach(all, (ref) => ref.Deposit(deposit(number)), { concurrency: clients, discard: true })
        )
        yield* fill
      }).pipe(Effect.provide(onStore(databaseOf(server.url, "seeded"))))
    )
    const seeded = ByHand.open(databaseOf(server.url, "seeded"))
    await ByHand.query(seeded, `CREATE SEQUENCE positions START ${accounts * eventsEach + 1}`)
    for (const statement of ByHand.tables) await ByHand.query(seeded, statement)
    await seeded.end()
    return [
      await compare("durable commands on PostgreSQL", "commands/s", [
        byHand("textbook", ByHand.textbook, size(50, 2_000)),
        byHand("ordered", ByHand.ordered, size(50, 2_000)),
        byHand("unordered", ByHand.unordered, size(50, 4_000)),
        daybook(size(500, 30_000))
      ])
    ]
  } finally {
    await admin.end()
    await server.stop()
  }
}

export const ratios = ([result]: ReadonlyArray<Result>): ReadonlyArray<Ratio> =>
  (["textbook", "ordered", "unordered"] as const).map((against) => ({
    what: `${result?.benchmark}, daybook against one transaction each, ${against}`,
    ratio: ratio(result, "daybook", against),
    ...(against === "ordered" && { atLeast: 5 })
  }))
