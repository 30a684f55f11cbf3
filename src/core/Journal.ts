/**
 * The journal: one log-wide, gapless sequence of entries, each of them something that was decided. A `command` entry
 * holds a success or a kept refusal, an `operation` what an operator did, an `epoch` that the log was restored or
 * promoted.
 *
 * Guarantees:
 *
 * - sequences run from 1 without a hole, and each entry's hash covers all of it and the hash of the entry before, back
 *   to the log's own id: anyone who noted one head finds every entry up to it as it was, or sees where the log parts
 *   from it;
 * - an entry vouches for its events by the hash of the last one, which is chained to all before it in their stream, and
 *   by their number: none can be added, dropped or swapped;
 * - the rule of a hash never changes: an entry names its own.
 *
 * Events are hashed by `EventHash.ts`. What a store does with entries is in `EventStore.ts`.
 */
import * as CommandId from "./CommandId.ts"
import type { StoredCommand } from "./EventStore.ts"
import { sha256 } from "./Platform.ts"
import { InvalidArgument } from "./StoreError.ts"
import type { StreamId } from "./StreamId.ts"

/**
 * How an entry came to be. Both are hashed alike. One that was `migrated` from a log without a journal vouches for what
 * was found there: its time is that of the event where it ended, and where it has no events it does not know its
 * correlation.
 */
export const rules = { migrated: 0, decided: 1 } as const
export type Rule = (typeof rules)[keyof typeof rules]

export const kinds = ["command", "operation", "epoch"] as const
export type Kind = (typeof kinds)[number]

export interface JournalEntry {
  /** From 1, without holes. */
  readonly sequence: number
  readonly rule: Rule
  readonly kind: Kind
  /** The key under which an operation is done once; null where it has none. */
  readonly commandId: string | null
  /** Null in an entry of another kind, as the outcome is. */
  readonly streamId: StreamId | null
  /** What is the same command, or the same operation under its key. */
  readonly fingerprint: string | null
  readonly outcome: "success" | "refusal" | null
  /** Name of the command, null where an earlier release stored it; of the operation. */
  readonly command: string | null
  /** JSON text: the answer to keep; what an operation was done with, and what it found. */
  readonly answer: string
  readonly answerVersion: number
  /** Version of the stream after it; the new epoch; 0 of an operation. */
  readonly version: number
  /**
   * Position of the stream's last event after it; of an entry of another kind, of the log's last event. 0 where there
   * is none.
   */
  readonly position: number
  /** Hash of the event at that position, `genesis` of `EventHash` where there is none. Stored with that event alone. */
  readonly eventHash: string
  /** How many events it has: the last ones of its stream, up to `version`. */
  readonly events: number
  /** Null where it is its own command id: the command began the conversation. */
  readonly correlationId: string | null
  readonly causationId: string | null
  readonly traceparent: string | null
  /** Who sent it. */
  readonly principal: string | null
  /** JSON text of what the caller wants noted; of an operation its reason. */
  readonly metadata: string | null
  /** SHA-256 of the command's payload, whose text may be kept beside the entry, and removed. */
  readonly payloadDigest: string | null
  /** Milliseconds since 1970-01-01 UTC. See `RecordedAt.ts`. */
  readonly recordedAt: number
  readonly previousHash: string
  readonly hash: string
}

/** Which log it is. */
export interface LogIdentity {
  /** 128 bits at random, as 32 hexadecimal digits, made with the log. A copy, an import and a backup keep it. */
  readonly logId: string
  /** From 1. A restore or a promotion raises it: what was after it under an earlier epoch may be gone. */
  readonly epoch: number
}

/** Where the log ends: what one notes down, signs, and compares. */
export interface JournalHead extends LogIdentity {
  /** Sequence of the last entry; 0 without entries. */
  readonly sequence: number
  /** Position of the log's last event; 0 without events. */
  readonly position: number
  /** Hash of the last entry; `genesis` of the log without entries. */
  readonly hash: string
  /** Time of the last entry, in milliseconds; 0 without entries. */
  readonly recordedAt: number
}

/** What an operator did, or that the log has come to a new epoch. */
export interface ProposedOperation {
  readonly kind: "operation" | "epoch"
  /** The verb, as `restore`. */
  readonly name: string
  /** JSON text of what it was done with. */
  readonly detail: string
  /** Who did it. */
  readonly principal: string | null
  /** Why. */
  readonly reason?: string | null
  /** The same operation under the same key is done once; the key is one of the log's command ids. Default: none. */
  readonly key?: string | null
}

