/**
 * `LogMessage` is the form in which rows of the log are stored in JetStream: which messages a group becomes, and a
 * message's bytes. A group is what one transaction writes, stored whole or not at all.
 *
 * - Each event is a message of its own, and its position is that message's sequence. Events come first, in their order.
 * - An entry of the journal is part of its last event's message, or of the message before where it has no event; so
 *   most commands are one message. Entries for which there is no room come behind the events.
 * - A payload is a message of its own, so that it can be removed. The last message of a group is never one.
 *
 * A message is a line of JSON that says what is in it, and then the long texts, one behind the other: what is stored of
 * them is byte for byte what was appended.
 */
import { Buffer } from "node:buffer"
import type { JournalEntry } from "../core/Journal.ts"
import type * as KeptPayload from "../core/KeptPayload.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import type { StreamId } from "../core/StreamId.ts"
import { NatsFault } from "./NatsFault.ts"

/** The rows of a group. */
export interface Rows {
  readonly events: ReadonlyArray<StoredEvent>
  readonly entries: ReadonlyArray<JournalEntry>
  readonly payloads: ReadonlyArray<KeptPayload.Row>
}

/** What an event's own row has; the rest is its entry's. */
export type EventRow = Pick<
  StoredEvent,
  "streamId" | "version" | "type" | "schemaVersion" | "recordedAt" | "sequence" | "previousHash" | "hash" | "data"
>

/** What one message holds. */
export interface Part {
  readonly event?: EventRow
  readonly entries: ReadonlyArray<JournalEntry>
  readonly payload?: KeptPayload.Row
}

/** A message as it was read. `end` is the sequence of the last message of its group. */
export interface Decoded extends Part {
  readonly end: number
}

/** Version of the form. */
const form = 1

/** Up to how many UTF-16 code units of texts entries are added to a message: it stays far below what a server takes. */
const mostRiding = 262_144

/** About the length of an entry without its answer. */
const entryLength = 1_024

/** The rows of a group as messages, in their order. */
export const partsOf = ({ entries, events, payloads }: Rows): ReadonlyArray<Part> => {
  interface Open extends Part {
    readonly entries: Array<JournalEntry>
    length: number
  }
  const opened = (event?: EventRow): Open => ({ ...(event && { event }), entries: [], length: event?.data.length ?? 0 })
  const hosts = events.map(opened)
  const behind: Array<Open> = []
  let taken = 0
  const ride = (entry: JournalEntry, host: Open | undefined): boolean => {
    const length = entry.answer.length + entryLength
    if (host === undefined) return false
    // Only the one that is alone may be longer.
    const isTaken = host.event !== undefined || host.entries.length > 0
    if (isTaken && host.length + length > mostRiding) return false
    host.entries.push(entry)
    host.length += length
    return true
  }
  entries.forEach((entry, index) => {
    taken += entry.events
    // Behind payloads something must come that is never removed.
    const isHeldBack = payloads.length > 0 && index === entries.length - 1
    if (!isHeldBack && behind.length === 0 && ride(entry, hosts[Math.max(taken, 1) - 1])) return
    if (ride(entry, behind.at(-1))) return
    const next = opened()
    behind.push(next)
    ride(entry, next)
  })
  return [...hosts, ...payloads.map((payload) => ({ entries: [], payload })), ...behind]
}

const eventFields = (event: EventRow) => {
  const { data, hash, previousHash, recordedAt, schemaVersion, sequence, streamId, type, version } = event
  return [streamId, version, type, schemaVersion, recordedAt, sequence, previousHash, hash, data.length]
}

const entryFields = (entry: JournalEntry) => [
  entry.sequence,
  entry.rule,
  entry.kind,
  entry.commandId,
  entry.streamId,
  entry.fingerprint,
  entry.outcome,
  entry.command,
  entry.answerVersion,
  entry.version,
  entry.position,
  entry.eventHash,
  entry.events,
  entry.correlationId,
  entry.causationId,
  entry.traceparent,
  entry.principal,
  entry.metadata,
  entry.payloadDigest,
  entry.recordedAt,
  entry.previousHash,
  entry.hash,
  entry.answer.length
]

