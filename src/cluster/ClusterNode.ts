/**
 * `ClusterNode` is one process's place in the cluster: the address under which the others reach it, and the shards it holds.
 * Nodes find each other in two tables beside the log. They trust each other: their network must be a private one.
 */
import { PersistenceError } from "@effect/cluster/ClusterError"
import * as MessageStorage from "@effect/cluster/MessageStorage"
import { RunnerAddress } from "@effect/cluster/RunnerAddress"
import type { Sharding } from "@effect/cluster/Sharding"
import * as ShardingConfig from "@effect/cluster/ShardingConfig"
import * as SqlRunnerStorage from "@effect/cluster/SqlRunnerStorage"
import { SocketServerError } from "@effect/platform/SocketServer"
import * as NodeClusterSocket from "@effect/platform-node/NodeClusterSocket"
import { SqlError } from "@effect/sql/SqlError"
import { Cause, Effect, FiberId, Layer, Option, Redacted, Schedule, Schema } from "effect"

export interface NodeOptions {
  /** `postgres://…` of the log: nodes of one log are one cluster. */
  readonly url: string
  /** Where the other nodes reach this one. */
  readonly host: string
  readonly port: number
  /** Has also what a node sends to itself encoded and decoded, so that tests of one node see what two would. Default false. */
  readonly encodesAll?: boolean
}

/** The process is no part of the cluster, and nothing was changed. */
export class JoinFailed extends Schema.TaggedError<JoinFailed>()("JoinFailed", {
  host: Schema.String,
  port: Schema.Int,
  cause: Schema.Defect
}) {
  override get message() {
    const code = (this.cause as { readonly code?: string } | null)?.code
    const at = `cannot join the cluster as ${this.host} port ${this.port}`
    if (code === "EADDRINUSE") return `${at}: the port is taken; choose another with --cluster`
    if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND") {
      return `${at}: the address is none of this machine's; give one of its own with --cluster`
    }
    const why = this.cause instanceof Error ? this.cause.message : String(this.cause)
    return `${at}: ${why}; check the database, and that its user may create tables`
  }
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
  entityTerminationTimeout: "2 seconds"
} as const

/** Its own connections; the driver is loaded by those who join. */
const database = (url: string) =>
  Layer.unwrapEffect(
    Effect.map(
      Effect.promise(() => import("@effect/sql-pg/PgClient")),
      (driver) => driver.layer({ url: Redacted.make(url), applicationName: "daybook-cluster", maxConnections: 3 })
    )
  )

/** What went wrong, without the wrappers. */
const rootOf = (error: unknown): unknown =>
  error instanceof SocketServerError || error instanceof PersistenceError || error instanceof SqlError
    ? rootOf(error.cause)
    : error

/** PostgreSQL lets one of those who make a table at the same time fail, also where it is to be made only if it is not there. */
const isRace = (error: SqlError): boolean => {
  const { code } = rootOf(error) as { readonly code?: string }
  // A row of the catalogue, the table, or the type of its rows is there already.
  return code === "23505" || code === "42P07" || code === "42710"
}

/** Joins the cluster, and leaves it when the scope closes. */
export const layer = ({
  encodesAll: simulateRemoteSerialization = false,
  host,
  port,
  url
}: NodeOptions): Layer.Layer<Sharding, JoinFailed> => {
  const shardingConfig = {
    ...settings,
    simulateRemoteSerialization,
    runnerAddress: Option.some(RunnerAddress.make({ host, port }))
  }
  return NodeClusterSocket.layer({ storage: "byo", shardingConfig }).pipe(
    Layer.provide(MessageStorage.layerNoop),
    Layer.provide(
      SqlRunnerStorage.layerWith({ prefix: "daybook" }).pipe(
        Layer.retry(Schedule.whileInput(Schedule.intersect(Schedule.recurs(5), Schedule.spaced("50 millis")), isRace)),
        Layer.provide(ShardingConfig.layer(shardingConfig))
      )
    ),
    Layer.provide(database(url)),
    // Some of it comes as a defect: that of the connection for the leases, for one.
    Layer.catchAllCause((cause) =>
      Layer.failCause(
        Cause.isInterruptedOnly(cause)
          ? Cause.interrupt(FiberId.none)
          : Cause.fail(new JoinFailed({ host, port, cause: rootOf(Cause.squash(cause)) }))
      )
    )
  )
}
