/** The tables of the log: how their rows are written, and how they are read as events and entries. */
import { Buffer } from "node:buffer"
import * as EventHash from "../core/EventHash.ts"
import * as Journal from "../core/Journal.ts"
import type * as KeptPayload from "../core/KeptPayload.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import type { StreamId } from "../core/StreamId.ts"
import { canonicalPrefix, fingerprintForms } from "./JournalTables.ts"
import { inline } from "./LargeTexts.ts"
import type { Dialect } from "./SqlDatabase.ts"

type Row = ReadonlyArray<unknown>

/** A table whose rows are inserted many at a time; `C` is what all rows of one insert have in common. */
export interface Table<A, C = void> {
  readonly name: string
  readonly columns: ReadonlyArray<string>
  /** Those of the columns that hold whole numbers. */
  readonly numbers: ReadonlySet<string>
  /** Those that hold bytes, which are given as hexadecimal digits. The others hold text. */
  readonly bytes: ReadonlySet<string>
  /** The row's values, in the order of the columns. */
  readonly values: (row: A, common: C) => ReadonlyArray<unknown>
}

/** A row of a dictionary. */
export type Named = readonly [number: number, text: string]

const dictionary = (name: string, columns: readonly [number: string, text: string]): Table<Named> => ({
  name,
  columns,
  numbers: new Set([columns[0]]),
  bytes: new Set(),
  values: (row) => row
})
export const streams = dictionary("log_streams", ["stream", "stream_id"])
export const names = dictionary("log_names", ["number", "name"])

export const payloads: Table<KeptPayload.Row> = {
  name: "log_payloads",
  columns: ["sequence", "text"],
  numbers: new Set(["sequence"]),
  bytes: new Set(),
  values: ({ sequence, text }) => [sequence, text]
}

/** The numbers of what rows name. */
export interface Numbers {
  readonly stream: (streamId: string) => number
  readonly name: (name: string) => number
}

export const eventRows: Table<StoredEvent, Numbers> = {
  name: "log_events",
  columns: [
    "position",
    "stream",
    "version",
    "type",
    "schema_version",
    "recorded_at",
    "sequence",
    "previous_hash",
    "hash",
    "data"
  ],
  numbers: new Set(["position", "stream", "version", "type", "schema_version", "recorded_at", "sequence"]),
  bytes: new Set(["previous_hash", "hash"]),
  values: (event, { name, stream }) => [
    event.position,
    stream(event.streamId),
    event.version,
    name(event.type),
    event.schemaVersion,
    event.recordedAt,
    event.sequence,
    event.previousHash,
    event.hash,
    event.data
  ]
}

const digits = /^(?:[0-9a-f]{2})+$/
const hexOf = (text: string): string => Buffer.from(text).toString("hex")

/** The form and the bytes of a fingerprint. */
const fingerprintParts = (fingerprint: string | null): readonly [form: number | null, digits: string | null] => {
  if (fingerprint === null) return [null, null]
  if (digits.test(fingerprint)) return [fingerprintForms.digest, fingerprint]
  const rest = fingerprint.slice(canonicalPrefix.length)
  return fingerprint.startsWith(canonicalPrefix) && digits.test(rest)
    ? [fingerprintForms.canonical, rest]
    : [fingerprintForms.text, hexOf(fingerprint)]
}

const toFingerprint = (form: unknown, bytes: unknown): string | null => {
  if (form === null || bytes === null) return null
  const digits = String(bytes)
  if (form === fingerprintForms.digest) return digits
  if (form === fingerprintForms.canonical) return canonicalPrefix + digits
  // Any other form counts as no fingerprint, so the entry's hash does not match.
  return form === fingerprintForms.text ? Buffer.from(digits, "hex").toString() : null
}

const outcomes = ["success", "refusal"] as const

export const entries: Table<Journal.JournalEntry, Numbers> = {
  name: "log_entries",
  columns: [
    "sequence",
    "rule",
    "kind",
    "stream",
    "command",
    "fingerprint_form",
    "outcome",
    "answer_version",
    "version",
    "position",
    "events",
    "recorded_at",
    "hash",
    "fingerprint",
    "command_id",
    "correlation_id",
    "causation_id",
    "traceparent",
    "principal",
    "metadata",
    "payload_digest",
    "answer"
  ],
  numbers: new Set([
    "sequence",
    "rule",
    "kind",
    "stream",
    "command",
    "fingerprint_form",
    "outcome",
    "answer_version",
    "version",
    "position",
    "events",
    "recorded_at"
  ]),
  bytes: new Set(["hash", "fingerprint", "payload_digest"]),
  values: (entry, { name, stream }) => {
    const [form, fingerprint] = fingerprintParts(entry.fingerprint)
    return [
      entry.sequence,
      entry.rule,
      Journal.kinds.indexOf(entry.kind),
      entry.streamId === null ? null : stream(entry.streamId),
      entry.command === null ? null : name(entry.command),
      form,
      entry.outcome === null ? null : outcomes.indexOf(entry.outcome),
      entry.answerVersion,
      entry.version,
      entry.position,
      entry.events,
      entry.recordedAt,
      entry.hash,
      fingerprint,
      entry.commandId,
      entry.correlationId,
      entry.causationId,
      entry.traceparent,
      entry.principal,
      entry.metadata,
      entry.payloadDigest,
      entry.answer
    ]
  }
}

/** The number of a stream, for its id. */
export const streamNumber = "(SELECT stream FROM log_streams WHERE stream_id = ?)"

