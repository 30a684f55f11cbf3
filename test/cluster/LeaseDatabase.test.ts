/** The connections of a node to the tables of its leases, through a proxy that stands still. */
import { SqlClient } from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Fiber, Layer, Schedule } from "effect"
import * as LeaseDatabase from "../../src/cluster/LeaseDatabase.ts"
import { schema } from "../sql/Postgres.ts"
import { proxyTo } from "./TcpProxy.ts"

describe("LeaseDatabase", () => {
  it.scopedLive("loses no connection to a caller that is interrupted while it waits for one", () =>
    Effect.gen(function* () {
      const address = new URL(yield* schema)
      const proxy = yield* proxyTo(Number(address.port))
      address.port = String(proxy.port)
      const layer = LeaseDatabase.layer(address.href, Duration.seconds(60))
      const client = Context.get(yield* Layer.build(layer), SqlClient)
      // The one that is there. The others have to be made, which takes until the proxy goes on.
      yield* client.reserve
      yield* proxy.stall
      const waiting = yield* Effect.replicateEffect(Effect.fork(Effect.exit(Effect.scoped(client.reserve))), 2)
      yield* Effect.repeat(proxy.accepted, { until: (count) => count === 3, schedule: Schedule.spaced("10 millis") })
      const interrupted = yield* Effect.forEach(waiting, (fiber) => Effect.fork(Fiber.interrupt(fiber)))
      yield* Effect.yieldNow()
      yield* proxy.go
      yield* Effect.forEach(interrupted, Fiber.join)
      yield* Effect.replicateEffect(client.reserve, 2)
      assert.strictEqual(yield* proxy.accepted, 3)
    })
  )
})
