/**
 * Question: how many durable commands per second do the stores give, and how fast is the log read from them again:
 * memory, SQLite, PostgreSQL, and NATS JetStream? Method: 1,000 clients that wait for each answer, over 1,000 accounts,
 * and one client alone; new databases, servers on this machine, each syncing before it acknowledges (SQLite
 * `synchronous=FULL`, PostgreSQL `fsync`, NATS `sync_interval: always`). The replay reads the whole log of one of each,
 * checks each hash, decodes and evolves; on JetStream from the local file that follows the stream. `bare consumer` is
 * what any reader of a stream does: an ordered consumer that parses each message with `JSON.parse`, of the same events
 * with nothing beside them. `new local file` opens a store without one, which is built from the stream. Contestants in
 * turn, medians; each comes to the same count and sum. Not measured: a network between the two, three replicas, several
 * processes that write, power loss.
 */
import { randomUUID } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import process from "node:process"
import { connect, headers } from "@nats-io/transport-node"
import { Effect, Either, Layer } from "effect"
import * as ActorSystemLocal from "../src/core/ActorSystemLocal.ts"
import * as EventHash from "../src/core/EventHash.ts"
import { EventStore } from "../src/core/EventStore.ts"
import * as EventStoreMemory from "../src/core/EventStoreMemory.ts"
import type { SnapshotStore } from "../src/core/SnapshotStore.ts"
import * as SnapshotStoreMemory from "../src/core/SnapshotStoreMemory.ts"
import * as NatsStore from "../src/nats/NatsStore.ts"
import type { DatabaseError } from "../src/sql/DatabaseError.ts"
import * as PostgresStore from "../src/sql/PostgresStore.ts"
import * as SqliteStore from "../src/sql/SqliteStore.ts"
import * as NatsServer from "../test/NatsServer.ts"
import * as PostgresServer from "../test/PostgresServer.ts"
import { type Contestant, compare, type Ratio, type Result, ratio, size, type Work } from "./harness.ts"
import { deposit, Ledger, LedgerLive } from "./Ledger.ts"
import * as ByHand from "./postgresByHand.ts"

const accounts = size(20, 1_000)
const many = { title: "durable commands on each store, clients: 1000", clients: 1_000, commands: size(200, 20_000) }
const one = { title: "durable commands on each store, clients: 1", clients: 1, commands: size(20, 300) }
type Load = typeof many

const replayed = { title: "replay of the log of each store", commands: size(300, 50_000) }

/** The account of a command: the same sequence for every contestant. */
const accountOf = (number: number): number => (number * 7_919) % accounts

interface Store {
  readonly name: string
  /** A new one; in the folder, where it has a file. */
  readonly open: (folder: string) => Layer.Layer<EventStore | SnapshotStore, DatabaseError>
}

/** Sends this many commands, and returns the seconds that it took once all actors were there. */
const send = ({ clients, commands }: Pick<Load, "clients" | "commands">) =>
  Effect.gen(function* () {
    const all = yield* Effect.map(Ledger, (ledgers) => Array.from({ length: accounts }, (_, id) => ledgers(String(id))))
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
  }).pipe(Effect.provide(Layer.provide(LedgerLive, ActorSystemLocal.layer)))

const { codec, evolve, initial } = Ledger.define({
  decide: { Deposit: () => Either.right([]) },
  evolve: { Deposited: ({ balance }, { amount }) => ({ balance: balance + amount }) },
  reply: { Deposit: ({ balance }, at) => ({ balance, ...at }) }
})

/** Reads the whole log as a projection does. */
const readAll = Effect.gen(function* () {
  const store = yield* EventStore
  const states = new Map<string, typeof initial>()
  for (let [after, count] = [0, 0]; ; ) {
    const page = yield* store.readAll(after)
    for (const stored of page.events) {
      if (!EventHash.isIntact(stored)) return yield* Effect.dieMessage("damaged")
      let state = states.get(stored.streamId) ?? initial
      for (const event of Either.getOrThrow(codec.decode(stored))) state = evolve(state, event)
      states.set(stored.streamId, state)
    }
    count += page.events.length
    after = page.events.at(-1)?.position ?? after
    if (!page.more) {
      const sum = [...states.values()].reduce((sum, { balance }) => sum + balance, 0n)
      return { count, checksum: String(sum) }
    }
    yield* Effect.yieldNow()
  }
})

