/**
 * Question: how large a machine does the service need?
 * Method: deposits over HTTP from 64 connections to 1,000 accounts, each with an idempotency key of its own, the
 * read model running beside; server and clients are two processes on one machine. Processor time and memory are what
 * the server's own `/metrics` say of it before and after. Then it is killed and started on its log, until it
 * listens. The size is that of the database after that, its write-ahead log played in, for each command with all
 * that is kept of it: event, journal, answer, payload, read model.
 * Not measured: networks, TLS, slow clients, commands that are larger than a deposit.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { statSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { Database } from "./byHand.ts"
import * as Deposits from "./deposits.ts"
import { type Ratio, type Result, size, summary, withFolder } from "./harness.ts"

const accounts = size(10, 1_000)
const deposits = size(300, 40_000)
const connections = 64

/** The server on this folder, once it listens. */
const start = async (folder: string) => {
  const began = performance.now()
  const script = join(import.meta.dirname, "httpServer.js")
  const server = spawn(process.execPath, [script, "daybook", folder], { stdio: ["ignore", "pipe", "inherit"] })
  const [address] = (await once(server.stdout, "data")) as [Buffer]
  const end = async (): Promise<void> => {
    const ended = once(server, "exit")
    server.kill("SIGKILL")
    await ended
  }
  return { url: new URL(address.toString().trim()), millis: performance.now() - began, end }
}

/** What the server says of itself: seconds of processor time, and bytes of memory. */
const figures = async (url: URL): Promise<{ readonly cpu: number; readonly rss: number }> => {
  const text = await (await fetch(new URL("/metrics", url))).text()
  const of = (name: string): number =>
    [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, "gm"))].reduce(
      (sum, [, value]) => sum + Number(value),
      0
    )
  return { cpu: of("process_cpu_time_seconds_total"), rss: of("process_memory_usage_bytes") }
}

export const run = (): Promise<ReadonlyArray<Result>> =>
  withFolder(async (folder) => {
    const server = await start(folder)
    await Deposits.open(server.url, accounts)
    const before = await figures(server.url)
    const began = performance.now()
    await Deposits.make(server.url, connections, deposits, accounts)
    const seconds = (performance.now() - began) / 1_000
    const after = await figures(server.url)
    await server.end()
    const again = await start(folder)
    await again.end()
    const file = join(folder, "daybook.db")
    const database = new Database(file)
    database.pragma("wal_checkpoint(TRUNCATE)")
    database.close()
    Deposits.assertStored(file, deposits)
    const one = (benchmark: string, unit: string, value: number): Result => ({
      benchmark: `capacity: ${benchmark}`,
      unit,
      rounds: 1,
      measured: [summary("Daybook", [value], String(deposits))]
    })
    return [
      one("commands", "a second", deposits / seconds),
      one("processor time of the server", "s for 1,000 commands", ((after.cpu - before.cpu) / deposits) * 1_000),
      one("memory of the server", "bytes of the resident set", after.rss),
      one("database", "bytes for each command", statSync(file).size / (deposits + accounts)),
      one(`start on a log of ${deposits + accounts} events, after a kill`, "ms until it listens", again.millis)
    ]
  })

export const ratios = (results: ReadonlyArray<Result>): ReadonlyArray<Ratio> => {
  const [, , memory] = results
  const [measured] = memory?.measured ?? []
  return measured === undefined
    ? []
    : [{ what: "memory of the server under load, against 512 MB", ratio: measured.median / 2 ** 29, atMost: 1 }]
}
