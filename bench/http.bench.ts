/**
 * Question: how many deposits per second over HTTP, and how much of what the HTTP server itself can do is that? Method:
 * 1, 8, 64 and 256 connections that wait for each answer, over 1,000 accounts, each deposit with an idempotency key of
 * its own; against the same server, contract and middleware with accounts that answer a constant. Server and clients
 * are two processes; the clients are plain sockets, which cost little. SQLite at synchronous=FULL, the read model
 * running beside. After each round the server is killed, and its log must have each deposit once. Not measured: TLS,
 * networks, slow clients.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import process from "node:process"
import * as Deposits from "./deposits.ts"
import { type Contestant, compare, isFull, type Ratio, type Result, ratio, size } from "./harness.ts"

const connectionCounts = isFull ? [1, 8, 64, 256] : [1, 64]
const accounts = size(10, 1_000)
/** One connection waits for a commit each time, so it gets fewer to send. */
const depositsOf = (connections: number): number => size(500, Math.min(20_000, 1_000 * connections))

const contestant = (mode: "daybook" | "constant", connections: number, deposits: number): Contestant => ({
  name: mode,
  run: async (folder) => {
    const script = join(import.meta.dirname, "httpServer.js")
    const server = spawn(process.execPath, [script, mode, folder], { stdio: ["ignore", "pipe", "inherit"] })
    try {
      const [address] = (await once(server.stdout, "data")) as [Buffer]
      const url = new URL(address.toString().trim())
      await Deposits.open(url, accounts)
      const start = performance.now()
      await Deposits.make(url, connections, deposits, accounts)
      const seconds = (performance.now() - start) / 1_000
      const ended = once(server, "exit")
      server.kill("SIGKILL")
      await ended
      if (mode === "daybook") Deposits.assertStored(join(folder, "daybook.db"), deposits)
      return { count: deposits, seconds, checksum: String(deposits) }
    } finally {
      server.kill("SIGKILL")
    }
  }
})

export const run = async (): Promise<ReadonlyArray<Result>> => {
  const results: Array<Result> = []
  for (const connections of connectionCounts) {
    const contestants = (["constant", "daybook"] as const).map((mode) =>
      contestant(mode, connections, depositsOf(connections))
    )
    results.push(
      await compare(`deposits over HTTP, connections: ${connections}`, "requests/s", contestants, size(1, 3))
    )
  }
  return results
}

export const ratios = (results: ReadonlyArray<Result>): ReadonlyArray<Ratio> =>
  results.map((result) => ({
    what: `${result.benchmark}, daybook against a constant`,
    ratio: ratio(result, "daybook", "constant"),
    ...(result.benchmark.endsWith(" 64") && { atLeast: 0.5 })
  }))
