/**
 * `AskRpc` is a command between two nodes and its answer, in the form in which they travel. Nodes of the release before
 * and of this one run side by side while a cluster is upgraded: what the other does not send has a default, and what
 * has another name today keeps its former one here.
 */
import * as Rpc from "@effect/rpc/Rpc"
import { Schema } from "effect"
import {
  DecisionTimedOut,
  LimitExceeded,
  MailboxFull,
  RecoveryFailed,
  ShuttingDown,
  TooManyActors,
  UnreadableAnswer,
  WrongExpectedVersion
} from "../core/ActorError.ts"
import { UnencodableEvent } from "../core/EventError.ts"
import {
  CommandIdReused,
  EntryDamaged,
  InvalidArgument,
  OutcomeUnknown,
  StoreUnavailable,
  VersionConflict
} from "../core/StoreError.ts"

/** Earlier releases know it by the name that it had. */
const SentWrongExpectedVersion = Schema.transform(
  Schema.TaggedStruct("VersionMismatch", { streamId: Schema.String, expected: Schema.Int, actual: Schema.Int }),
  Schema.typeSchema(WrongExpectedVersion),
  {
    strict: true,
    decode: ({ actual, expected, streamId }) => new WrongExpectedVersion({ streamId, expected, actual }),
    encode: ({ actual, expected, streamId }) => ({ _tag: "VersionMismatch" as const, streamId, expected, actual })
  }
)

const Failure = Schema.Union(
  MailboxFull,
  TooManyActors,
  SentWrongExpectedVersion,
  LimitExceeded,
  DecisionTimedOut,
  RecoveryFailed,
  UnreadableAnswer,
  ShuttingDown,
  VersionConflict,
  CommandIdReused,
  EntryDamaged,
  InvalidArgument,
  UnencodableEvent,
  StoreUnavailable,
  OutcomeUnknown
)

/** What a node of an earlier release does not send. */
const optionally = <A, I>(schema: Schema.Schema<A, I>, value: A) =>
  Schema.optionalWith(schema, { exact: true, default: () => value })

/** Version of a stored form; a node of a release before there were versions names none. */
const version = optionally(Schema.Int, 1)

/** See `CommandIdentity.Earlier`. */
const EarlierForm = Schema.Struct({
  given: Schema.optionalWith(Schema.Unknown, { exact: true }),
  form: Schema.optionalWith(Schema.Unknown, { exact: true }),
  defaulted: Schema.Array(Schema.String),
  fingerprints: Schema.Array(Schema.String),
  orders: Schema.Array(Schema.Array(Schema.String))
})

/** A command between two nodes. Its payload and its answer are text: only the aggregate knows their types. */
export const AskRpc = Rpc.make("Ask", {
  payload: Schema.Struct({
    aggregate: Schema.String,
    id: Schema.String,
    command: Schema.String,
    payload: Schema.String,
    payloadVersion: version,
    commandId: Schema.String,
    fingerprint: Schema.String,
    /** By what a release with an earlier rule may have known the command; not from nodes of such a release. */
    earlier: Schema.optionalWith(Schema.parseJson(EarlierForm), { exact: true }),
    expectedVersion: Schema.UndefinedOr(Schema.Int),
    correlationId: Schema.String,
    causationId: Schema.NullOr(Schema.String),
    traceparent: Schema.NullOr(Schema.String),
    /** Who sent it and what is noted with it; a node of a release before these were known names neither. */
    principal: optionally(Schema.NullOr(Schema.String), null),
    isPersonal: optionally(Schema.Boolean, false),
    /** Whether the payload is to be kept. */
    isKept: optionally(Schema.Boolean, false),
    metadata: optionally(Schema.NullOr(Schema.String), null)
  }),
  // A failure is a value here: to the cluster a defect means that the entity is broken and that its messages come
  // again.
  success: Schema.Struct({
    /** Whether the node takes no more commands, or none yet: nothing was done, and another node will. */
    moving: Schema.Boolean,
    exit: Schema.Exit({
      success: Schema.Struct({
        outcome: Schema.Literal("success", "refusal"),
        value: Schema.String,
        valueVersion: version,
        replayed: Schema.Boolean,
        version: Schema.Int,
        position: Schema.Int
      }),
      failure: Failure,
      defect: Schema.Defect
    })
  })
})
