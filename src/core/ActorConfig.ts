/** `ActorConfig` holds every limit of the actor runtime in one place, with its unit and what happens at the limit. */
import { Context, Duration, Layer } from "effect"
import * as Limits from "./Limits.ts"

export interface ActorLimits {
  /** Commands waiting in one mailbox, and reads waiting for one recovery; one more fails with `MailboxFull`. */
  readonly mailboxCapacity: number
  /** Commands decided and appended together by one actor; the others wait for the next batch. */
  readonly maxBatch: number
  /**
   * Characters of event data decided before the rest waits for the next batch; one command is never split. Half of what
   * the SQL writer puts in one transaction.
   */
  readonly maxBatchCharacters: number
  /**
   * Time in which commands are decided before the rest waits for the next batch: until then nothing else of the process
   * runs.
   */
  readonly maxBatchTime: Duration.Duration
  /**
   * Events of one command, and characters of their data; more fails with `LimitExceeded`. As much as the SQL writer
   * puts in one transaction: until they are decided and written, nothing else of the process runs.
   */
  readonly maxCommandEvents: number
  readonly maxCommandCharacters: number
  /**
   * Actors in memory. At the limit the one that has been idle longest makes room for the next. When all are busy, the
   * next one waits until the one that has had its place longest gives it up, about a second.
   */
  readonly maxLiveActors: number
  /** Actors waiting for a place; one more fails with `TooManyActors`. */
  readonly maxWaitingActors: number
  /** Time without a command after which an actor leaves memory. */
  readonly idleTimeout: Duration.Duration
  /**
   * Pages that recoveries read at once; further ones wait for their turn, page by page, those of short recoveries first
   * (`RecoveryQueue`). At most this many pages of `maxPageBytes` are in memory for recoveries, beside their states.
   */
  readonly maxRecoveries: number
  /**
   * Longest time without progress in a recovery, counted from its turn on, over all its attempts and the waits between
   * them; then its commands fail with `RecoveryFailed`. Each page that is read starts the time again, so a long stream
   * is not given up. Also the longest look at the store for a read, and the longest catch-up after another writer was
   * first; then the actor recovers from the start.
   */
  readonly recoveryTimeout: Duration.Duration
  /**
   * Attempts of a recovery in a row without progress while the store is unavailable; each goes on where the last one
   * ended. A stream that cannot be read is not tried twice.
   */
  readonly recoveryAttempts: number
  /**
   * Delay before the second attempt; doubled for each further one up to `maxBackoff`, each ±20 %. After a defect too.
   */
  readonly minBackoff: Duration.Duration
  readonly maxBackoff: Duration.Duration
  /**
   * Longest effect of one decision; then it is interrupted and its command fails with `DecisionTimedOut`. A decision
   * that is a plain Either ends by itself, or holds the process.
   */
  readonly decideTimeout: Duration.Duration
  /** How often a batch is decided again after another writer was first; then it fails with `VersionConflict`. */
  readonly conflictRetries: number
  /** Longest wait for one append; then its commands fail with `OutcomeUnknown` and the actor reloads. */
  readonly appendTimeout: Duration.Duration
  /** Events between two snapshots of one stream, unless the aggregate says otherwise. */
  readonly snapshotEvery: number
  /** New events that make a snapshot worth its write when the actor leaves memory. */
  readonly snapshotMinEvents: number
  /** Snapshots kept of each stream: two, so that one that turns out damaged has a predecessor. */
  readonly snapshotsKept: number
  /** Characters of one snapshot. A larger state is not saved, which the log says, and recovers from its events. */
  readonly maxSnapshotCharacters: number
  /** Streams that wait for their snapshot; one more waits for its next occasion. */
  readonly maxPendingSnapshots: number
  /**
   * How long the payloads of commands with an id of the caller's are kept beside the journal, for questions such as why
   * one was refused: see `KeptPayload.ts`. `PayloadRetention` removes older ones. 0: none is kept.
   */
  readonly payloadRetention: Duration.Duration
  /** Longest wait for accepted commands when the system stops; the rest fail with `ShuttingDown`. */
  readonly shutdownTimeout: Duration.Duration
}

