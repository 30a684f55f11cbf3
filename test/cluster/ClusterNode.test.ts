/**
 * A node and its leases, while the way to its database is not what it should be. The node is one of this process, and
 * alone.
 */
import { EntityId } from "@effect/cluster/EntityId"
import { Sharding } from "@effect/cluster/Sharding"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, FiberRef, HashSet, Layer, Schedule } from "effect"
import * as ClusterFigures from "../../src/cluster/ClusterFigures.ts"
import * as ClusterNode from "../../src/cluster/ClusterNode.ts"
import { isLong } from "../Random.ts"
import { client, schema } from "../sql/Postgres.ts"
import { freePort, holders } from "./Nodes.ts"
import { proxyTo } from "./TcpProxy.ts"

const join = (url: string, prefix?: string) =>
  Effect.gen(function* () {
    const named = prefix === undefined ? {} : { prefix }
    const node = ClusterNode.layer({ url, host: "127.0.0.1", port: yield* freePort, ...named })
    const sharding = Context.get(yield* Layer.build(node), Sharding)
    const shards = Array.from({ length: 1_024 }, (_, share) =>
      sharding.getShardId(EntityId.make(`${share}`), "default")
    )
    const until = (holds: boolean) =>
      Effect.repeat(
        Effect.sync(() => shards.every((shard) => sharding.hasShardId(shard) === holds)),
        { until: (so) => so, schedule: Schedule.spaced("20 millis") }
      )
    yield* until(true)
    return { until }
    // It logs that its leases are lost.
  }).pipe(Effect.locally(FiberRef.currentLoggers, HashSet.empty()))

/** A node that reaches its database through a proxy. */
const joinThrough = Effect.gen(function* () {
  const url = yield* schema
  const address = new URL(url)
  const proxy = yield* proxyTo(Number(address.port))
  address.port = String(proxy.port)
  return { ...(yield* join(address.href)), proxy, url }
})

describe("ClusterNode", () => {
  it.scopedLive("has its tables under the prefix of the log, and takes none of the application for its own", () =>
    Effect.gen(function* () {
      const url = yield* schema
      const sql = yield* client(url)
      const theirs = ["shop_shards", "shop_locks", "shop_runners"]
      for (const table of theirs) yield* sql.unsafe(`CREATE TABLE ${table} (shard_id TEXT)`)
      yield* join(url, "shop_")
      const tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() ORDER BY 1"
      const found = (yield* sql.unsafe(tables).values).flat()
      assert.deepStrictEqual(found, [...theirs, "shop_cluster_locks", "shop_cluster_runners"].sort())
      const read = (text: string, params: ReadonlyArray<unknown>) =>
        sql.unsafe(text.replace("?", "$1"), [...params]).values
      const nodes = yield* ClusterFigures.nodes(read, { prefix: "shop_" })
      assert.deepStrictEqual(
        nodes.map(({ isAlive, shards }) => [isAlive, shards]),
        [[true, 300]]
      )
    })
  )

  it.scopedLive("takes its leases again when its connections were lost without a word", () =>
    Effect.gen(function* () {
      const { proxy, until } = yield* joinThrough
      yield* proxy.lose
      yield* until(false)
      yield* until(true)
    })
  )

  // It takes as long as all connections are waited for, twice.
  it.scopedLive.runIf(isLong)(
    "takes its leases again when no connection could be had for longer than it waits for one",
    () =>
      Effect.gen(function* () {
        const { proxy, until, url } = yield* joinThrough
        // For as long as it takes to give up all connections that were there, and those that come in their place.
        yield* proxy.stall
        yield* until(false)
        yield* Effect.repeat(proxy.accepted, { until: (count) => count >= 12, schedule: Schedule.spaced("50 millis") })
        yield* proxy.go
        yield* until(true)
        assert.strictEqual((yield* holders(url)).size, 1)
      })
  )

  it.scopedLive("joins where another made its tables at the same moment, whatever PostgreSQL calls it", () =>
    Effect.gen(function* () {
      for (const code of ["23505", "42P07", "42710"]) {
        const url = yield* schema
        const name = new URL(url).searchParams.get("options")?.split("=").at(-1) ?? ""
        const sql = yield* client(url)
        // What a lost race looks like, once for each of the two tables; a sequence counts whatever is rolled back.
        yield* sql.unsafe("CREATE SEQUENCE tries")
        yield* sql.unsafe(`CREATE FUNCTION lose_race() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
          IF current_schema() = '${name}' AND nextval('${name}.tries') IN (1, 3) THEN
            RAISE EXCEPTION 'it is there already' USING ERRCODE = '${code}';
          END IF; END $$`)
        yield* Effect.acquireRelease(
          sql.unsafe(
            `CREATE EVENT TRIGGER ${name} ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION lose_race()`
          ),
          () => Effect.orDie(sql.unsafe(`DROP EVENT TRIGGER ${name}`))
        )
        yield* Effect.scoped(join(url))
        const [row] = yield* sql.unsafe<{ readonly tries: string }>("SELECT last_value AS tries FROM tries")
        assert.isAtLeast(Number(row?.tries), 3, code)
      }
    })
  )
})
