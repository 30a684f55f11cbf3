/**
 * `LeaseDatabase` is the way of a node to the tables in which the nodes find each other and keep their leases. It is
 * made to survive: a connection that is silent or lost is replaced, none is kept from the pool by a caller that went
 * away, and whatever waits for one waits a bounded time. So a node takes its leases again once its database, its
 * network or the node itself no longer stands still.
 */
import { Socket } from "node:net"
import { setImmediate } from "node:timers"
import * as Reactivity from "@effect/experimental/Reactivity"
import { SqlClient } from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { Duration, Effect, Layer, Redacted } from "effect"

/** Longest wait for a connection, whether it is new or in use. */
const connectTimeout = "5 seconds"

/** One holds the leases, one asks who is there, one tells the server to stop a statement that nothing waits for. */
const maxConnections = 3

/**
 * A socket that is given up when it is silent. Where the way to the server is gone without a word, the driver would
 * wait until the system gives up, a quarter of an hour later, and be given the same connection by its pool again and
 * again.
 */
const attentive = (silenceMs: number): Socket => {
  const socket = new Socket()
  socket.setTimeout(silenceMs, () => {
    const { bytesRead } = socket
    // Where this process itself stood still, an answer may have come that has only to be read: two turns later it has
    // been.
    setImmediate(() =>
      setImmediate(() => {
        if (socket.bytesRead === bytesRead) {
          socket.destroy(Object.assign(new Error("the database is silent"), { code: "ETIMEDOUT" }))
        }
      })
    )
  })
  return socket
}

/**
 * A node's own connections; the driver is loaded by those who join. A connection may be silent for as long as a lease:
 * anything later would no longer matter.
 */
export const layer = (url: string, lease: Duration.Duration): Layer.Layer<SqlClient, SqlError> =>
  Layer.scoped(
    SqlClient,
    Effect.gen(function* () {
      const driver = yield* Effect.promise(() => import("@effect/sql-pg/PgClient"))
      const client = yield* driver.make({
        url: Redacted.make(url),
        applicationName: "daybook-cluster",
        maxConnections,
        connectTimeout,
        stream: () => attentive(Duration.toMillis(lease))
      })
      // The driver would lose a connection for ever if its caller were interrupted while it waits for it, as happens to
      // each attempt to renew the leases that takes too long; after three of them the node would never have a lease
      // again.
      return Object.assign(client, { reserve: Effect.uninterruptible(client.reserve) })
    }).pipe(Effect.provideServiceEffect(Reactivity.Reactivity, Reactivity.make))
  )
