/**
 * `ClusterNode` is one process's place in the cluster: the address under which the others reach it, and the shards it holds.
 * Nodes find each other in two tables beside the log. They trust each other: their network must be a private one.
 */
import * as MessageStorage from "@effect/cluster/MessageStorage"
import { RunnerAddress } from "@effect/cluster/RunnerAddress"
import type { Sharding } from "@effect/cluster/Sharding"
import * as ShardingConfig from "@effect/cluster/ShardingConfig"
import * as SqlRunnerStorage from "@effect/cluster/SqlRunnerStorage"
import * as NodeClusterSocket from "@effect/platform-node/NodeClusterSocket"
import { Effect, Layer, Option, Redacted } from "effect"

export interface NodeOptions {
  /** `postgres://…` of the log: nodes of one log are one cluster. */
  readonly url: string
  /** Where the other nodes reach this one. */
  readonly host: string
  readonly port: number
}

/**
 * Rows that expire, not advisory locks: those belong to the whole database, and a node that stands still would keep them.
 * A node that is lost is replaced after the expiration and one more look at who is there.
 */
const settings = {
  shardLockDisableAdvisory: true,
  shardLockExpiration: "6 seconds",
  shardLockRefreshInterval: "2 seconds",
  refreshAssignmentsInterval: "1 second",
  runnerHealthCheckInterval: "2 seconds",
  sendRetryInterval: "50 millis",
  entityTerminationTimeout: "2 seconds",
  simulateRemoteSerialization: false
} as const

/** Its own connections; the driver is loaded by those who join. */
const database = (url: string) =>
  Layer.unwrapEffect(
    Effect.map(
      Effect.promise(() => import("@effect/sql-pg/PgClient")),
      (driver) => driver.layer({ url: Redacted.make(url), applicationName: "daybook-cluster", maxConnections: 3 })
    )
  )

/** Joins the cluster, and leaves it when the scope closes. A database or an address that cannot be used is a defect. */
export const layer = ({ host, port, url }: NodeOptions): Layer.Layer<Sharding> => {
  const shardingConfig = { ...settings, runnerAddress: Option.some(RunnerAddress.make({ host, port })) }
  return NodeClusterSocket.layer({ storage: "byo", shardingConfig }).pipe(
    Layer.provide(MessageStorage.layerNoop),
    Layer.provide(
      SqlRunnerStorage.layerWith({ prefix: "daybook" }).pipe(Layer.provide(ShardingConfig.layer(shardingConfig)))
    ),
    Layer.provide(database(url)),
    Layer.orDie
  )
}
