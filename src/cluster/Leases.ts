/**
 * `Leases` is where nodes find each other and keep their leases: two tables beside the log, which the first of them
 * makes. `LeaseDatabase` is the way to it.
 *
 * A lease is kept for as long as it was granted. The cluster would give up all that a node holds, and interrupt what is
 * being done there, as soon as one renewal is not answered within a third of that time, which on a starved machine it
 * often is not.
 */
import { PersistenceError } from "@effect/cluster/ClusterError"
import { RunnerStorage } from "@effect/cluster/RunnerStorage"
import type { ShardingConfig } from "@effect/cluster/ShardingConfig"
import * as SqlRunnerStorage from "@effect/cluster/SqlRunnerStorage"
import { SqlError } from "@effect/sql/SqlError"
import { Duration, Effect, Layer, Schedule } from "effect"
import { tablesOf } from "./ClusterFigures.ts"
import * as LeaseDatabase from "./LeaseDatabase.ts"

/** What went wrong, without the wrappers. */
export const rootOf = (error: unknown): unknown =>
  error instanceof PersistenceError || error instanceof SqlError ? rootOf(error.cause) : error

/**
 * PostgreSQL lets one of those who make a table at the same time fail, also where it is to be made only if it is not
 * there.
 */
const isRace = (error: SqlError): boolean => {
  const { code } = rootOf(error) as { readonly code?: string }
  // A row of the catalogue, the table, or the type of its rows is there already.
  return code === "23505" || code === "42P07" || code === "42710"
}

/** How often a lease is renewed before it is over, if nothing goes wrong. */
export const renewals = 3

/** The same, where a renewal that fails, or is not answered in time, loses nothing before the lease is over. */
export const steadfast = (
  storage: RunnerStorage["Type"],
  lease: Duration.Duration,
  elapsed: () => number
): RunnerStorage["Type"] => {
  const leaseMs = Duration.toMillis(lease)
  const intervalMs = leaseMs / renewals
  /** When the last renewal began that was done: the database counts from a later time. */
  let renewedAt = Number.NEGATIVE_INFINITY
  /** Whether the lease lasts until the next renewal begins. */
  const lasts = () => elapsed() - renewedAt < leaseMs - intervalMs
  return RunnerStorage.of({
    ...storage,
    refresh: (address, shards) =>
      Effect.suspend(() => {
        const began = elapsed()
        const held = [...shards]
        return storage.refresh(address, held).pipe(
          Effect.tap(() =>
            Effect.sync(() => {
              renewedAt = began
            })
          ),
          // Before the cluster itself stops to wait for it, which it takes for the loss of all.
          Effect.timeoutFail({
            duration: (intervalMs * 3) / 4,
            onTimeout: () => new PersistenceError({ cause: new Error("the database did not answer in time") })
          }),
          Effect.catchAll((error) => (lasts() ? Effect.succeed(held) : error))
        )
      })
  })
}

/** The leases of one node, each for this long, in tables whose names begin as those of its log. */
export const layer = (
  url: string,
  lease: Duration.Duration,
  prefix?: string
): Layer.Layer<RunnerStorage, SqlError, ShardingConfig> =>
  Layer.effect(
    RunnerStorage,
    Effect.map(RunnerStorage, (storage) => steadfast(storage, lease, () => performance.now()))
  ).pipe(
    Layer.provide(
      SqlRunnerStorage.layerWith({ prefix: tablesOf(prefix) }).pipe(
        Layer.retry(Schedule.whileInput(Schedule.intersect(Schedule.recurs(5), Schedule.spaced("50 millis")), isRace))
      )
    ),
    Layer.provide(LeaseDatabase.layer(url, lease))
  )
