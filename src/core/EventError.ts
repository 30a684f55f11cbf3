/** Why a stored event cannot be read, or a new one cannot be stored. Fields say where; `message` is made from them. */
import { Schema } from "effect"

const where = {
  streamId: Schema.String,
  version: Schema.Int,
  position: Schema.Int,
  type: Schema.String,
  schemaVersion: Schema.Int
}
const describe = (at: Schema.Struct.Type<typeof where>): string =>
  `${at.streamId} version ${at.version} (position ${at.position}): ${at.type} v${at.schemaVersion}`

/** Stored by a newer release. Roll forward; nothing was changed. */
export class FutureVersion extends Schema.TaggedError<FutureVersion>()("FutureVersion", {
  ...where,
  known: Schema.Int
}) {
  override get message() {
    return `${describe(this)} was written by newer code; this code knows versions up to ${this.known}`
  }
}

/** No event of the aggregate has this name. Declare it, rename an event from it, or retire it. */
export class UnknownEvent extends Schema.TaggedError<UnknownEvent>()("UnknownEvent", where) {
  override get message() {
    return `${describe(this)} is not an event of this aggregate`
  }
}

/** The stored text, an upcaster or the schema failed. `path` is the field, empty when it is the whole event. */
export class UndecodableEvent extends Schema.TaggedError<UndecodableEvent>()("UndecodableEvent", {
  ...where,
  path: Schema.String,
  reason: Schema.String
}) {
  override get message() {
    return `${describe(this)} cannot be decoded${this.path === "" ? "" : ` at ${this.path}`}: ${this.reason}`
  }
}

/** The decider made an event that cannot be stored and read back. Nothing was stored. */
export class UnencodableEvent extends Schema.TaggedError<UnencodableEvent>()("UnencodableEvent", {
  /** Missing where it comes from a node of an earlier release. */
  aggregate: Schema.optionalWith(Schema.String, { exact: true }),
  type: Schema.String,
  path: Schema.String,
  reason: Schema.String
}) {
  override get message() {
    const whose = this.aggregate === undefined ? "" : `${this.aggregate}: `
    return `${whose}${this.type} cannot be stored${this.path === "" ? "" : `, at ${this.path}`}: ${this.reason}`
  }
}

export type DecodeError = FutureVersion | UnknownEvent | UndecodableEvent
