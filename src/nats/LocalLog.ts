/**
 * `LocalLog` is the copy of a log on JetStream in a local SQLite file: what is read is read here, by index. Groups of
 * the stream are checked and then taken whole, in the order of the stream, with the sequence up to which that is done
 * (the mark) in the same transaction. So the file always holds the log as it was at one moment, and it may be lost: it
 * is built again from the stream.
 */
import type { Connection } from "@effect/sql/SqlConnection"
import { SqlError } from "@effect/sql/SqlError"
import { Effect } from "effect"
import { noHead } from "../core/AppendPlan.ts"
import * as Damage from "../core/Damage.ts"
import type { Head } from "../core/EventStore.ts"
import * as Journal from "../core/Journal.ts"
import * as KeptPayload from "../core/KeptPayload.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import type { LogStatements } from "../sql/LogStatements.ts"
import type * as JetStream from "./JetStream.ts"
import * as LogMessage from "./LogMessage.ts"
import { NatsFault } from "./NatsFault.ts"

/** The fault as an error of the database, which is how the writer knows it. */
export const asSqlError = (fault: NatsFault): SqlError => new SqlError({ cause: fault, message: fault.message })

const create = "CREATE TABLE IF NOT EXISTS nats_log (stream TEXT NOT NULL, sequence INTEGER NOT NULL) STRICT"

/** Up to where the file has followed; undefined where it follows nothing yet. */
export const markOf = (connection: Connection): Effect.Effect<number | undefined, SqlError> =>
  Effect.map(connection.executeValues("SELECT sequence FROM nats_log", []), ([row]) => row?.[0] as number | undefined)

/** Where the file is at one moment: its mark, and its last entry of the journal, or 0. */
export interface FileEnd {
  readonly mark: number
  readonly entry: number
}

export const endOf = (connection: Connection): Effect.Effect<FileEnd, SqlError> =>
  Effect.map(
    connection.executeValues("SELECT sequence, (SELECT max(sequence) FROM log_entries) FROM nats_log", []),
    ([row]) => ({ mark: (row?.[0] ?? 0) as number, entry: (row?.[1] ?? 0) as number })
  )

export const setMark = (connection: Connection, sequence: number): Effect.Effect<unknown, SqlError> =>
  connection.executeRaw("UPDATE nats_log SET sequence = ?", [sequence])

/**
 * The id of the log in the file that is to follow the stream; undefined where the file is new, and from now on follows
 * it.
 */
export const prepare = Effect.fnUntraced(function* (
  connection: Connection,
  log: LogStatements,
  { logId, stream }: { readonly logId: string; readonly stream: string }
) {
  yield* connection.executeRaw(create, [])
  const found = yield* log.selectEnd(connection, undefined)
  const mark = yield* markOf(connection)
  // A log of its own would be lost. A file that holds nothing yet follows whichever stream is there now.
  if (found.sequence > 0 || found.position > 0 || (mark ?? 0) > 0) return found.logId
  yield* log.setIdentity(connection, { logId, epoch: 1 })
  if (mark === undefined) {
    yield* connection.executeRaw("INSERT INTO nats_log (stream, sequence) VALUES (?, 0)", [stream])
  }
  return undefined
})

/** A group as it is stored. */
export interface Group {
  readonly end: number
  readonly events: ReadonlyArray<LogMessage.EventRow & { readonly position: number }>
  readonly entries: ReadonlyArray<Journal.JournalEntry>
  readonly payloads: ReadonlyArray<KeptPayload.Row>
}

/** Collects messages to groups. A group whose last message has not come yet waits for it. */
export class Groups {
  private open: Array<LogMessage.Decoded & { readonly sequence: number }> = []

  /** The groups that are complete with these messages. */
  take(messages: ReadonlyArray<JetStream.Message>): ReadonlyArray<Group> {
    const complete: Array<Group> = []
    for (const { body, sequence } of messages) {
      const decoded = LogMessage.decode(sequence, body)
      const [first] = this.open
      if (first !== undefined && first.end !== decoded.end) {
        throw new NatsFault("damaged", `message ${first.end} of the stream is missing`)
      }
      this.open.push({ ...decoded, sequence })
      if (decoded.end > sequence) continue
      complete.push(toGroup(this.open))
      this.open = []
    }
    return complete
  }
}

/** One message by itself, as a group. Its entries may be of events in others. */
export const decode = ({ body, sequence }: JetStream.Message): ReadonlyArray<Group> => [
  toGroup([{ ...LogMessage.decode(sequence, body), sequence }])
]

