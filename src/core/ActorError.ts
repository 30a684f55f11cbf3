/**
 * What the actor runtime can answer instead of a command's own answer. What the store answers is in `StoreError.ts`.
 */
import { Schema } from "effect"
import type { UnencodableEvent } from "./EventError.ts"
import type {
  CommandIdReused,
  EntryDamaged,
  InvalidArgument,
  OutcomeUnknown,
  StoreUnavailable,
  VersionConflict
} from "./StoreError.ts"

/** Too many commands wait for this actor. Nothing was done: try again later. */
export class MailboxFull extends Schema.TaggedError<MailboxFull>()("MailboxFull", {
  streamId: Schema.String,
  capacity: Schema.Int
}) {
  override get message() {
    return `${this.streamId}: ${this.capacity} commands wait already`
  }
}

/** Every place for an actor is busy, and so are the places to wait for one. Nothing was done: try again later. */
export class TooManyActors extends Schema.TaggedError<TooManyActors>()("TooManyActors", {
  streamId: Schema.String,
  limit: Schema.Int
}) {
  override get message() {
    return `${this.streamId}: ${this.limit} actors are busy and as many as may wait do`
  }
}

/** `expectedVersion` is not the version that the command would have met. Nothing was done: read, then decide again. */
export class WrongExpectedVersion extends Schema.TaggedError<WrongExpectedVersion>()("WrongExpectedVersion", {
  streamId: Schema.String,
  expected: Schema.Int,
  actual: Schema.Int
}) {
  override get message() {
    return `${this.streamId}: expected version ${this.expected}, found ${this.actual}`
  }
}

/** The stream has not come so far. Ask for a version from 1 to `head`. */
export class NoSuchVersion extends Schema.TaggedError<NoSuchVersion>()("NoSuchVersion", {
  streamId: Schema.String,
  version: Schema.Int,
  head: Schema.Int
}) {
  override get message() {
    return `${this.streamId} has no version ${this.version}; it ends at ${this.head}`
  }
}

/**
 * A snapshot includes events that the stream does not have: events were lost, or the snapshot belongs to another log.
 */
export class SnapshotAhead extends Schema.TaggedError<SnapshotAhead>()("SnapshotAhead", {
  streamId: Schema.String,
  snapshot: Schema.Int,
  head: Schema.Int
}) {
  override get message() {
    return `${this.streamId}: a snapshot of version ${this.snapshot} is ahead of its stream, which ends at ${this.head}`
  }
}

/** `evolve` threw on a stored event. */
export class EvolveFailed extends Schema.TaggedError<EvolveFailed>()("EvolveFailed", {
  streamId: Schema.String,
  version: Schema.Int,
  type: Schema.String,
  cause: Schema.Defect
}) {
  override get message() {
    return `${this.streamId} version ${this.version}: evolve threw on ${this.type}`
  }
}

/** The actor's state could not be loaded; `cause` says why. Nothing was done. */
export class RecoveryFailed extends Schema.TaggedError<RecoveryFailed>()("RecoveryFailed", {
  streamId: Schema.String,
  cause: Schema.Defect
}) {
  override get message() {
    return `${this.streamId} cannot be recovered: ${this.cause instanceof Error ? this.cause.message : this.cause}`
  }
}

/**
 * What was to be stored is over a limit of `ActorConfig`, which it names: the events of one command, or the state of a
 * snapshot. Nothing was stored. Send several smaller commands, keep less in the state, or raise the limit.
 */
export class LimitExceeded extends Schema.TaggedError<LimitExceeded>()("LimitExceeded", {
  aggregate: Schema.String,
  limit: Schema.String,
  most: Schema.Int,
  /** What was found, in the unit of the limit; as much of it as was looked at. */
  found: Schema.Int
}) {
  override get message() {
    return `${this.aggregate}: ${this.found} is over the limit ${this.limit}, which is ${this.most}`
  }
}

/**
 * The effect that decides the command did not end in time and was interrupted. Nothing was stored: fix the decision.
 */
export class DecisionTimedOut extends Schema.TaggedError<DecisionTimedOut>()("DecisionTimedOut", {
  streamId: Schema.String,
  command: Schema.String,
  /** As `30s`. */
  limit: Schema.String
}) {
  override get message() {
    return `${this.streamId}: the decision of ${this.command} took longer than ${this.limit}`
  }
}

/**
 * The kept answer of a command is not one that this code can read: it was stored by newer code, or the contract changed
 * without a new version. The command was done, once; its answer is in the log.
 */
export class UnreadableAnswer extends Schema.TaggedError<UnreadableAnswer>()("UnreadableAnswer", {
  aggregate: Schema.String,
  command: Schema.String,
  outcome: Schema.Literal("success", "refusal"),
  /** Version of the answer's stored form. */
  answerVersion: Schema.Int,
  /** As `lines.0.amount`; empty when it is the whole answer. */
  path: Schema.String,
  reason: Schema.String
}) {
  override get message() {
    const where = this.path === "" ? "" : ` at ${this.path}`
    return `the kept ${this.outcome} of ${this.aggregate}.${this.command} (version ${this.answerVersion}) cannot be read${where}: ${this.reason}`
  }
}

/**
 * A defect of the behaviour: an answer that is not what the contract says, told by its command and field. Nothing was
 * stored.
 */
export class InvalidAnswer extends Error {
  override readonly name = "InvalidAnswer"
}

/**
 * A state would not come back from a snapshot unchanged, so none is stored. Make `evolve` return what the state's
 * schema says.
 */
export class UnstorableState extends Schema.TaggedError<UnstorableState>()("UnstorableState", {
  aggregate: Schema.String,
  path: Schema.String,
  reason: Schema.String
}) {
  override get message() {
    const where = this.path === "" ? "" : ` at ${this.path}`
    return `a snapshot cannot hold the state of ${this.aggregate}${where}: ${this.reason}`
  }
}

/** The system stops, or the layer of the aggregate was closed: it takes no more commands. Nothing was done. */
export class ShuttingDown extends Schema.TaggedError<ShuttingDown>()("ShuttingDown", {}) {
  override get message() {
    return "the actor system is shutting down"
  }
}

/**
 * Every way for a command to end without an answer of its own; only after `OutcomeUnknown` may it have had an effect.
 */
export type RuntimeError =
  | MailboxFull
  | TooManyActors
  | WrongExpectedVersion
  | LimitExceeded
  | DecisionTimedOut
  | RecoveryFailed
  | UnreadableAnswer
  | ShuttingDown
  | VersionConflict
  | CommandIdReused
  | EntryDamaged
  | InvalidArgument
  | UnencodableEvent
  | StoreUnavailable
  | OutcomeUnknown
