/** What the read side can answer besides rows. Each says where, and what to do. */
import { Schema } from "effect"
import * as Reason from "../core/Reason.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"

/**
 * The read model is not yet as new as was asked, or is being built. The command that made the position succeeded all
 * the same: ask again later. Or its log was restored since, and it answers once it is rebuilt.
 */
export class ViewBehind extends Schema.TaggedError<ViewBehind>()("ViewBehind", {
  projection: Schema.String,
  /** Where the model is; null while none of this version serves. */
  position: Schema.NullOr(Schema.Int),
  minPosition: Schema.Int,
  /** Whether it has events that the log lacks. */
  isAhead: Schema.optionalWith(Schema.Boolean, { default: () => false }),
  /** The version of the model that serves, where a newer release built it. */
  newer: Schema.optionalWith(Schema.NullOr(Schema.Int), { default: () => null })
}) {
  override get message() {
    if (this.isAhead) return `the read model ${this.projection} is ahead of the log, which was restored; rebuild it`
    if (this.newer !== null) {
      return `the read model ${this.projection} is of version ${this.newer}, which a newer release built and this one cannot read: ask that one`
    }
    return this.position === null
      ? `the read model ${this.projection} is being built; ask again later`
      : `the read model ${this.projection} is at position ${this.position}, not yet at ${this.minPosition}; ask again later`
  }
}

/** No projection or reaction has this name. `known` are those there are. */
export class UnknownProjection extends Schema.TaggedError<UnknownProjection>()("UnknownProjection", {
  projection: Schema.String,
  known: Schema.Array(Schema.String)
}) {
  override get message() {
    return `there is no projection ${this.projection}; there are: ${this.known.join(", ") || "none"}`
  }
}

/** The projection neither halted at an event of this stream nor parked it: nothing is to be retried or skipped. */
export class NothingFailed extends Schema.TaggedError<NothingFailed>()("NothingFailed", {
  projection: Schema.String,
  streamId: Schema.String
}) {
  override get message() {
    return `${this.projection} has no failed event of stream ${this.streamId}; see \`daybook projections\``
  }
}

/** No event of this stream is skipped: nothing is to be undone. */
export class NothingSkipped extends Schema.TaggedError<NothingSkipped>()("NothingSkipped", {
  projection: Schema.String,
  streamId: Schema.String
}) {
  override get message() {
    return `${this.projection} passes over no event of stream ${this.streamId}; see \`daybook projections\``
  }
}

/** No event of this stream is abandoned: nothing is to be taken up. */
export class NothingAbandoned extends Schema.TaggedError<NothingAbandoned>()("NothingAbandoned", {
  reaction: Schema.String,
  streamId: Schema.String
}) {
  override get message() {
    return `${this.reaction} has abandoned no event of stream ${this.streamId}; see \`daybook reactions\``
  }
}

/** The verb is not for this kind: passing over an event would silently leave undone what a reaction began. */
export class WrongKind extends Schema.TaggedError<WrongKind>()("WrongKind", {
  name: Schema.String,
  kind: Schema.Literal("projection", "reaction", "relay")
}) {
  override get message() {
    if (this.kind === "reaction") {
      return `${this.name} is a reaction: abandon the event with \`daybook reactions abandon\`, which says what stays undone`
    }
    return this.kind === "relay"
      ? `${this.name} is a relay, which sends nothing late: have it send again with \`daybook relay rewind\``
      : `${this.name} is a projection: pass over the event with \`daybook projections skip\``
  }
}

/**
 * The reaction is new on a log that has events, or its version was raised, and it does not say where to begin; or it says a position
 * where no event is.
 */
export class StartRequired extends Schema.TaggedError<StartRequired>()("StartRequired", {
  reaction: Schema.String,
  /** Position of the log's end. */
  end: Schema.Int,
  /** The position that it says; null where it says nothing. */
  after: Schema.NullOr(Schema.Int),
  /** The version that it was raised to; null where the reaction is new. */
  raisedTo: Schema.NullOr(Schema.Int)
}) {
  override get message() {
    if (this.after === null && this.raisedTo !== null) {
      return (
        `the reaction ${this.reaction} was raised to version ${this.raisedTo} on a log with events up to position ${this.end}: say ` +
        'startFrom: "beginning" to do all of them again, { after: POSITION } for those behind a place, "now" to do none again'
      )
    }
    return this.after === null
      ? `the reaction ${this.reaction} is new on a log with events up to position ${this.end}: say startFrom: "beginning" to react to ` +
          'all of them, "now" to begin behind them, { after: POSITION } for a place between; or, where it was renamed, formerNames'
      : `the reaction ${this.reaction} is to start after position ${this.after}, where the log has no event; it ends at ${this.end}`
  }
}

