/** `ProjectionConfig` holds every limit of the read side in one place, with its unit and what happens at the limit. */
import { Context, Duration, Layer } from "effect"
import * as Limits from "../core/Limits.ts"

export interface ProjectionLimits {
  /** Most events that one transaction takes. */
  readonly maxBatch: number
  /** Characters of event data after which a transaction takes no further event: bounds what a batch has in memory. */
  readonly maxBatchCharacters: number
  /** The same of a rebuild while commands are done: bounds how long it holds the writer, and so a command's latency. */
  readonly busyBatch: number
  /**
   * How often a projection looks for what no wake-up announced: commits, requests and the ends of leases of other
   * processes.
   */
  readonly pollInterval: Duration.Duration
  /** Failures on one event after which a projection halts or parks the event's stream. */
  readonly maxAttempts: number
  /** Delay after the first failure; doubled for each further one up to `maxBackoff`, each ±20 %. */
  readonly minBackoff: Duration.Duration
  readonly maxBackoff: Duration.Duration
  /** Streams that one model parks; at the limit it halts instead, since then the fault is hardly in the streams. */
  readonly maxDeadLetters: number
  /** How often a process that runs projections says so. Another one believes it for three times as long. */
  readonly heartbeat: Duration.Duration
  /**
   * How long a process that runs a projection or a reaction keeps it from the others, renewed in time; after its death
   * another takes over. 0: all who run it do, the first to move a checkpoint wins, and no commits are spent on leases.
   */
  readonly lease: Duration.Duration
  /**
   * Events, and their bytes in memory, that the process holds of the end of the log for all who follow it. A follower
   * that is further behind reads pages of its own.
   */
  readonly tailEvents: number
  readonly tailBytes: number
  /**
   * Events that a reaction has under way, each of another stream. Where others wait, one that has taken longer than
   * `pollInterval` no longer counts, so slow targets do not hold up the others; `maxAhead` bounds all.
   */
  readonly maxInFlight: number
  /** Events that a reaction may be ahead of the first one that is not done; then it waits for that one. */
  readonly maxAhead: number
  /** The same in characters of their data: at this many it reads no further page before the first one is done. */
  readonly maxAheadCharacters: number
}

export const defaults: ProjectionLimits = {
  maxBatch: 4_000,
  maxBatchCharacters: 4 * 1_048_576,
  busyBatch: 200,
  pollInterval: Duration.seconds(1),
  maxAttempts: 5,
  minBackoff: Duration.millis(100),
  maxBackoff: Duration.seconds(30),
  maxDeadLetters: 1_000,
  heartbeat: Duration.seconds(2),
  lease: Duration.zero,
  tailEvents: 4_096,
  tailBytes: 8 * 1_024 * 1_024,
  maxInFlight: 64,
  maxAhead: 4_096,
  maxAheadCharacters: 16 * 1_048_576
}

const { day } = Limits
const ranges: Limits.Ranges<ProjectionLimits> = {
  maxBatch: [1, 100_000],
  maxBatchCharacters: [1, 1_000_000_000],
  busyBatch: [1, 100_000],
  pollInterval: [1, day],
  maxAttempts: [1, Number.MAX_SAFE_INTEGER],
  minBackoff: [0, day],
  maxBackoff: [0, day],
  maxDeadLetters: [0, 1_000_000],
  heartbeat: [1, day],
  lease: [0, day],
  tailEvents: [1, 1_000_000],
  tailBytes: [1, 1_024 * 1_024 * 1_024],
  maxInFlight: [1, 100_000],
  maxAhead: [1, 10_000_000],
  maxAheadCharacters: [1, 1_000_000_000]
}

/** What belongs together. */
const relations: ReadonlyArray<Limits.Relation<ProjectionLimits>> = [
  ["minBackoff", "<=", "maxBackoff", "the backoff could not grow"],
  ["maxInFlight", "<=", "maxAhead", "what a reaction may have under way, it could not read"]
]

/**
 * Longest single attempt of a reaction. What it waits for must have a shorter limit, to be reported by its own error.
 */
export const attemptTimeout: Duration.Duration = Duration.seconds(30)

/** The limits of projections and reactions, which `layer` changes. */
export class ProjectionConfig extends Context.Reference<ProjectionConfig>()("daybook/projection/ProjectionConfig", {
  defaultValue: () => defaults
}) {}

/**
 * The defaults with some limits changed. Throws `Limits.InvalidLimit` when one is outside its range, or two contradict.
 */
export const layer = (limits: Partial<ProjectionLimits>): Layer.Layer<ProjectionConfig> =>
  Layer.succeed(ProjectionConfig, Limits.change(defaults, ranges, limits, relations))
