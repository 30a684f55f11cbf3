/**
 * The rules of an append, free of any store: what is checked, in which order, and which rows follow. A store calls `plan`
 * inside its transaction with the facts it has read there, and writes the rows or none of them.
 *
 * Order: arguments, then command ids, then versions; so a retry is answered even where the stream has moved on.
 */
import { Buffer } from "node:buffer"
import { Either } from "effect"
import * as CommandId from "./CommandId.ts"
import * as EventHash from "./EventHash.ts"
import type { AppendRequest, AppendResult, ExpectedVersion, Head, StoredCommand } from "./EventStore.ts"
import * as Journal from "./Journal.ts"
import type { StoredEvent } from "./StoredEvent.ts"
import { AnswerFailed, CommandIdReused, EntryDamaged, InvalidArgument, VersionConflict } from "./StoreError.ts"
import { isStreamId, type StreamId } from "./StreamId.ts"

/** Largest data of one event, in bytes of UTF-8. */
export const maxPayloadBytes = 1_048_576

/** Largest answer to keep of one command, in bytes of UTF-8. */
export const maxAnswerBytes = 1_048_576
/** Longest event type, command name, fingerprint, correlation id, causation id or traceparent, in UTF-16 code units. */
const maxTextLength = 1_024

export const noHead: Head = { version: 0, position: 0, hash: EventHash.genesis }

/** What the store knows, read in the transaction that writes. */
export interface LogState {
  readonly head: (streamId: StreamId) => Head
  /** What is stored under the id, or that it is not what was stored. */
  readonly command: (commandId: string) => StoredCommand | EntryDamaged | undefined
  readonly lastPosition: number
  /** The journal's last entry. */
  readonly end: Journal.JournalEnd
  /** See `RecordedAt.next`. */
  readonly recordedAt: number
}

export interface AppendPlan {
  readonly result: AppendResult
  readonly events: ReadonlyArray<StoredEvent>
  /** One for each command that is stored, in their order. */
  readonly entries: ReadonlyArray<Journal.JournalEntry>
}

export type Refusal = InvalidArgument | CommandIdReused | VersionConflict | AnswerFailed | EntryDamaged

const invalid = (argument: string, reason: string) => new InvalidArgument({ argument, reason })
const texts = ["commandId", "command", "fingerprint", "correlationId", "causationId", "traceparent"] as const
const wellFormed = (text: string): boolean => text.isWellFormed() && !text.includes("\0")

/** Most texts need not be measured: no character takes more than 3 bytes for each of its code units. */
const isOver = (text: string, bytes: number): boolean => text.length * 3 > bytes && Buffer.byteLength(text) > bytes

/** The first thing wrong with the requests themselves. Needs no store: check before the transaction. */
export const validate = (requests: ReadonlyArray<AppendRequest>): InvalidArgument | undefined => {
  // Most appends hold one command, which has nothing to stand twice with.
  const ids = requests.length === 1 && (requests[0]?.commands.length ?? 0) < 2 ? undefined : new Set<string>()
  for (const { streamId, expectedVersion, expectedHash, commands } of requests) {
    // A cast can forge the brand, and the hash relies on what it promises.
    if (!isStreamId(streamId)) return invalid("streamId", "is not 1 to 512 well-formed characters without U+0000")
    if (typeof expectedVersion === "number" && !(Number.isSafeInteger(expectedVersion) && expectedVersion >= 0)) {
      return invalid("expectedVersion", `${expectedVersion} is not a version; give 0 or a positive integer`)
    }
    if (expectedHash !== undefined && typeof expectedVersion !== "number") {
      return invalid("expectedHash", "stands without the version that it is the hash of")
    }
    for (const command of commands) {
      if (!CommandId.fits(command.commandId)) {
        return invalid("commandId", `is not 1 to ${CommandId.maxLength} characters`)
      }
      if (ids?.has(command.commandId)) return invalid("commandId", "stands twice in one append")
      ids?.add(command.commandId)
      for (const name of texts) {
        const text = command[name]
        if (text === null) continue
        if (text.length > maxTextLength) return invalid(name, `is over ${maxTextLength} characters`)
        if (!wellFormed(text)) return invalid(name, "holds U+0000 or a lone surrogate")
      }
      for (const { type, schemaVersion, data } of command.events) {
        if (type === "" || type.length > maxTextLength || !wellFormed(type)) {
          return invalid("type", `is not 1 to ${maxTextLength} well-formed characters without U+0000`)
        }
        if (!(Number.isSafeInteger(schemaVersion) && schemaVersion > 0))
          return invalid("schemaVersion", "is not 1 or more")
        if (!wellFormed(data)) return invalid("data", "holds U+0000 or a lone surrogate; JSON escapes both")
        if (isOver(data, maxPayloadBytes)) return invalid("data", `is over ${maxPayloadBytes} bytes`)
      }
    }
  }
  return undefined
}

