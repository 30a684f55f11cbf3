/**
 * Question: how many deposits per second over HTTP, and how much of what the HTTP server itself can do is that?
 * Method: 1, 8, 64 and 256 connections that wait for each answer, over 1,000 accounts, each deposit with an idempotency key of its own;
 * against the same server, contract and middleware with accounts that answer a constant. Server and clients are two
 * processes; the clients are plain sockets, which cost little. SQLite at synchronous=FULL, the read model running beside.
 * After each round the server is killed, and its log must have each deposit once.
 * Not measured: TLS, networks, slow clients.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { connect } from "node:net"
import { join } from "node:path"
import process from "node:process"
import { Database } from "./byHand.ts"
import { type Contestant, compare, isFull, type Ratio, type Result, ratio, size } from "./harness.ts"

const connectionCounts = isFull ? [1, 8, 64, 256] : [1, 64]
const accounts = size(10, 1_000)
/** One connection waits for a commit each time, so it gets fewer to send. */
const depositsOf = (connections: number): number => size(500, Math.min(20_000, 1_000 * connections))

const request = (path: string, body: object, key: string): string => {
  const text = JSON.stringify(body)
  return `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nidempotency-key: ${key}\r\ncontent-length: ${text.length}\r\n\r\n${text}`
}

/** Sends requests one after the other on one connection while `next` gives some, and fails unless each is answered with 2xx. */
const client = (url: URL, next: () => string | undefined): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true })
    let received = ""
    const send = () => {
      const text = next()
      if (text === undefined) {
        socket.end()
        resolve()
      } else socket.write(text)
    }
    socket.setEncoding("latin1").on("data", (chunk: string) => {
      received += chunk
      const end = received.indexOf("\r\n\r\n")
      const length = /content-length: (\d+)/i.exec(received)?.[1]
      if (end === -1 || length === undefined || received.length < end + 4 + Number(length)) return
      if (!received.startsWith("HTTP/1.1 2")) reject(new Error(received))
      received = ""
      send()
    })
    socket.on("connect", send).on("error", reject)
  })

const all = async (url: URL, connections: number, count: number, text: (number: number) => string): Promise<void> => {
  let sent = 0
  const next = () => (sent < count ? text(sent++) : undefined)
  await Promise.all(Array.from({ length: connections }, () => client(url, next)))
}

/** What was answered is there after the server was killed: each deposit once. */
const assertStored = (filename: string, deposits: number): void => {
  const database = new Database(filename)
  const stored = database.prepare("SELECT count(*) FROM events WHERE type = 'Deposited'").pluck().get()
  database.close()
  if (stored !== deposits) throw new Error(`${stored} deposits are stored of ${deposits}`)
}

const contestant = (mode: "daybook" | "constant", connections: number, deposits: number): Contestant => ({
  name: mode,
  run: async (folder) => {
    const script = join(import.meta.dirname, "httpServer.js")
    const server = spawn(process.execPath, [script, mode, folder], { stdio: ["ignore", "pipe", "inherit"] })
    try {
      const [address] = (await once(server.stdout, "data")) as [Buffer]
      const url = new URL(address.toString().trim())
      const opening = (number: number) => ({ accountId: `account-${number}`, owner: "Anna", currency: "EUR" })
      await all(url, 64, accounts, (number) => request("/accounts", opening(number), `open ${number}`))
      const start = performance.now()
      await all(url, connections, deposits, (number) =>
        request(`/accounts/account-${(number * 7_919) % accounts}/deposits`, { amount: "12.50" }, `deposit ${number}`)
      )
      const seconds = (performance.now() - start) / 1_000
      const ended = once(server, "exit")
      server.kill("SIGKILL")
      await ended
      if (mode === "daybook") assertStored(join(folder, "daybook.db"), deposits)
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
    ...(result.benchmark.endsWith(" 64") && { atLeast: 0.4 })
  }))
