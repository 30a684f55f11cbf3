/**
 * What each node of a cluster says of all of them: who is there, what each holds, and when a lost one was last seen.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Cli from "../cli/Cli.ts"
import * as Service from "../http/Service.ts"
import { schema } from "../sql/Postgres.ts"
import * as Nodes from "./Nodes.ts"

/** The figure's values by node; under "" where it has no such label. */
const valuesOf = (text: string, name: string): ReadonlyMap<string, number> =>
  new Map(
    [...text.matchAll(new RegExp(`^${name}(?:\\{node="([^"]+)"\\})? (\\S+)$`, "gm"))].map(([, node = "", value]) => [
      node,
      Number(value)
    ])
  )

const figures = (node: Nodes.Node) =>
  Effect.map(Service.ask(`${node.url}/metrics`), ({ text }) => ({
    nodes: valuesOf(text, "daybook_cluster_nodes").get(""),
    shards: valuesOf(text, "daybook_cluster_shards"),
    lastSeen: valuesOf(text, "daybook_cluster_node_last_seen_seconds"),
    size: valuesOf(text, "daybook_database_size_bytes").get("")
  }))

type Seen = Effect.Effect.Success<ReturnType<typeof figures>>

const lookUntil = (node: Nodes.Node, isSeen: (seen: Seen) => boolean): Effect.Effect<Seen> =>
  Effect.flatMap(figures(node), (seen) =>
    isSeen(seen) ? Effect.succeed(seen) : Effect.delay(lookUntil(node, isSeen), "200 millis")
  )

describe("the figures of a cluster", () => {
  it.scopedLive(
    "are the same on three nodes, under a prefix too, and say when one is lost",
    () =>
      Effect.gen(function* () {
        const url = yield* schema
        const nodes = yield* Nodes.start(Cli.program(), url, 3, ["--prefix", "shop_"])
        const addresses = nodes.map(({ address }) => address).sort()
        const total = (shards: ReadonlyMap<string, number>) => [...shards.values()].reduce((sum, each) => sum + each, 0)
        for (const node of nodes) {
          const { lastSeen, nodes: alive, shards, size } = yield* lookUntil(node, (seen) => total(seen.shards) === 300)
          assert.strictEqual(alive, 3)
          assert.deepStrictEqual([...shards.keys()].sort(), addresses)
          assert.deepStrictEqual([...lastSeen.keys()].sort(), addresses)
          assert.isAbove(size ?? 0, 1_000_000)
        }
        const [first, , lost] = nodes
        assert(first !== undefined && lost !== undefined)
        lost.process.kill("SIGKILL")
        yield* lost.ended
        const left = yield* lookUntil(first, ({ nodes, shards }) => nodes === 2 && shards.get(lost.address) === 0)
        // As long as its lease, or longer.
        assert.isAtLeast(left.lastSeen.get(lost.address) ?? 0, 6)
      }),
    120_000
  )
})