export const defaults: ActorLimits = {
  mailboxCapacity: 1_024,
  maxBatch: 1_024,
  maxBatchCharacters: 4 * 1_048_576,
  maxBatchTime: Duration.millis(50),
  maxCommandEvents: 4_000,
  maxCommandCharacters: 8 * 1_048_576,
  maxLiveActors: 10_000,
  maxWaitingActors: 10_000,
  idleTimeout: Duration.minutes(2),
  maxRecoveries: 8,
  recoveryTimeout: Duration.seconds(30),
  recoveryAttempts: 5,
  minBackoff: Duration.millis(100),
  maxBackoff: Duration.seconds(10),
  decideTimeout: Duration.seconds(30),
  conflictRetries: 3,
  appendTimeout: Duration.seconds(30),
  snapshotEvery: 100,
  snapshotMinEvents: 20,
  snapshotsKept: 2,
  maxSnapshotCharacters: 8 * 1_048_576,
  maxPendingSnapshots: 1_024,
  payloadRetention: Duration.days(90),
  shutdownTimeout: Duration.seconds(8)
}

const { day } = Limits
const ranges: Limits.Ranges<ActorLimits> = {
  mailboxCapacity: [1, 1_000_000],
  maxBatch: [1, 100_000],
  maxBatchCharacters: [1, 1_000_000_000],
  maxBatchTime: [1, day],
  maxCommandEvents: [1, 100_000],
  maxCommandCharacters: [1, 1_000_000_000],
  maxLiveActors: [1, 10_000_000],
  maxWaitingActors: [0, 10_000_000],
  idleTimeout: [1, Number.POSITIVE_INFINITY],
  maxRecoveries: [1, 100_000],
  recoveryTimeout: [1, day],
  recoveryAttempts: [1, 1_000],
  minBackoff: [0, day],
  maxBackoff: [0, day],
  decideTimeout: [1, day],
  conflictRetries: [0, 1_000],
  appendTimeout: [1, day],
  snapshotEvery: [0, Number.MAX_SAFE_INTEGER],
  snapshotMinEvents: [0, Number.MAX_SAFE_INTEGER],
  snapshotsKept: [1, 1_000],
  maxSnapshotCharacters: [1, 1_000_000_000],
  maxPendingSnapshots: [0, 1_000_000],
  payloadRetention: [0, Number.POSITIVE_INFINITY],
  shutdownTimeout: [0, day]
}

const groupRows: Limits.Bound = { name: "Limits.group.rows", value: Limits.group.rows }
const groupCharacters: Limits.Bound = { name: "Limits.group.characters", value: Limits.group.characters }

/** What belongs together. */
const relations: ReadonlyArray<Limits.Relation<ActorLimits>> = [
  ["minBackoff", "<=", "maxBackoff", "the backoff could not grow"],
  ["minBackoff", "<", "recoveryTimeout", "a recovery would end before its second attempt"],
  ["maxBatch", "<=", groupRows, "a batch would not fit in a transaction"],
  ["maxBatchCharacters", "<=", groupCharacters, "a batch would not fit in a transaction"],
  ["maxCommandEvents", "<=", groupRows, "a command would not fit in a transaction"],
  ["maxCommandCharacters", "<=", groupCharacters, "a command would not fit in a transaction"],
  ["maxSnapshotCharacters", "<=", groupCharacters, "a snapshot would not fit in a transaction"]
]

/** The limits of actors, which `layer` changes. */
export class ActorConfig extends Context.Reference<ActorConfig>()("daybook/core/ActorConfig", {
  defaultValue: () => defaults
}) {}

/**
 * The defaults with some limits changed. Throws `Limits.InvalidLimit` when one is outside its range, or two contradict.
 */
export const layer = (limits: Partial<ActorLimits>): Layer.Layer<ActorConfig> =>
  Layer.succeed(ActorConfig, Limits.change(defaults, ranges, limits, relations))
