/**
 * Three nodes that are starved: they stand still, or their database does, or others take the processors, each for
 * longer than a lease. Once it is over all three serve all accounts again by themselves, and what was acknowledged is
 * in the log once. How soon is printed, since it depends on what else the machine does. The short form has one
 * starvation, chosen by the seed; `DAYBOOK_LONG=1`: each of them, for a minute.
 */
import { type ChildProcess, spawn } from "node:child_process"
import process from "node:process"
import { describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Ref } from "effect"
import * as Cli from "../cli/Cli.ts"
import { isLong, random } from "../Random.ts"
import { schema } from "../sql/Postgres.ts"
import * as Ledger from "./Ledger.ts"
import * as Nodes from "./Nodes.ts"
import { proxyTo, type TcpProxy } from "./TcpProxy.ts"

const accounts = 48

/** Longer than a lease, and the time to notice that it is over. */
const starved = Duration.seconds(isLong ? 60 : 8)

interface Cluster {
  readonly nodes: ReadonlyArray<Nodes.Node>
  /** The way of all nodes to their database. */
  readonly database: TcpProxy
}

const send = (nodes: ReadonlyArray<Nodes.Node>, signal: "SIGSTOP" | "SIGCONT") =>
  Effect.sync(() => {
    for (const node of nodes) node.process.kill(signal)
  })

const standStill = (nodes: ReadonlyArray<Nodes.Node>) =>
  Effect.zipRight(send(nodes, "SIGSTOP"), Effect.zipRight(Effect.sleep(starved), send(nodes, "SIGCONT")))

const busy = Effect.acquireUseRelease(
  Effect.sync(() => Array.from({ length: 6 }, () => spawn(process.execPath, ["-e", "for (;;);"], { stdio: "ignore" }))),
  () => Effect.sleep(starved),
  (children: ReadonlyArray<ChildProcess>) =>
    Effect.sync(() => {
      for (const child of children) child.kill("SIGKILL")
    })
)

const starvations: Readonly<Record<string, (cluster: Cluster) => Effect.Effect<void>>> = {
  "all nodes stand still": ({ nodes }) => standStill(nodes),
  "two of the nodes stand still": ({ nodes }) => standStill(nodes.slice(1)),
  "the database stands still": ({ database }) =>
    Effect.zipRight(database.stall, Effect.zipRight(Effect.sleep(starved), database.go)),
  ...(isLong && {
    "the connections to the database are lost, and nobody hears of it": ({ database }) =>
      Effect.zipRight(database.lose, Effect.sleep(starved)),
    "six other processes are busy": () => busy
  })
}

describe("three nodes that were starved", () => {
  const pick = random("starvation")
  const all = Object.entries(starvations)
  const chosen = isLong ? all : all.slice(Math.floor(pick() * all.length)).slice(0, 1)
  for (const [what, starve] of chosen) {
    it.scopedLive(
      `serve again by themselves: ${what}`,
      () =>
        Effect.gen(function* () {
          const url = yield* schema
          const address = new URL(url)
          const database = yield* proxyTo(Number(address.port))
          address.port = String(database.port)
          const nodes = yield* Nodes.start(Cli.program(), address.href, 3)
          const ledger = Ledger.make(nodes.map((node) => node.url))
          const ids = Array.from({ length: accounts }, (_, number) => `account-${number}`)
          yield* Effect.forEach(ids, (id, number) => ledger.open(id, number), { concurrency: 8 })

          const going = yield* Ref.make(true)
          const work = (node: number) =>
            Effect.gen(function* () {
              while (yield* going) {
                yield* ledger.deposit(ids[Math.floor(pick() * accounts)] ?? "", node)
                yield* Effect.sleep("20 millis")
              }
            })
          const clients = yield* Effect.fork(
            Effect.all([0, 0, 1, 1, 2, 2].map(work), { concurrency: "unbounded", discard: true })
          )
          yield* Effect.sleep("1 second")
          yield* starve({ nodes, database })
          const from = Date.now()
          const since = () => `${((Date.now() - from) / 1000).toFixed(1)} s`
          const each = nodes.flatMap((_, node) => ids.map((id) => [id, node] as const))
          yield* Effect.forEach(
            each,
            ([id, node]) => ledger.deposit(id, node, { only: true, patience: "40 seconds" }),
            {
              concurrency: 24
            }
          )
          console.log(`${what}, for ${Duration.format(starved)}: each account through each node after ${since()}`)
          yield* Ref.set(going, false)
          yield* Fiber.join(clients)
          console.log("answers that were none:", Object.fromEntries(ledger.failures))
          yield* ledger.check(url)
        }),
      300_000
    )
  }
})