/** What stands before the first entry: entries of one log are not those of another. */
export const genesis = (logId: string): string => sha256(`daybook log ${logId}`)

/** A text is its length in UTF-16 code units, a colon and itself; one that is absent is a hyphen alone. */
const text = (value: string | null): string => (value === null ? "-" : `${value.length}:${value}`)

/**
 * The fields that most commands do not have: correlation, cause, trace, principal, metadata, and digest of the payload.
 */
const context = (entry: Omit<JournalEntry, "hash">): string => {
  const { causationId, correlationId, metadata, payloadDigest, principal, traceparent } = entry
  const isPlain = correlationId === null && causationId === null && traceparent === null && principal === null
  if (isPlain && metadata === null && payloadDigest === null) return "------"
  const causes = `${text(correlationId)}${text(causationId)}${text(traceparent)}`
  return `${causes}${text(principal)}${text(metadata)}${text(payloadDigest)}`
}

/**
 * SHA-256, as 64 hexadecimal digits, of the entry's fields in a fixed order: texts as above, numbers in decimal digits
 * and a semicolon. Read from the left, the end of each field is known before its content is looked at, so that no text
 * can pass for the border of two fields, whatever it holds: two different entries never give the same input.
 */
export const compute = (entry: Omit<JournalEntry, "hash">): string => {
  const { answer, answerVersion, command, commandId, eventHash, events, fingerprint, kind } = entry
  const { outcome, position, previousHash, recordedAt, rule, sequence, streamId, version } = entry
  // Each part of a template makes a string, so there are few, large parts.
  const before = `${previousHash.length}:${previousHash}${sequence};${rule};${kind.length}:${kind}`
  const what = `${text(commandId)}${text(streamId)}${text(command)}${text(fingerprint)}${text(outcome)}`
  const answered = `${answer.length}:${answer}${answerVersion};${version};${position};`
  const of = `${eventHash.length}:${eventHash}${events};`
  return sha256(`${before}${what}${answered}${of}${context(entry)}${recordedAt};`)
}

/** Whether the entry is what was stored. Whether it follows the one before, the reader of the journal checks. */
export const isIntact = (entry: JournalEntry): boolean => compute(entry) === entry.hash

/**
 * Whether the entry shows that an event stands at this place, whatever its row says now: it is whole itself, and one of
 * its events is of that stream and version. Only its last one has a position that the entry knows.
 */
export const vouchesFor = (
  entry: JournalEntry,
  place: { readonly streamId: string; readonly version: number; readonly position: number }
): boolean =>
  entry.streamId === place.streamId &&
  place.version <= entry.version &&
  place.version > entry.version - entry.events &&
  (place.version === entry.version ? place.position === entry.position : place.position < entry.position) &&
  isIntact(entry)

/** The end of the journal, as one who adds to it needs it. */
export interface JournalEnd {
  readonly sequence: number
  readonly hash: string
}

/** What is wrong with an entry that should follow this end. */
export const damage = (after: JournalEnd, entry: JournalEntry): string | undefined =>
  entry.sequence !== after.sequence + 1
    ? `entry ${after.sequence + 1} is missing`
    : entry.previousHash !== after.hash
      ? "it does not follow the entry before it"
      : isIntact(entry)
        ? undefined
        : "its hash does not match what is stored"

/** What the entry of a command has beside what is stored of the command. */
export interface CommandContext
  extends Pick<
    JournalEntry,
    | "rule"
    | "sequence"
    | "eventHash"
    | "events"
    | "causationId"
    | "traceparent"
    | "principal"
    | "metadata"
    | "recordedAt"
    | "previousHash"
  > {
  /** The conversation's, also where the command began it. */
  readonly correlationId: string | null
  /** See `KeptPayload.ts`. Default: nothing of the payload is kept. */
  readonly payloadDigest?: string | null
}

