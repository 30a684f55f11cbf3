/**
 * `ClusterNode` is one process's place in the cluster: the address under which the others reach it, and the shards it
 * holds. Nodes find each other in two tables beside the log. They trust each other: their network must be a private
 * one.
 */
import * as MessageStorage from "@effect/cluster/MessageStorage"
import { RunnerAddress } from "@effect/cluster/RunnerAddress"
import type { Sharding } from "@effect/cluster/Sharding"
import * as ShardingConfig from "@effect/cluster/ShardingConfig"
import { SocketServerError } from "@effect/platform/SocketServer"
import * as NodeClusterSocket from "@effect/platform-node/NodeClusterSocket"
import { Cause, Duration, FiberId, Layer, Option, Schema } from "effect"
import * as Limits from "../core/Limits.ts"
import { defaultLease } from "./ClusterFigures.ts"
import * as Leases from "./Leases.ts"

export interface NodeOptions {
  /** `postgres://…` of the log: nodes of one log are one cluster. */
  readonly url: string
  /**
   * What the names of the log's tables begin with, as its store was told; those of the cluster do too. Default:
   * nothing.
   */
  readonly prefix?: string
  /** Where the other nodes reach this one. */
  readonly host: string
  readonly port: number
  /**
   * How long the node's aggregates are its own once it no longer says that it is there: then others take them. It says
   * so three times as often. Longer where machines are busy, shorter where one that is lost must be replaced sooner;
   * the same for all nodes. Default 6 seconds.
   */
  readonly lease?: Duration.DurationInput
  /**
   * Has also what a node sends to itself encoded and decoded, so that tests of one node see what two would. Default
   * false.
   */
  readonly encodesAll?: boolean
}

/** The process is not part of the cluster, and nothing was changed. */
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

interface NodeLimits {
  readonly lease: Duration.Duration
}
const defaults: NodeLimits = { lease: defaultLease }
/** Below some seconds a breath of the machine would cost a node its lease. */
const ranges: Limits.Ranges<NodeLimits> = { lease: [3_000, Limits.day] }

/**
 * Rows that expire, not advisory locks: those belong to the whole database, and a node that stands still would keep
 * them. A node that is lost is replaced after the expiration and one more look at who is there.
 */
const settings = {
  shardLockDisableAdvisory: true,
  refreshAssignmentsInterval: "1 second",
  runnerHealthCheckInterval: "2 seconds",
  sendRetryInterval: "50 millis",
  entityTerminationTimeout: "2 seconds"
} as const

/** What went wrong, without the wrappers. */
const rootOf = (error: unknown): unknown => Leases.rootOf(error instanceof SocketServerError ? error.cause : error)

/** Joins the cluster, and leaves it when the scope closes. */
export const layer = ({
  encodesAll: simulateRemoteSerialization = false,
  host,
  lease: given,
  port,
  prefix,
  url
}: NodeOptions): Layer.Layer<Sharding, JoinFailed> => {
  const { lease } = Limits.change(defaults, ranges, given === undefined ? {} : { lease: Duration.decode(given) })
  const shardingConfig = {
    ...settings,
    shardLockExpiration: lease,
    shardLockRefreshInterval: Duration.unsafeDivide(lease, Leases.renewals),
    simulateRemoteSerialization,
    runnerAddress: Option.some(RunnerAddress.make({ host, port }))
  }
  return NodeClusterSocket.layer({ storage: "byo", shardingConfig }).pipe(
    Layer.provide(MessageStorage.layerNoop),
    Layer.provide(Layer.provide(Leases.layer(url, lease, prefix), ShardingConfig.layer(shardingConfig))),
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