const timed = <A extends Omit<Work, "seconds">, E, R>(work: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const start = performance.now()
    const { checksum, count } = yield* work
    return { count, checksum, seconds: (performance.now() - start) / 1_000 }
  })

const commandsOn = ({ name, open }: Store, load: Load): Contestant => ({
  name,
  run: (folder) =>
    Effect.runPromise(
      Effect.gen(function* () {
        const seconds = yield* send(load)
        return { ...(yield* readAll), seconds }
      }).pipe(Effect.provide(open(folder)))
    )
})

/** Messages that are written at once. */
const batchSize = 500

/** A stream of these events alone, as JSON, and an ordered consumer that reads it from the beginning. */
const bareConsumer = async (url: string) => {
  const nats = await connect({ servers: url })
  const stream = `bare-${randomUUID()}`
  const ask = async (what: string, body: object) => {
    const answer = (await nats.request(`$JS.API.${what}`, JSON.stringify(body))).json<{ error?: object }>()
    if (answer.error !== undefined) throw new Error(JSON.stringify(answer.error))
  }
  await ask(`STREAM.CREATE.${stream}`, { name: stream, subjects: [stream], allow_atomic: true })
  for (let number = 0; number < replayed.commands; number++) {
    const { amount, reference } = deposit(number)
    const data = { amount: String(amount), reference }
    const event = { streamId: `ledger-${accountOf(number)}`, type: "Deposited", schemaVersion: 1, data }
    const message = JSON.stringify(event)
    const head = headers()
    const place = (number % batchSize) + 1
    head.set("Nats-Batch-Id", `${stream}-${Math.floor(number / batchSize)}`)
    head.set("Nats-Batch-Sequence", String(place))
    if (place < batchSize && number < replayed.commands - 1) {
      nats.publish(stream, message, { headers: head })
      continue
    }
    head.set("Nats-Batch-Commit", "1")
    const answer = await nats.request(stream, message, { headers: head, timeout: 60_000 })
    const { error } = answer.json<{ error?: object }>()
    if (error !== undefined) throw new Error(JSON.stringify(error))
  }
  const read = (): Promise<Omit<Work, "seconds">> =>
    new Promise((resolve, reject) => {
      const inbox = `_INBOX.${randomUUID()}`
      let [count, sum] = [0, 0n]
      const subscription = nats.subscribe(inbox, {
        callback: (error, message) => {
          if (error !== null) return reject(error)
          if (message.headers?.code === 100) {
            // The answer of the flow control: the server waits for it.
            if (message.reply !== undefined && message.reply !== "") message.respond()
            return
          }
          sum += BigInt(JSON.parse(message.string()).data.amount)
          count++
          if (count < replayed.commands) return
          subscription.unsubscribe()
          resolve({ count, checksum: String(sum) })
        }
      })
      const config = {
        deliver_subject: inbox,
        deliver_policy: "all",
        ack_policy: "none",
        max_deliver: 1,
        flow_control: true,
        idle_heartbeat: 5_000_000_000,
        mem_storage: true,
        num_replicas: 1
      }
      ask(`CONSUMER.CREATE.${stream}`, { stream_name: stream, config }).catch(reject)
    })
  return { read, close: () => nats.close() }
}

