/**
 * What an event store can answer besides events. `VersionConflict` and `CommandIdReused` are answers the caller acts
 * on, `InvalidArgument` and `AnswerFailed` are the caller's mistakes, `StoreUnavailable` and `OutcomeUnknown` are
 * faults that pass, and `StreamDamaged` and `EntryDamaged` are faults that waiting does not fix.
 */
import { Schema } from "effect"

/**
 * Another writer appended first, or the stream is not as expected: where both versions are the same, another event has
 * that version. Nothing was written: reload and decide again.
 */
export class VersionConflict extends Schema.TaggedError<VersionConflict>()("VersionConflict", {
  streamId: Schema.String,
  expected: Schema.Union(Schema.Int, Schema.Literal("noStream", "exists")),
  actual: Schema.Int
}) {
  override get message() {
    return this.expected === this.actual
      ? `${this.streamId}: version ${this.actual} is another event than expected`
      : `${this.streamId}: expected ${this.expected}, found version ${this.actual}`
  }
}

/**
 * The command id was stored before with another body or for another stream. Nothing was written: send the new command
 * under an id of its own.
 */
export class CommandIdReused extends Schema.TaggedError<CommandIdReused>()("CommandIdReused", {
  commandId: Schema.String
}) {
  override get message() {
    return `the command id ${JSON.stringify(this.commandId)} was used before with another body or for another stream`
  }
}

/** The request itself is wrong. Nothing was read or written. */
export class InvalidArgument extends Schema.TaggedError<InvalidArgument>()("InvalidArgument", {
  argument: Schema.String,
  reason: Schema.String
}) {
  override get message() {
    return `${this.argument}: ${this.reason}`
  }
}

/** The store could not be asked; `cause` says why. Nothing was written: try again later. */
export class StoreUnavailable extends Schema.TaggedError<StoreUnavailable>()("StoreUnavailable", {
  operation: Schema.Literal("append", "read"),
  cause: Schema.Defect
}) {
  override get message() {
    return `the event store cannot ${this.operation}: ${this.cause instanceof Error ? this.cause.message : this.cause}`
  }
}

/**
 * What is stored here is not what was appended: an event's hash, its place or its predecessor is wrong. Nothing of it
 * was given out. What comes before it can be read, and reading on after its place gives what comes behind. Restore it
 * from a backup.
 */
export class StreamDamaged extends Schema.TaggedError<StreamDamaged>()("StreamDamaged", {
  /** As they are stored, so that one of them may be the damage itself; null where nothing is stored. */
  streamId: Schema.String,
  version: Schema.Int,
  position: Schema.NullOr(Schema.Int),
  type: Schema.NullOr(Schema.String),
  reason: Schema.String
}) {
  override get message() {
    return `${this.streamId} version ${this.version} is damaged: ${this.reason}`
  }
}

/**
 * A defect: the caller asked, within a transaction of the store, for what waits for that transaction to end. Nothing
 * was written. Ask before the transaction or after it; what must be decided together belongs in one command.
 */
export class WithinTransaction extends Schema.TaggedError<WithinTransaction>()("WithinTransaction", {
  asked: Schema.Literal("an aggregate", "the writer")
}) {
  override get message() {
    return `${this.asked} was asked within one of the writer's own transactions, and would wait for itself; ask before or after it`
  }
}

/** The answer of a command could not be made from the state after its events. Nothing was written. */
export class AnswerFailed extends Schema.TaggedError<AnswerFailed>()("AnswerFailed", {
  commandId: Schema.String,
  cause: Schema.Defect
}) {
  override get message() {
    return `the answer of command ${this.commandId} could not be made`
  }
}

/**
 * The answer that is kept under the command id is not what was stored: its entry in the journal does not match its
 * hash. Nothing was written, and the answer is not given: restore the log from a backup.
 */
export class EntryDamaged extends Schema.TaggedError<EntryDamaged>()("EntryDamaged", {
  sequence: Schema.Int,
  streamId: Schema.String,
  version: Schema.Int
}) {
  override get message() {
    return `entry ${this.sequence} of the journal (${this.streamId} version ${this.version}) is damaged: its hash does not match what is stored`
  }
}

/** The commit failed or did not answer: stored or not. Send the same commands again with the same ids. */
export class OutcomeUnknown extends Schema.TaggedError<OutcomeUnknown>()("OutcomeUnknown", {
  cause: Schema.Defect
}) {
  override get message() {
    return "the outcome of the commit is not known"
  }
}
