/**
 * Question: what do clients of the feed cost the commands, those whom nothing concerns and those who read all? Method:
 * deposits over HTTP on 64 connections to 1,000 accounts, while 0, 16, 64 or 256 clients follow the feed with a filter
 * that no event fits; and while 256 follow all of it. Each of these must get each deposit once, in order, and the time
 * ends when the last one has. Server and clients are two processes; SQLite at synchronous=FULL, the read model running
 * beside. Not measured: networks, slow clients, clients that come and go.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { get, type IncomingMessage } from "node:http"
import { join } from "node:path"
import process from "node:process"
import * as Deposits from "./deposits.ts"
import { type Contestant, compare, isFull, type Ratio, type Result, ratio, size } from "./harness.ts"

const connections = 64
const accounts = size(10, 1_000)
const deposits = size(200, 8_000)
/** Each of 256 clients gets each of them. */
const depositsForReaders = size(50, 2_000)
const quiet = isFull ? [0, 16, 64, 256] : [0, 8]
const readers = size(8, 256)

/**
 * Follows the feed. `done` is kept when the client has all of its events; it fails when one comes twice or out of
 * order.
 */
const follow = async (url: URL, query: string, wanted: number) => {
  const request = get(new URL(`/events/stream?${query}`, url), { agent: false })
  const [response] = (await once(request, "response")) as [IncomingMessage]
  if (response.statusCode !== 200) throw new Error(`the feed answered ${response.statusCode}`)
  const done = new Promise<void>((resolve, reject) => {
    let text = ""
    let count = 0
    let last = 0
    response.setEncoding("latin1").on("data", (chunk: string) => {
      text += chunk
      const end = text.lastIndexOf("\n\n")
      for (const [, id] of text.slice(0, Math.max(end, 0)).matchAll(/^id: (\d+)$/gm)) {
        if (Number(id) <= last) reject(new Error(`position ${id} came after ${last}`))
        last = Number(id)
        count++
      }
      if (end >= 0) text = text.slice(end + 2)
      if (count === wanted) resolve()
      if (count > wanted) reject(new Error(`${count} events came of ${wanted}`))
    })
    response.on("error", () => {})
  })
  let isOpen = true
  response.once("close", () => {
    isOpen = false
  })
  request.on("error", () => {})
  await once(response, "data")
  const close = () => {
    if (!isOpen) throw new Error("a client of the feed was cut off")
    request.destroy()
  }
  return { done, close }
}

const contestant = (name: string, clients: number, count: number, readAll: boolean): Contestant => ({
  name,
  run: async (folder) => {
    const script = join(import.meta.dirname, "httpServer.js")
    const server = spawn(process.execPath, [script, "daybook", folder], { stdio: ["ignore", "pipe", "inherit"] })
    try {
      const [address] = (await once(server.stdout, "data")) as [Buffer]
      const url = new URL(address.toString().trim())
      await Deposits.open(url, accounts)
      const query = readAll ? `after=${accounts}` : `after=${accounts}&type=Never`
      const feeds = await Promise.all(
        Array.from({ length: clients }, () => follow(url, query, readAll ? count : Number.POSITIVE_INFINITY))
      )
      const start = performance.now()
      await Deposits.make(url, connections, count, accounts)
      if (readAll) await Promise.all(feeds.map(({ done }) => done))
      const seconds = (performance.now() - start) / 1_000
      for (const { close } of feeds) close()
      const ended = once(server, "exit")
      server.kill("SIGKILL")
      await ended
      Deposits.assertStored(join(folder, "daybook.db"), count)
      return { count, seconds, checksum: String(count) }
    } finally {
      server.kill("SIGKILL")
    }
  }
})

const quietly = "deposits over HTTP beside clients of the feed that nothing concerns"

export const run = async (): Promise<ReadonlyArray<Result>> => {
  const waiting = quiet.map((clients) => contestant(`${clients} clients`, clients, deposits, false))
  const reading = [0, readers].map((clients) =>
    contestant(`${clients} clients`, clients, depositsForReaders, clients > 0)
  )
  return [
    await compare(quietly, "requests/s", waiting, size(1, 3)),
    await compare(
      "deposits over HTTP beside clients of the feed that get all of them",
      "requests/s",
      reading,
      size(1, 3)
    )
  ]
}

export const ratios = ([waiting, reading]: ReadonlyArray<Result>): ReadonlyArray<Ratio> => [
  ...quiet
    .filter((clients) => clients > 0)
    .map((clients) => ({
      what: `deposits beside ${clients} clients that nothing concerns, against none`,
      ratio: ratio(waiting, `${clients} clients`, "0 clients"),
      ...(clients === 256 && { atLeast: 0.8 })
    })),
  {
    what: `deposits beside ${readers} clients that get each, until the last has them, against none`,
    ratio: ratio(reading, `${readers} clients`, "0 clients")
  }
]
