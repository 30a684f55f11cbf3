/**
 * `SqliteLock` waits for the one lock of a SQLite file, which has no queue: each process tries again until it is free.
 */
import { Effect, Schedule } from "effect"
import * as Backoff from "../core/Backoff.ts"
import { codeOf } from "./SqliteErrorCode.ts"

/** Attempts while another process has a lock: after 1 ms and then at most 25 ms, jittered, since there is no queue. */
const attempts = Backoff.schedule({ least: 1, most: 25, factor: 1.5 })

/** Another connection has the lock. Nothing was done. */
export const isBusy = (error: unknown): boolean => codeOf(error).startsWith("SQLITE_BUSY")

/** Runs the effect again while another process has the lock, for as long as `patience` says. */
export const retryWhileBusy =
  (patience: Schedule.Schedule<unknown> = Schedule.recurUpTo("5 seconds")) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.retry(effect, { schedule: Schedule.intersect(attempts, patience), while: isBusy })
