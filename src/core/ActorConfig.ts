/** `ActorConfig` holds every limit of the actor runtime in one place, with its unit and what happens at the limit. */
import { Context, Duration, Layer } from "effect"

export interface ActorLimits {
  /** Commands waiting in one mailbox; one more fails with `MailboxFull`. */
  readonly mailboxCapacity: number
  /** Commands decided and appended together by one actor; the others wait for the next batch. */
  readonly maxBatch: number
  /** Actors in memory. At the limit the one idle for longest leaves for the next; when all are busy the next waits. */
  readonly maxLiveActors: number
  /** Actors waiting for a place; one more fails with `TooManyActors`. */
  readonly maxWaitingActors: number
  /** Time without a command after which an actor leaves memory. */
  readonly idleTimeout: Duration.Duration
  /** Recoveries at once; further ones wait. Small, so that a cold start leaves the store to those that run. */
  readonly maxRecoveries: number
  /** Longest recovery, all its attempts included; then its commands fail with `RecoveryFailed`. */
  readonly recoveryTimeout: Duration.Duration
  /** Attempts of one recovery while the store is unavailable. A stream that cannot be read is not tried twice. */
  readonly recoveryAttempts: number
  /** Delay before the second attempt; doubled for each further one up to `maxBackoff`, each ±20 %. After a defect too. */
  readonly minBackoff: Duration.Duration
  readonly maxBackoff: Duration.Duration
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
  /** Streams that wait for their snapshot; one more waits for its next occasion. */
  readonly maxPendingSnapshots: number
  /** Longest wait for accepted commands when the system stops; the rest fail with `ShuttingDown`. */
  readonly shutdownTimeout: Duration.Duration
}

export const defaults: ActorLimits = {
  mailboxCapacity: 1_024,
  maxBatch: 1_024,
  maxLiveActors: 10_000,
  maxWaitingActors: 10_000,
  idleTimeout: Duration.minutes(2),
  maxRecoveries: 64,
  recoveryTimeout: Duration.seconds(30),
  recoveryAttempts: 5,
  minBackoff: Duration.millis(100),
  maxBackoff: Duration.seconds(10),
  conflictRetries: 3,
  appendTimeout: Duration.seconds(30),
  snapshotEvery: 100,
  snapshotMinEvents: 20,
  snapshotsKept: 2,
  maxPendingSnapshots: 1_024,
  shutdownTimeout: Duration.seconds(8)
}

export class ActorConfig extends Context.Reference<ActorConfig>()("daybook/core/ActorConfig", {
  defaultValue: () => defaults
}) {}

/** The defaults with some limits changed. */
export const layer = (limits: Partial<ActorLimits>): Layer.Layer<ActorConfig> =>
  Layer.succeed(ActorConfig, { ...defaults, ...limits })