/** The entry of a command that was decided, with its hash over everything else in it. */
export const ofCommand = (command: StoredCommand, context: CommandContext): JournalEntry => {
  const entry = {
    sequence: context.sequence,
    rule: context.rule,
    kind: "command" as const,
    commandId: command.commandId,
    streamId: command.streamId,
    fingerprint: command.fingerprint,
    outcome: command.outcome,
    command: command.command,
    answer: command.answer,
    answerVersion: command.answerVersion,
    version: command.version,
    position: command.position,
    eventHash: context.eventHash,
    events: context.events,
    correlationId: context.correlationId === command.commandId ? null : context.correlationId,
    causationId: context.causationId,
    traceparent: context.traceparent,
    principal: context.principal,
    metadata: context.metadata,
    payloadDigest: context.payloadDigest ?? null,
    recordedAt: context.recordedAt,
    previousHash: context.previousHash,
    hash: ""
  }
  entry.hash = compute(entry)
  return entry
}

/** What the entry of an operation needs to know of the log, read in the transaction that writes it. */
export interface OperationState {
  readonly end: JournalEnd
  readonly epoch: number
  /** The log's last event. */
  readonly position: number
  readonly eventHash: string
  /** See `RecordedAt.next`. */
  readonly recordedAt: number
}

/** Longest name of an operation, in UTF-16 code units, and longest detail. */
const maxNameLength = 1_024
const maxDetailLength = 1_048_576

/** Longest reason of an operation, in UTF-16 code units. */
export const maxReasonLength = 4_096

/** What is wrong with the operation itself. */
export const wrongOperation = (operation: ProposedOperation): InvalidArgument | undefined => {
  const { detail, key = null, name, principal, reason } = operation
  if (key !== null && !CommandId.fits(key)) {
    return new InvalidArgument({ argument: "key", reason: `is not 1 to ${CommandId.maxLength} characters` })
  }
  for (const [argument, text, most] of [
    ["name", name, maxNameLength],
    ["detail", detail, maxDetailLength],
    ["principal", principal ?? "", maxNameLength],
    ["reason", reason ?? "", maxReasonLength],
    ["key", key ?? "", CommandId.maxOwnLength]
  ] as const) {
    if (text.length > most) return new InvalidArgument({ argument, reason: `is over ${most} characters` })
    if (!text.isWellFormed() || text.includes("\0"))
      return new InvalidArgument({ argument, reason: "holds U+0000 or a lone surrogate" })
  }
  return undefined
}

/**
 * Says what the same operation under one key is: who did what, with what, and why. 128 bits of SHA-256, in hexadecimal
 * digits.
 */
const operationFingerprint = ({ detail, kind, name, principal, reason = null }: ProposedOperation): string =>
  sha256(`${kind}${text(name)}${text(detail)}${text(principal)}${text(reason)}`).slice(0, 32)

/** Whether the entry under an operation's key is that of this very operation. */
export const isOfOperation = (entry: JournalEntry, operation: ProposedOperation): boolean =>
  entry.kind === operation.kind && entry.fingerprint === operationFingerprint(operation)

/** The entry of an operation, with what it found as its detail; of the next epoch, where it is one. */
export const ofOperation = (
  operation: ProposedOperation,
  { end, epoch, eventHash, position, recordedAt }: OperationState,
  detail: string = operation.detail
): JournalEntry => {
  const { key = null, kind, name, principal, reason = null } = operation
  const entry = {
    sequence: end.sequence + 1,
    rule: rules.decided,
    kind,
    commandId: key,
    streamId: null,
    fingerprint: key === null ? null : operationFingerprint(operation),
    outcome: null,
    command: name,
    answer: detail,
    answerVersion: 1,
    version: kind === "epoch" ? epoch + 1 : 0,
    position,
    eventHash,
    events: 0,
    correlationId: null,
    causationId: null,
    traceparent: null,
    principal,
    metadata: reason === null ? null : JSON.stringify({ reason }),
    payloadDigest: null,
    recordedAt,
    previousHash: end.hash
  }
  return { ...entry, hash: compute(entry) }
}

/** What is kept under the command's id, from its entry; undefined where the entry lacks what one of a command has. */
export const commandOf = (entry: JournalEntry): StoredCommand | undefined => {
  const { answer, answerVersion, command, commandId, fingerprint, kind, outcome, position, principal } = entry
  const { streamId, version } = entry
  return kind !== "command" || commandId === null || streamId === null || fingerprint === null || outcome === null
    ? undefined
    : { commandId, streamId, command, fingerprint, outcome, answer, answerVersion, version, position, principal }
}