export const encode = ({ entries, event, payload }: Part, end: number): Uint8Array => {
  const line = JSON.stringify({
    form,
    end,
    ...(event && { event: eventFields(event) }),
    ...(entries.length > 0 && { entries: entries.map(entryFields) }),
    ...(payload && { payload: [payload.sequence, payload.text.length] })
  })
  let text = `${line}\n${event?.data ?? ""}`
  for (const { answer } of entries) text += answer
  return Buffer.from(text + (payload?.text ?? ""))
}

interface Line {
  readonly form: number
  readonly end: number
  readonly event?: readonly [
    streamId: StreamId,
    version: number,
    type: string,
    schemaVersion: number,
    recordedAt: number,
    sequence: number,
    previousHash: string,
    hash: string,
    length: number
  ]
  readonly entries?: ReadonlyArray<
    readonly [
      sequence: number,
      rule: JournalEntry["rule"],
      kind: JournalEntry["kind"],
      commandId: string | null,
      streamId: StreamId | null,
      fingerprint: string | null,
      outcome: JournalEntry["outcome"],
      command: string | null,
      answerVersion: number,
      version: number,
      position: number,
      eventHash: string,
      events: number,
      correlationId: string | null,
      causationId: string | null,
      traceparent: string | null,
      principal: string | null,
      metadata: string | null,
      payloadDigest: string | null,
      recordedAt: number,
      previousHash: string,
      hash: string,
      length: number
    ]
  >
  readonly payload?: readonly [sequence: number, length: number]
}

/**
 * What a stored message holds. The hashes show whether it is what was appended. Throws a `NatsFault` where it is not
 * one of Daybook's.
 */
export const decode = (sequence: number, body: Uint8Array): Decoded => {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString()
  const lineEnd = text.indexOf("\n")
  let at = lineEnd + 1
  const next = (length: number) => {
    const part = text.slice(at, at + length)
    at += length
    return part
  }
  try {
    const line: Line = JSON.parse(text.slice(0, lineEnd))
    if (line.form !== form || !Number.isSafeInteger(line.end) || line.end < sequence) throw new Error("another form")
    const event = line.event && toEvent(line.event, next)
    const entries = (line.entries ?? []).map((fields) => toEntry(fields, next))
    const payload = line.payload && { sequence: line.payload[0], text: next(line.payload[1]) }
    return { end: line.end, entries, ...(event && { event }), ...(payload && { payload }) }
  } catch (cause) {
    throw new NatsFault("damaged", `message ${sequence} of the stream is not what was stored`, cause)
  }
}

const toEvent = (fields: NonNullable<Line["event"]>, next: (length: number) => string): EventRow => {
  const [streamId, version, type, schemaVersion, recordedAt, sequence, previousHash, hash, length] = fields
  return { streamId, version, type, schemaVersion, recordedAt, sequence, previousHash, hash, data: next(length) }
}

const toEntry = (
  [
    sequence,
    rule,
    kind,
    commandId,
    streamId,
    fingerprint,
    outcome,
    command,
    answerVersion,
    version,
    position,
    eventHash,
    events,
    correlationId,
    causationId,
    traceparent,
    principal,
    metadata,
    payloadDigest,
    recordedAt,
    previousHash,
    hash,
    length
  ]: NonNullable<Line["entries"]>[number],
  next: (length: number) => string
): JournalEntry => ({
  sequence,
  rule,
  kind,
  commandId,
  streamId,
  fingerprint,
  outcome,
  command,
  answer: next(length),
  answerVersion,
  version,
  position,
  eventHash,
  events,
  correlationId,
  causationId,
  traceparent,
  principal,
  metadata,
  payloadDigest,
  recordedAt,
  previousHash,
  hash
})