/** Events, each with what its entry knows of it; add a WHERE over `e`. `data` may be `LargeTexts.inline("e.data")`. */
export const selectEvents = ({ words: { hex, one } }: Pick<Dialect, "words">, data = "e.data"): string =>
  `SELECT e.position, s.stream_id, e.version, n.name, e.schema_version, ${data}, j.command_id, j.correlation_id, j.causation_id,
     j.traceparent, e.recorded_at, ${hex("e.previous_hash")}, ${hex("e.hash")}, e.sequence, j.principal
   FROM log_events AS e ${one("log_streams", "s", "stream", "e.stream")} ${one("log_names", "n", "number", "e.type")}
   ${one("log_entries", "j", "sequence", "e.sequence")}`

/**
 * The tables are strict, so each value has the type of its column. Whether it is the stored one, the hash tells; it
 * tells too where the row names a stream, a type or an entry that is not there, whose texts are empty here.
 */
export const toEvent = (row: Row): StoredEvent => {
  const commandId = row[6] ?? ""
  return {
    position: row[0],
    streamId: row[1] ?? "",
    version: row[2],
    type: row[3] ?? "",
    schemaVersion: row[4],
    data: row[5] ?? "",
    commandId,
    correlationId: row[7] ?? commandId,
    causationId: row[8],
    traceparent: row[9],
    recordedAt: row[10],
    previousHash: row[11],
    hash: row[12],
    sequence: row[13],
    principal: row[14]
  } as StoredEvent
}

/**
 * Events of one stream whose id is known, in their order, with the number of their type; add a WHERE over `e`. Takes
 * the version of the first of them as its first parameter: the hash before it is read there alone, since before each
 * other one stands the hash of the one before. So readers of the log, such as `verify`, see a byte that was changed in
 * another row's previous hash, and readers of a stream do not. Large data is left to `LargeTexts`.
 */
export const selectStreamEvents = ({ words: { hex, one } }: Pick<Dialect, "words">): string =>
  `SELECT e.position, e.version, e.type, e.schema_version, ${inline("e.data")}, j.command_id, j.correlation_id, j.causation_id,
     j.traceparent,
     e.recorded_at, CASE WHEN e.version = ? THEN ${hex("e.previous_hash")} END, ${hex("e.hash")}, e.sequence, j.principal
   FROM log_events AS e ${one("log_entries", "j", "sequence", "e.sequence")}`

/** The number of the type in a row of `selectStreamEvents`. */
export const typeOf = (row: Row): number => row[2] as number

export const toStreamEvents = (
  streamId: StreamId,
  rows: ReadonlyArray<Row>,
  names: ReadonlyMap<number, string>
): ReadonlyArray<StoredEvent> => {
  let last: unknown = ""
  return rows.map((row) => {
    const commandId = row[5] ?? ""
    const previousHash = row[10] ?? last
    last = row[11]
    return {
      position: row[0],
      streamId,
      version: row[1],
      type: names.get(typeOf(row)) ?? "",
      schemaVersion: row[3],
      data: row[4] ?? "",
      commandId,
      correlationId: row[6] ?? commandId,
      causationId: row[7],
      traceparent: row[8],
      recordedAt: row[9],
      previousHash,
      hash: last,
      sequence: row[12],
      principal: row[13]
    } as StoredEvent
  })
}

/** The columns of `selectEntries`. */
const entryColumns = ({ words: { hex } }: Pick<Dialect, "words">, answer: string): string =>
  `j.sequence, j.rule, j.kind, j.command_id, s.stream_id, n.name, j.fingerprint_form, ${hex("j.fingerprint")}, j.outcome, ${answer},
   j.answer_version, j.version, j.position, ${hex("e.hash")}, j.events, j.correlation_id, j.causation_id, j.traceparent,
   j.principal, j.metadata, ${hex("j.payload_digest")}, j.recorded_at, ${hex("p.hash")}, ${hex("j.hash")}, i.log_id`

/**
 * Entries, each with the hash of the event where it ended and of the entry before. `from` gives the rows `j`, and
 * `answer` may be `LargeTexts.inline("j.answer")`.
 */
export const selectEntries = (
  dialect: Pick<Dialect, "words">,
  from = "log_entries AS j",
  answer = "j.answer"
): string => {
  const { one } = dialect.words
  return `SELECT ${entryColumns(dialect, answer)} FROM ${from} ${one("log_streams", "s", "stream", "j.stream")}
   ${one("log_names", "n", "number", "j.command")} ${one("log_events", "e", "position", "j.position")}
   ${one("log_entries", "p", "sequence", "j.sequence - 1")} LEFT JOIN log_identity AS i ON j.sequence = 1`
}

/** As with events, the hash shows whether it is what was stored, and whether something that it names is missing. */
export const toEntry = (row: Row): Journal.JournalEntry =>
  ({
    sequence: row[0],
    rule: row[1],
    kind: Journal.kinds[row[2] as number] ?? "unknown",
    commandId: row[3],
    streamId: row[4],
    command: row[5],
    fingerprint: toFingerprint(row[6], row[7]),
    outcome: row[8] === null ? null : (outcomes[row[8] as number] ?? "unknown"),
    answer: row[9],
    answerVersion: row[10],
    version: row[11],
    position: row[12],
    eventHash: row[13] || (row[12] === 0 ? EventHash.genesis : ""),
    events: row[14],
    correlationId: row[15],
    causationId: row[16],
    traceparent: row[17],
    principal: row[18],
    metadata: row[19],
    payloadDigest: row[20] || null,
    recordedAt: row[21],
    previousHash: row[22] || (row[24] === null ? "" : Journal.genesis(String(row[24]))),
    hash: row[23]
  }) as Journal.JournalEntry
