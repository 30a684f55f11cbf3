/**
 * Question: what does a rude client cost: one that sends requests by the thousand on a connection of which it reads
 * nothing? Method: the account service as a process of its own; one socket with 1,000 pipelined `GET /docs`, then one
 * with 80,000 pipelined `GET /accounts?minPosition=` of a position that is never reached. Meanwhile another client asks
 * for `/health/live`, up to 100 times a second on one connection: as fast as it can, it would have the heap grow by
 * more than the rude one. Reported are by how much the largest resident set of the process is above that before, read
 * 20 times a second, and the 99th percentile of the other client's waits; both also without the rude one. Not measured:
 * many such connections, which the limits of `HttpConfig` bound.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import process from "node:process"
import { setTimeout } from "node:timers/promises"
import { quantile, type Ratio, type Result, size, summary, withFolder } from "./harness.ts"

const requests = { docs: size(50, 1_000), waits: size(500, 80_000) }
/** For how long the other client looks on, in milliseconds. */
const watched = size(300, 15_000)
/** Between two questions of the other client, in milliseconds. */
const pause = 10

/** The resident set of the process, in bytes. Linux alone tells it. */
const residentSet = (pid: number): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1_024

/** A client that writes and never reads. */
const rude = (url: URL, path: string, count: number) => {
  const socket = connect({ host: url.hostname, port: Number(url.port) })
  socket.on("error", () => {})
  socket.pause()
  socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`.repeat(count))
  return socket
}

/** How long one question takes, in milliseconds. */
const ask = async (url: URL): Promise<number> => {
  const start = performance.now()
  const answer = await fetch(new URL("/health/live", url))
  await answer.text()
  return performance.now() - start
}

interface Cost {
  readonly bytes: number
  readonly wait: number
}

const costOf = (path: string, count: number): Promise<Cost> =>
  withFolder(async (folder) => {
    const script = join(import.meta.dirname, "httpServer.js")
    const server = spawn(process.execPath, [script, "daybook", folder], { stdio: ["ignore", "pipe", "inherit"] })
    try {
      const [address] = (await once(server.stdout, "data")) as [Buffer]
      const url = new URL(address.toString().trim())
      const { pid = 0 } = server
      for (let n = 0; n < 20; n++) await ask(url)
      const before = residentSet(pid)
      const socket = count > 0 ? rude(url, path, count) : undefined
      const end = performance.now() + watched
      const waits: Array<number> = []
      let most = before
      const look = async () => {
        while (performance.now() < end) {
          most = Math.max(most, residentSet(pid))
          await setTimeout(50)
        }
      }
      const client = async () => {
        while (performance.now() < end) {
          waits.push(await ask(url))
          await setTimeout(pause)
        }
      }
      await Promise.all([look(), client()])
      socket?.destroy()
      return { bytes: Math.max(most - before, 1), wait: quantile(waits, 0.99) }
    } finally {
      server.kill("SIGKILL")
    }
  })

export const run = async (): Promise<ReadonlyArray<Result>> => {
  const alone = await costOf("", 0)
  const docs = await costOf("/docs", requests.docs)
  // Beyond the log: the model never comes to it.
  const waits = await costOf("/accounts?minPosition=9007199254740991", requests.waits)
  const result = (what: string, unit: string, of: (cost: Cost) => number) => ({
    benchmark: `${what}, beside a client that reads nothing of ${requests.docs} documents or ${requests.waits} queries`,
    unit,
    rounds: 1,
    measured: [summary("nobody", [of(alone)]), summary("documents", [of(docs)]), summary("queries", [of(waits)])]
  })
  return [
    result("growth of the resident set", "bytes", ({ bytes }) => bytes),
    result("/health/live for another client, 99th percentile", "milliseconds", ({ wait }) => wait)
  ]
}

const aims = { bytes: 100_000_000, milliseconds: 200 }

export const ratios = ([bytes, waits]: ReadonlyArray<Result>): ReadonlyArray<Ratio> => {
  const against = (result: Result | undefined, name: string, aim: number, unit: string) => ({
    what: `${result?.benchmark}: ${name}, against ${unit}`,
    ratio: (result?.measured.find((one) => one.name === name)?.median ?? Number.NaN) / aim,
    atMost: 1
  })
  return ["documents", "queries"].flatMap((name) => [
    against(bytes, name, aims.bytes, "100 MB"),
    against(waits, name, aims.milliseconds, "200 ms")
  ])
}
