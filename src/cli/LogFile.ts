/**
 * `LogFile` is the format of `export`: lines of JSON, first each event as it is stored, in the order of the log, then each
 * kept answer under `command`, then `end` with how many there were, so that a file that was cut off is told from a whole one.
 */
import { createHash } from "node:crypto"
import { Effect, Schema, Stream } from "effect"
import * as EventHash from "../core/EventHash.ts"
import type { StoredCommand } from "../core/EventStore.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import * as StreamId from "../core/StreamId.ts"
import * as LogCopy from "../sql/LogCopy.ts"
import { InputError, type Line } from "./Lines.ts"

const Place = { version: Schema.NonNegativeInt, position: Schema.NonNegativeInt }
const EventLine = Schema.Struct({
  position: Schema.Int,
  streamId: StreamId.StreamId,
  version: Schema.Int,
  type: Schema.NonEmptyString,
  schemaVersion: Schema.Int,
  data: Schema.String,
  commandId: Schema.String,
  correlationId: Schema.String,
  causationId: Schema.NullOr(Schema.String),
  traceparent: Schema.NullOr(Schema.String),
  recordedAt: Schema.Int,
  previousHash: Schema.String,
  hash: Schema.String
})
const CommandLine = Schema.Struct({
  command: Schema.Struct({
    commandId: Schema.NonEmptyString,
    streamId: StreamId.StreamId,
    fingerprint: Schema.String,
    outcome: Schema.Literal("success", "refusal"),
    answer: Schema.String,
    ...Place,
    // Missing in exports of earlier releases.
    command: Schema.optionalWith(Schema.NullOr(Schema.String), { exact: true, default: () => null }),
    answerVersion: Schema.optionalWith(Schema.Int, { exact: true, default: () => 1 })
  })
})
const EndLine = Schema.Struct({
  end: Schema.Struct({ events: Schema.NonNegativeInt, commands: Schema.NonNegativeInt })
})
const decode = Schema.decodeUnknownEither(Schema.Union(EventLine, CommandLine, EndLine), { onExcessProperty: "error" })

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
    hash: event.hash
  } satisfies Record<keyof StoredEvent, unknown>)
const commandLine = (command: StoredCommand): string =>
  JSON.stringify({
    command: {
      commandId: command.commandId,
      streamId: command.streamId,
      fingerprint: command.fingerprint,
      outcome: command.outcome,
      answer: command.answer,
      version: command.version,
      position: command.position,
      command: command.command,
      answerVersion: command.answerVersion
    } satisfies Record<keyof StoredCommand, unknown>
  })

/** The whole log, a page of lines at a time, damaged events with the others. Gives the counts, and the first event that differs from its hash. */
export const write = <E, R>(emit: (text: string) => Effect.Effect<void, E, R>) =>
  Effect.gen(function* () {
    const written = { events: 0, commands: 0 }
    let damaged: StoredEvent | undefined
    yield* Stream.runForEachChunk(LogCopy.rows, (page) => {
      let text = ""
      for (const row of page) {
        if (row._tag === "Event") {
          written.events++
          if (damaged === undefined && !EventHash.isIntact(row.event)) damaged = row.event
          text += `${eventLine(row.event)}\n`
        } else {
          written.commands++
          text += `${commandLine(row.command)}\n`
        }
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
    const read = { events: 0, commands: 0 }
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
      if (decoded._tag === "Left") return wrong(number, "is no line of an export")
      const found = decoded.right
      if ("end" in found) {
        ended = true
        return found.end.events === read.events && found.end.commands === read.commands
          ? Effect.succeed([])
          : wrong(number, "counts other rows than there are: some are missing")
      }
      if ("command" in found) {
        read.commands++
        return Effect.succeed([{ _tag: "Command", command: found.command }])
      }
      read.events++
      return Effect.succeed([{ _tag: "Event", event: found }])
    }
    const whole = Stream.fromEffect(
      Effect.suspend(() => (ended ? Effect.void : wrong(null, "was cut off: its end is missing")))
    )
    return lines.pipe(Stream.mapEffect(row), Stream.flattenIterables, Stream.concat(Stream.drain(whole)))
  })
