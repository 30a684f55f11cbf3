/** Nodes of a cluster on the loopback: `daybook serve --cluster`, each a process of its own. */
import { createServer } from "node:net"
import { Effect, Schedule } from "effect"
import { tablesOf } from "../../src/cluster/ClusterFigures.ts"
import type { Program } from "../cli/Cli.ts"
import * as Serve from "../http/Serve.ts"
import { client } from "../sql/PostgresClient.ts"

/** A port that nobody listens on. */
export const freePort = Effect.async<number>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    server.close(() => resume(Effect.succeed(port)))
  })
})

export interface Node extends Serve.Running {
  /** Under which the others know it. */
  readonly address: string
}

const join = Effect.fnUntraced(function* (program: Program, url: string, more: ReadonlyArray<string>) {
  const address = `127.0.0.1:${yield* freePort}`
  return { ...(yield* Serve.start(program, ["--db", url, "--cluster", address, ...more])), address } satisfies Node
})

/** How many of the 300 shards each address holds, by the tables of a log with this prefix. */
export const holders = (url: string, prefix?: string) =>
  Effect.scoped(
    Effect.gen(function* () {
      const sql = yield* client(url)
      const rows = yield* sql.unsafe<{ readonly address: string; readonly count: number }>(
        `SELECT address, count(*)::int AS count FROM ${tablesOf(prefix)}_locks GROUP BY address`
      )
      return new Map(rows.map(({ address, count }) => [address, count]))
    })
  )

/** This many nodes on the log of the address, with `more` arguments, once each of them holds its part of the shards. */
export const start = Effect.fnUntraced(function* (
  program: Program,
  url: string,
  count: number,
  more: ReadonlyArray<string> = []
) {
  const prefix = more.includes("--prefix") ? more[more.indexOf("--prefix") + 1] : undefined
  const nodes = yield* Effect.all(
    Array.from({ length: count }, () => join(program, url, more)),
    { concurrency: "unbounded" }
  )
  // A share is random, and hardly less than half of an equal one.
  const hasPart = (held: ReadonlyMap<string, number>) =>
    nodes.every(({ address }) => (held.get(address) ?? 0) > 300 / count / 2)
  yield* Effect.repeat(holders(url, prefix), { until: hasPart, schedule: Schedule.spaced("100 millis") })
  return nodes
})