const toGroup = (messages: ReadonlyArray<LogMessage.Decoded & { readonly sequence: number }>): Group => ({
  end: messages.at(-1)?.end ?? 0,
  events: messages.flatMap(({ event, sequence }) => (event === undefined ? [] : [{ ...event, position: sequence }])),
  entries: messages.flatMap(({ entries }) => entries).sort((left, right) => left.sequence - right.sequence),
  payloads: messages.flatMap(({ payload }) => (payload === undefined ? [] : [payload]))
})

/** The events with what their entries know of them; an entry that is in another group leaves it blank. */
export const eventsOf = ({ entries, events }: Group): ReadonlyArray<StoredEvent> => {
  const bySequence = new Map(entries.map((entry) => [entry.sequence, entry]))
  return events.map((event) => {
    const {
      causationId = null,
      commandId,
      correlationId,
      principal = null,
      traceparent = null
    } = bySequence.get(event.sequence) ?? {}
    const id = commandId ?? ""
    return { ...event, commandId: id, correlationId: correlationId ?? id, causationId, traceparent, principal }
  })
}

/** The first fault in a group that follows this end of the journal and these heads, which it moves on. */
const wrongIn = (
  { end, entries }: Group,
  events: ReadonlyArray<StoredEvent>,
  journal: { end: Journal.JournalEnd },
  heads: Map<string, Head>
): NatsFault | undefined => {
  const damaged = (reason: string) => new NatsFault("damaged", `the stream is damaged up to message ${end}: ${reason}`)
  let own = 0
  for (const entry of entries) {
    const wrong = Journal.damage(journal.end, entry)
    if (wrong !== undefined) return damaged(`entry ${entry.sequence} of the journal: ${wrong}`)
    journal.end = entry
    own += entry.events
  }
  if (own !== events.length) return damaged(`it has ${events.length} of the ${own} events of its entries`)
  for (const event of events) {
    const wrong = Damage.ofRow(heads.get(event.streamId) ?? noHead, event)
    if (wrong !== undefined) return damaged(wrong.message)
    heads.set(event.streamId, event)
  }
  return undefined
}

/** What a stream's groups are taken from. */
export interface Source {
  readonly logId: string
  /** Up to which message the log was copied. */
  readonly restored: number
  /** Sequence of the oldest entry whose payload the stream has; above all where it has none. */
  readonly oldestPayload: Effect.Effect<number, NatsFault>
}

/**
 * Takes groups into the file, within a transaction of the caller. Those up to `restored` came with a copied log, whose
 * entries stand behind its events, and are checked when they are all there.
 */
export const apply = Effect.fnUntraced(function* (
  connection: Connection,
  log: LogStatements,
  groups: ReadonlyArray<Group>,
  { logId, oldestPayload, restored }: Source
): Effect.fn.Return<void, SqlError> {
  const last = groups.at(-1)
  if (last === undefined) return
  const events = groups.map(eventsOf)
  const streamIds = new Set<string>()
  const names = new Set<string>()
  for (const { streamId, type } of events.flat()) {
    streamIds.add(streamId)
    names.add(type)
  }
  for (const { command, streamId } of groups.flatMap(({ entries }) => entries)) {
    if (streamId !== null) streamIds.add(streamId)
    if (command !== null) names.add(command)
  }
  const known = yield* log.selectKnown(connection, { streamIds, names })
  const heads = new Map<string, Head>()
  for (const [streamId, { head }] of known.streams) if (head !== undefined) heads.set(streamId, head)
  const journal = { end: (yield* log.selectEnd(connection, undefined)) as Journal.JournalEnd }
  for (const [index, group] of groups.entries()) {
    if (group.end <= restored) continue
    const wrong = wrongIn(group, events[index] ?? [], journal, heads)
    if (wrong !== undefined) return yield* Effect.fail(asSqlError(wrong))
  }
  yield* log.insert(connection, known, {
    events: events.flat(),
    entries: groups.flatMap(({ entries }) => entries),
    payloads: groups.flatMap(({ payloads }) => payloads)
  })
  for (const entry of groups.flatMap(({ entries }) => entries)) {
    if (entry.kind === "epoch") yield* log.setIdentity(connection, { logId, epoch: entry.version })
  }
  if (groups.some(({ entries }) => entries.some(KeptPayload.isRemoval))) {
    // The oldest are removed first, and from the stream before the entry says so.
    const oldest = yield* Effect.mapError(oldestPayload, asSqlError)
    yield* connection.executeRaw("DELETE FROM log_payloads WHERE sequence < ?", [oldest])
  }
  yield* setMark(connection, last.end)
})