const asExpected = (expected: ExpectedVersion, actual: number): boolean =>
  expected === "any" ||
  (expected === "noStream" ? actual === 0 : expected === "exists" ? actual > 0 : actual === expected)

/** What to write for requests that `validate` found sound, or why nothing may be written. */
export const plan = (requests: ReadonlyArray<AppendRequest>, state: LogState): Either.Either<AppendPlan, Refusal> => {
  const before: Array<StoredCommand> = []
  for (const { streamId, commands } of requests) {
    for (const { commandId, fingerprint, recognizes } of commands) {
      const stored = state.command(commandId)
      if (stored === undefined) continue
      if (stored instanceof EntryDamaged) return Either.left(stored)
      // An earlier rule took a fingerprint of the caller's own, which says nothing of the stream.
      const isSame =
        stored.streamId === streamId &&
        (stored.fingerprint === fingerprint || recognizes?.(stored.fingerprint) === true)
      if (!isSame) return Either.left(new CommandIdReused({ commandId }))
      before.push(stored)
    }
  }
  if (before.length > 0)
    return Either.right({ result: { _tag: "AlreadyStored", commands: before }, events: [], entries: [] })

  // Most appends are to one stream, whose head nothing else asks for.
  const heads = requests.length > 1 ? new Map<StreamId, Head>() : undefined
  const after: Array<Head> = []
  const rows: Array<StoredEvent> = []
  const stored: Array<StoredCommand> = []
  const entries: Array<Journal.JournalEntry> = []
  let { hash: previousHash, sequence } = state.end
  const { recordedAt } = state
  let position = state.lastPosition
  for (const { streamId, expectedVersion, expectedHash = null, commands } of requests) {
    let head = heads?.get(streamId) ?? state.head(streamId)
    const isExpected = asExpected(expectedVersion, head.version) && (expectedHash ?? head.hash) === head.hash
    if (expectedVersion !== "any" && !isExpected) {
      return Either.left(new VersionConflict({ streamId, expected: expectedVersion, actual: head.version }))
    }
    for (const {
      commandId,
      command,
      fingerprint,
      outcome,
      answer,
      correlationId,
      causationId,
      traceparent,
      events
    } of commands) {
      if (outcome === "unkept") continue
      sequence++
      for (const { type, schemaVersion, data } of events) {
        const event = {
          position: ++position,
          streamId,
          version: head.version + 1,
          type,
          schemaVersion,
          data,
          commandId,
          correlationId,
          causationId,
          traceparent,
          recordedAt,
          previousHash: head.hash,
          hash: "",
          sequence,
          principal: null
        }
        event.hash = EventHash.compute(event)
        rows.push(event)
        head = event
      }
      const { version, position: at } = head
      try {
        const { text, version: answerVersion } = answer({ version, position: at })
        if (isOver(text, maxAnswerBytes)) return Either.left(invalid("answer", `is over ${maxAnswerBytes} bytes`))
        if (!wellFormed(text)) return Either.left(invalid("answer", "holds U+0000 or a lone surrogate"))
        const kept: StoredCommand = {
          commandId,
          streamId,
          command,
          fingerprint,
          outcome,
          answer: text,
          answerVersion,
          version,
          position: at
        }
        stored.push(kept)
        const entry = Journal.ofCommand(kept, {
          rule: Journal.rules.decided,
          sequence,
          eventHash: head.hash,
          events: events.length,
          correlationId,
          causationId,
          traceparent,
          recordedAt,
          previousHash
        })
        previousHash = entry.hash
        entries.push(entry)
      } catch (cause) {
        return Either.left(new AnswerFailed({ commandId, cause }))
      }
    }
    heads?.set(streamId, head)
    after.push(head)
  }
  return Either.right({ result: { _tag: "Appended", commands: stored, heads: after }, events: rows, entries })
}
