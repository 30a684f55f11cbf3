/**
 * `LogFile` is the format of `export`: lines of JSON, first which log it is, then each event as it is stored, in the
 * order of the log, then each entry of the journal under `entry`, in its order, then each payload that is kept, then
 * `end` with how many there were, so that a file that was cut off is told from a whole one.
 *
 * A file of before the journal begins with its first event, and has kept answers under `command` in place of entries.
 */
import { createHash } from "node:crypto"
import { Effect, Schema, Stream } from "effect"
import * as EventHash from "../core/EventHash.ts"
import * as Journal from "../core/Journal.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import * as StreamId from "../core/StreamId.ts"
import * as LogCopy from "../sql/LogCopy.ts"
import { InputError, type Line } from "./Lines.ts"

const Text = Schema.NullOr(Schema.String)
const LogLine = Schema.Struct({
  log: Schema.Struct({ logId: Schema.NonEmptyString, epoch: Schema.Positive.pipe(Schema.int()) })
})
const EventLine = Schema.Struct({
  position: Schema.Int,
  streamId: StreamId.StreamId,
  version: Schema.Int,
  type: Schema.NonEmptyString,
  schemaVersion: Schema.Int,
  data: Schema.String,
  commandId: Schema.String,
  correlationId: Schema.String,
  causationId: Text,
  traceparent: Text,
  recordedAt: Schema.Int,
  previousHash: Schema.String,
  hash: Schema.String,
  sequence: Schema.optionalWith(Schema.NonNegativeInt, { default: () => 0 })
})
const EntryLine = Schema.Struct({
  entry: Schema.Struct({
    sequence: Schema.NonNegativeInt,
    rule: Schema.Literal(...Object.values(Journal.rules)),
    kind: Schema.Literal(...Journal.kinds),
    commandId: Text,
    streamId: Schema.NullOr(StreamId.StreamId),
    fingerprint: Text,
    outcome: Schema.Literal("success", "refusal", null),
    command: Text,
    answer: Schema.String,
    answerVersion: Schema.NonNegativeInt,
    version: Schema.NonNegativeInt,
    position: Schema.NonNegativeInt,
    events: Schema.NonNegativeInt,
    correlationId: Text,
    causationId: Text,
    traceparent: Text,
    principal: Text,
    metadata: Text,
    payloadDigest: Text,
    recordedAt: Schema.NonNegativeInt,
    hash: Schema.String
  })
})
const PayloadLine = Schema.Struct({
  payload: Schema.Struct({ sequence: Schema.NonNegativeInt, text: Schema.String })
})
const CommandLine = Schema.Struct({
  command: Schema.Struct({
    commandId: Schema.NonEmptyString,
    streamId: StreamId.StreamId,
    command: Schema.optionalWith(Text, { default: () => null }),
    fingerprint: Schema.String,
    outcome: Schema.Literal("success", "refusal"),
    answer: Schema.String,
    answerVersion: Schema.optionalWith(Schema.Int, { default: () => 1 }),
    version: Schema.NonNegativeInt,
    position: Schema.NonNegativeInt
  })
})
const Count = Schema.NonNegativeInt
const EndLine = Schema.Struct({
  end: Schema.Union(
    Schema.Struct({ events: Count, entries: Count, payloads: Count }),
    Schema.Struct({ events: Count, commands: Count })
  )
})
const decode = Schema.decodeUnknownEither(
  Schema.Union(LogLine, EventLine, EntryLine, PayloadLine, CommandLine, EndLine),
  { onExcessProperty: "error" }
)

/** Fields in one order, so that the same log gives the same bytes. */
const eventLine = (event: StoredEvent): string =>
  JSON.stringify({
    position: event.position,
    streamId: event.streamId,
    version: event.version,
    type: event.type,
    schemaVersion: event.schemaVersion,
    data: event.data,
    commandId: event.commandId,
    correlationId: event.correlationId,
    causationId: event.causationId,
    traceparent: event.traceparent,
    recordedAt: event.recordedAt,
    previousHash: event.previousHash,
    hash: event.hash,
    sequence: event.sequence
  } satisfies Record<Exclude<keyof StoredEvent, "principal">, unknown>)

/** Without the two hashes that stand elsewhere: in the event where it ends, and in the entry before. */
const entryLine = (entry: Journal.JournalEntry): string =>
  JSON.stringify({
    entry: {
      sequence: entry.sequence,
      rule: entry.rule,
      kind: entry.kind,
      commandId: entry.commandId,
      streamId: entry.streamId,
      fingerprint: entry.fingerprint,
      outcome: entry.outcome,
      command: entry.command,
      answer: entry.answer,
      answerVersion: entry.answerVersion,
      version: entry.version,
      position: entry.position,
      events: entry.events,
      correlationId: entry.correlationId,
      causationId: entry.causationId,
      traceparent: entry.traceparent,
      principal: entry.principal,
      metadata: entry.metadata,
      payloadDigest: entry.payloadDigest,
      recordedAt: entry.recordedAt,
      hash: entry.hash
    } satisfies Record<Exclude<keyof Journal.JournalEntry, "eventHash" | "previousHash">, unknown>
  })