/** The version of this reaction is not to be raised now: it runs under the one that is declared, has not begun, or stands still. */
export class NothingRaised extends Schema.TaggedError<NothingRaised>()("NothingRaised", {
  reaction: Schema.String,
  declared: Schema.Int,
  /** The version under which it runs; null where it has not begun on this log. */
  known: Schema.NullOr(Schema.Int),
  /** Whether it is ahead of a log that was restored. */
  isAhead: Schema.Boolean
}) {
  override get message() {
    const { declared, known, reaction } = this
    if (known === null) return `${reaction} has not begun on this log: it begins where its startFrom says`
    if (this.isAhead) return `${reaction} is ahead of the log, which was restored: resume it first`
    return known === declared
      ? `${reaction} runs under version ${known} already; declare a higher one to have events done again`
      : `${reaction} runs under version ${known}, and this application declares ${declared}: a version only rises`
  }
}

/**
 * The rebuild met an event that it could not take, or its tables could not be made or put in place. The model that served before
 * still does.
 */
export class RebuildHalted extends Schema.TaggedError<RebuildHalted>()("RebuildHalted", {
  projection: Schema.String,
  /** The event at fault; null where none is. */
  streamId: Schema.NullOr(Schema.String),
  version: Schema.NullOr(Schema.Int),
  reason: Schema.String
}) {
  override get message() {
    return this.streamId === null
      ? `the rebuild of ${this.projection} halted: ${this.reason}; fix it, then \`daybook rebuild\` again`
      : `the rebuild of ${this.projection} halted at ${this.streamId} version ${this.version} (${this.reason}); fix it, then \`daybook projections retry\` or \`skip\``
  }
}

/** The tables of a new model could not be made: the database refused a statement. Nothing was written. */
export class CreateFailed extends Schema.TaggedError<CreateFailed>()("CreateFailed", {
  projection: Schema.String,
  cause: Schema.Defect
}) {
  override get message() {
    return `the tables of ${this.projection} cannot be made: ${Reason.describe(this.cause)}`
  }
}

/**
 * A model that is built could not be put in the place of the one that serves, or a model could not be removed. Nothing
 * was written.
 */
export class SwapFailed extends Schema.TaggedError<SwapFailed>()("SwapFailed", {
  projection: Schema.String,
  /** Whether it is worth another attempt: somebody reads what is to be replaced. */
  mayPass: Schema.Boolean,
  cause: Schema.Defect
}) {
  override get message() {
    return `the tables of ${this.projection} cannot be exchanged: ${Reason.describe(this.cause)}`
  }
}

/** It was not removed: the next process that runs it would begin from the start of the log. */
export class NotRemovable extends Schema.TaggedError<NotRemovable>()("NotRemovable", {
  projection: Schema.String,
  kind: Schema.Literal("projection", "reaction")
}) {
  override get message() {
    return this.kind === "projection"
      ? `${this.projection} is still declared; take it out of the program first, or rebuild it with \`daybook rebuild\``
      : `${this.projection} is a reaction, and its checkpoint is all that keeps it from reacting to the whole log again`
  }
}

/** Another runner moved the checkpoint first. Nothing was written: read it again. */
export class CheckpointMoved extends Schema.TaggedError<CheckpointMoved>()("CheckpointMoved", {
  projection: Schema.String,
  generation: Schema.Int,
  expected: Schema.Int
}) {
  override get message() {
    return `the checkpoint of ${this.projection} (generation ${this.generation}) is no longer at ${this.expected}`
  }
}

/** `apply` failed, threw, or took too long; `cause` says why. Nothing was written. */
export class ApplyFailed extends Schema.TaggedError<ApplyFailed>()("ApplyFailed", {
  projection: Schema.String,
  cause: Schema.Defect
}) {
  override get message() {
    return `${this.projection} failed: ${Reason.describe(this.cause)}`
  }
}

/** A query of read models is misspelt, or would write: a defect of the program, which trying it again does not fix. */
export class InvalidQuery extends Error {
  override readonly name = "InvalidQuery"
  constructor(cause: unknown) {
    super(`a query of read models is wrong: ${Reason.describe(cause)}`, { cause })
  }
}

/**
 * The log was read out of order or with a hole: this event cannot be the next one. Nothing was done with what was read;
 * it is read again. If it stays that way, the log is damaged: see `daybook verify`.
 */
export class LogMisread extends Schema.TaggedError<LogMisread>()("LogMisread", {
  event: Schema.Any as Schema.Schema<StoredEvent>,
  reason: Schema.String
}) {
  override get message() {
    return this.reason
  }
}

/** The subscriber took too long and was cut off, so that what waits for it stays bounded. Subscribe again from where it was. */
export class SlowConsumer extends Schema.TaggedError<SlowConsumer>()("SlowConsumer", {
  /** The stream it followed; null: the log. */
  streamId: Schema.NullOr(Schema.String),
  /** The last event it was given, or where it began: resume after it. In the log a position, in a stream a version. */
  resumeAfter: Schema.Int
}) {
  override get message() {
    const place = this.streamId === null ? "position" : `version of ${this.streamId}:`
    return `the subscriber took too long; subscribe again after ${place} ${this.resumeAfter}`
  }
}
