/**
 * `ClusterFigures` say who is in the cluster, according to the tables in which the nodes find each other: every node
 * reads the same about all of them. Times are by the clock of the database.
 */
import { Duration, Effect } from "effect"
import * as Reading from "../core/Reading.ts"

/** Nodes that have not been seen for longer are forgotten: one that was replaced comes back under another address. */
const memory = "1 hour"

/**
 * What the names of the cluster's tables begin with, for tables of the log under this prefix. Another word follows than
 * in the names of the log: the cluster takes a table `…_shards` for its own of an earlier release, and drops it.
 */
export const tablesOf = (prefix = ""): string => (prefix === "" ? "daybook" : `${prefix}cluster`)

/** For a lease given in seconds. A shard whose lease is over is held by no node. */
const select = (tables: string) => `SELECT r.address, extract(epoch FROM localtimestamp - r.last_heartbeat)::float8,
    (SELECT count(*)::int FROM ${tables}_locks AS l
      WHERE l.address = r.address AND l.acquired_at > localtimestamp - make_interval(secs => ?))
  FROM ${tables}_runners AS r WHERE r.last_heartbeat > localtimestamp - interval '${memory}'`

type Read = (sql: string, params: ReadonlyArray<unknown>) => Effect.Effect<ReadonlyArray<ReadonlyArray<unknown>>, Error>

/** How long a node's aggregates are its own, unless it is told otherwise. */
export const defaultLease = Duration.seconds(6)

export interface KnownNode {
  readonly address: string
  /** Since it said that it is there. */
  readonly seconds: number
  /** Whether its lease lasts. */
  readonly isAlive: boolean
  /** Shards that it holds. */
  readonly shards: number
}

export interface Options {
  /** That of the nodes. Default: `defaultLease`. */
  readonly lease?: Duration.Duration
  /** That of the log's tables. Default: none. */
  readonly prefix?: string
}

/** Read through a connection to the database in which the nodes meet. */
export const nodes = (read: Read, { lease = defaultLease, prefix }: Options = {}) => {
  const leaseSeconds = Duration.toSeconds(lease)
  return Effect.map(read(select(tablesOf(prefix)), [leaseSeconds]), (rows) =>
    rows.map(([address, since, shards]): KnownNode => {
      const seconds = Math.max(Number(since), 0)
      return { address: String(address), seconds, isAlive: seconds < leaseSeconds, shards: Number(shards) }
    })
  )
}

/** The same as figures. */
export const source = (read: Read, options: Options = {}): Reading.Source =>
  Effect.map(nodes(read, options), (all) => {
    const alive = all.filter(({ isAlive }) => isAlive).length
    return [
      Reading.gauge("daybook.cluster.nodes", null, "Nodes whose lease lasts", alive),
      ...all.flatMap(({ address, seconds, shards }) => {
        const labels = { node: address }
        return [
          { ...Reading.gauge("daybook.cluster.shards", null, "Shards that the node holds, of 300", shards), labels },
          {
            ...Reading.gauge(
              "daybook.cluster.node.last_seen",
              "s",
              "Seconds since the node said that it is there",
              seconds
            ),
            labels
          }
        ]
      })
    ]
  })