/** The log of each store is written once, and read by every round. */
const replays = (stores: ReadonlyArray<Store>, nats: NatsServer.NatsServer | undefined) =>
  Effect.gen(function* () {
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), "daybook-bench-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
    )
    const contestants: Array<Contestant> = []
    for (const { name, open } of stores) {
      const context = yield* Layer.build(open(folder))
      yield* Effect.provide(send({ clients: many.clients, commands: replayed.commands }), context)
      contestants.push({ name, run: () => Effect.runPromise(Effect.provide(timed(readAll), context)) })
    }
    if (nats !== undefined) {
      const bare = yield* Effect.acquireRelease(
        Effect.promise(() => bareConsumer(nats.url)),
        ({ close }) => Effect.promise(close)
      )
      contestants.push(
        {
          name: "JetStream, new local file",
          run: (own) => {
            const url = jetStreamAt(nats, basename(folder), own)
            return Effect.runPromise(timed(Effect.provide(readAll, NatsStore.layer({ url }))))
          }
        },
        { name: "bare consumer", run: () => Effect.runPromise(timed(Effect.promise(bare.read))) }
      )
    }
    return yield* Effect.promise(() => compare(replayed.title, "events/s", contestants))
  })

/** The address of a stream, with its local file in a folder. */
const jetStreamAt = ({ monitorUrl, url }: NatsServer.NatsServer, stream: string, folder: string): string =>
  `${url}/${stream}?monitor=${monitorUrl}&local=${join(folder, "local.db")}`

export const run = async (): Promise<ReadonlyArray<Result>> => {
  const postgres = await PostgresServer.start()
  const nats = NatsServer.found === undefined ? undefined : await NatsServer.start()
  const admin = ByHand.open(postgres.url)
  let databases = 0
  const newDatabase = async () => {
    const name = `store_${++databases}`
    await ByHand.query(admin, `CREATE DATABASE ${name} ENCODING 'UTF8' TEMPLATE template0`)
    return PostgresStore.layer({ url: postgres.url.replace(/[^/]*$/, name) })
  }
  const stores: ReadonlyArray<Store> = [
    { name: "memory", open: () => Layer.merge(EventStoreMemory.layer, SnapshotStoreMemory.layer) },
    { name: "SQLite", open: (folder) => SqliteStore.layer({ filename: join(folder, "daybook.db") }) },
    { name: "PostgreSQL", open: () => Layer.unwrapEffect(Effect.promise(newDatabase)) },
    ...(nats === undefined
      ? []
      : [
          {
            name: "JetStream",
            open: (folder: string) => NatsStore.layer({ url: jetStreamAt(nats, basename(folder), folder) })
          }
        ])
  ]
  const commands = (load: Load, rounds?: number) =>
    compare(
      load.title,
      "commands/s",
      stores.map((store) => commandsOn(store, load)),
      rounds
    )
  try {
    return [
      await commands(many, size(1, 3)),
      await commands(one, size(1, 3)),
      await Effect.runPromise(Effect.scoped(replays(stores, nats)))
    ]
  } finally {
    await admin.end()
    await postgres.stop()
    await nats?.stop()
  }
}

export const ratios = (results: ReadonlyArray<Result>): ReadonlyArray<Ratio> => {
  const replay = results.find(({ benchmark }) => benchmark === replayed.title)
  const has = (name: string) => replay?.measured.some((each) => each.name === name)
  const commands = results.filter(({ unit }) => unit === "commands/s")
  return [
    ...commands.flatMap((result) =>
      ["PostgreSQL", "JetStream"]
        .filter(has)
        .map((name) => ({ what: `${result.benchmark}: ${name} against SQLite`, ratio: ratio(result, name, "SQLite") }))
    ),
    ...(has("JetStream")
      ? [
          {
            what: `${replayed.title}: JetStream against a bare consumer`,
            ratio: ratio(replay, "JetStream", "bare consumer"),
            atLeast: 0.7
          },
          {
            what: `${replayed.title}: JetStream into a new local file against a bare consumer`,
            ratio: ratio(replay, "JetStream, new local file", "bare consumer")
          }
        ]
      : []),
    { what: `${replayed.title}: JetStream against SQLite`, ratio: ratio(replay, "JetStream", "SQLite") }
  ].filter(({ ratio }) => !Number.isNaN(ratio))
}