const lineOf = (row: LogCopy.LogRow): string => {
  switch (row._tag) {
    case "Log":
      return JSON.stringify({ log: { logId: row.identity.logId, epoch: row.identity.epoch } })
    case "Event":
      return eventLine(row.event)
    case "Entry":
      return entryLine(row.entry)
    case "Payload":
      return JSON.stringify({ payload: { sequence: row.payload.sequence, text: row.payload.text } })
    case "Command":
      return JSON.stringify({ command: row.command })
  }
}

/** What is wrong with the row by its own hash. */
const damageOf = (row: LogCopy.LogRow): string | undefined => {
  if (row._tag === "Event" && !EventHash.isIntact(row.event)) {
    return `${row.event.streamId} version ${row.event.version} differs from its hash`
  }
  if (row._tag === "Entry" && !Journal.isIntact(row.entry)) {
    return `entry ${row.entry.sequence} of the journal differs from its hash`
  }
  return undefined
}

/**
 * The whole log, a page of lines at a time, damaged rows with the others. Returns the counts, and the first row that
 * differs from its hash.
 */
export const write = <E, R>(emit: (text: string) => Effect.Effect<void, E, R>) =>
  Effect.gen(function* () {
    const written = { events: 0, entries: 0, payloads: 0 }
    let damaged: string | undefined
    yield* Stream.runForEachChunk(LogCopy.rows, (page) => {
      let text = ""
      for (const row of page) {
        if (row._tag === "Event") written.events++
        else if (row._tag === "Entry") written.entries++
        else if (row._tag === "Payload") written.payloads++
        damaged ??= damageOf(row)
        text += `${lineOf(row)}\n`
      }
      return text === "" ? Effect.void : emit(text)
    })
    yield* emit(`${JSON.stringify({ end: written })}\n`)
    return { ...written, damaged }
  })

/** SHA-256 of what `write` writes. Two logs with one digest are the same, byte for byte. */
export const digest = Effect.gen(function* () {
  const hash = createHash("sha256")
  yield* write((text) => Effect.sync(() => void hash.update(text)))
  return hash.digest("hex")
})

/** The rows of such a file. Fails at a line that is none of them, and when the end is missing or does not agree. */
export const rows = <E, R>(
  file: string,
  lines: Stream.Stream<Line, E, R>
): Stream.Stream<LogCopy.LogRow, E | InputError, R> =>
  Stream.suspend(() => {
    const read = { events: 0, entries: 0, payloads: 0, commands: 0 }
    let ended = false
    const wrong = (line: number | null, reason: string) => Effect.fail(new InputError({ file, line, reason }))
    const row = ({ number, text }: Line): Effect.Effect<ReadonlyArray<LogCopy.LogRow>, InputError> => {
      if (ended) return wrong(number, "stands after the end")
      let json: unknown
      try {
        json = JSON.parse(text)
      } catch {
        return wrong(number, "is not JSON")
      }
      const decoded = decode(json)
      if (decoded._tag === "Left") return wrong(number, "is not a line of an export")
      const found = decoded.right
      if ("end" in found) {
        ended = true
        const isAll = Object.entries(found.end).every(([name, count]) => read[name as keyof typeof read] === count)
        return isAll ? Effect.succeed([]) : wrong(number, "counts other rows than there are: some are missing")
      }
      if ("log" in found) {
        return number === 1
          ? Effect.succeed([{ _tag: "Log", identity: found.log }])
          : wrong(number, "names the log, which the first line does")
      }
      if ("command" in found) {
        read.commands++
        return Effect.succeed([{ _tag: "Command", command: found.command }])
      }
      if ("entry" in found) {
        read.entries++
        // What stands elsewhere is read from there.
        return Effect.succeed([{ _tag: "Entry", entry: { ...found.entry, eventHash: "", previousHash: "" } }])
      }
      if ("payload" in found) {
        read.payloads++
        return Effect.succeed([{ _tag: "Payload", payload: found.payload }])
      }
      read.events++
      return Effect.succeed([{ _tag: "Event", event: { ...found, principal: null } }])
    }
    const whole = Stream.fromEffect(
      Effect.suspend(() => (ended ? Effect.void : wrong(null, "was cut off: its end is missing")))
    )
    return lines.pipe(Stream.mapEffect(row), Stream.flattenIterables, Stream.concat(Stream.drain(whole)))
  })
