/**
 * `StreamCheck` compares what a stream holds with its local file, row by row, by their hashes: the file's own rows are
 * checked where they are read, and this finds what a server lost or changed. For `verify`, and in short when a log is
 * opened.
 */
import type { SqlError } from "@effect/sql/SqlError"
import { Effect } from "effect"
import * as EventHash from "../core/EventHash.ts"
import * as EventLoop from "../core/EventLoop.ts"
import * as Journal from "../core/Journal.ts"
import { StoreUnavailable } from "../core/StoreError.ts"
import { innermost, type Rows } from "../sql/SqlDatabase.ts"
import * as JetStream from "./JetStream.ts"
import * as LocalLog from "./LocalLog.ts"
import type { NatsConnection } from "./NatsConnection.ts"
import { NatsFault } from "./NatsFault.ts"

type Read = (sql: string, params: ReadonlyArray<unknown>) => Effect.Effect<Rows, SqlError>

/** Most problems that are kept. */
const most = 20

/** Hashes in the file, by key. */
const hashesOf = (read: Read, table: "log_events" | "log_entries", keys: ReadonlyArray<number>) => {
  const key = table === "log_events" ? "position" : "sequence"
  const sql = `SELECT ${key}, lower(hex(hash)) FROM ${table} WHERE ${key} IN (SELECT value FROM json_each(?))`
  return Effect.map(read(sql, [JSON.stringify(keys)]), (rows) => new Map(rows.map(([at, hash]) => [at, hash])))
}

/** What differs in these groups. */
const differences = Effect.fnUntraced(function* (groups: ReadonlyArray<LocalLog.Group>, read: Read) {
  const events = groups.flatMap(LocalLog.eventsOf)
  const entries = groups.flatMap(({ entries }) => entries)
  const ofEvents = yield* hashesOf(
    read,
    "log_events",
    events.map(({ position }) => position)
  )
  const ofEntries = yield* hashesOf(
    read,
    "log_entries",
    entries.map(({ sequence }) => sequence)
  )
  return [
    ...events.flatMap((event) =>
      ofEvents.get(event.position) !== event.hash || (event.commandId !== "" && !EventHash.isIntact(event))
        ? [`message ${event.position} of the stream is not version ${event.version} of ${event.streamId} as stored`]
        : []
    ),
    ...entries.flatMap((entry) =>
      ofEntries.get(entry.sequence) !== entry.hash || !Journal.isIntact(entry)
        ? [`entry ${entry.sequence} of the journal in the stream is not what was stored`]
        : []
    )
  ]
})

const asFault = (cause: unknown) =>
  cause instanceof NatsFault ? cause : new NatsFault("damaged", "the stream cannot be read", cause)

/**
 * Fails where the last message that the file has followed to is not what the file has of it: then it is another stream.
 * Gives whether the file's journal goes on behind it: then something has written into the file alone, and the stream
 * lacks it.
 */
export const assertSame = Effect.fnUntraced(function* (
  nats: NatsConnection,
  stream: string,
  { entry, mark }: LocalLog.FileEnd,
  read: Read
) {
  if (mark === 0) return entry > 0
  const [last] = yield* JetStream.readThere(nats, stream, mark, 1)
  const isThere = last?.sequence === mark
  const rows = isThere ? yield* Effect.try({ try: () => LocalLog.decode(last), catch: asFault }) : []
  const found = yield* differences(rows, read)
  const [reason = isThere ? undefined : `message ${mark} of the stream is missing`] = found
  if (reason !== undefined) return yield* Effect.fail(new NatsFault("damaged", reason))
  // The last message of a group has its last entry, except the one that ends a copy.
  const own = rows.at(-1)?.entries.at(-1)?.sequence
  return own !== undefined && entry > own
})

/** Everything that the stream lacks or has in another form, up to where the file has followed. */
export const damages = (
  nats: NatsConnection,
  stream: string,
  read: Read
): Effect.Effect<ReadonlyArray<string>, StoreUnavailable> =>
  Effect.gen(function* () {
    const count = (table: string) => Effect.map(read(`SELECT count(*) FROM ${table}`, []), ([row]) => Number(row?.[0]))
    const [[mark = 0] = []] = (yield* read("SELECT sequence FROM nats_log", [])) as ReadonlyArray<[number]>
    const problems: Array<string> = []
    const groups = new LocalLog.Groups()
    const seen = { events: 0, entries: 0 }
    for (let at = 0; at < mark && problems.length < most; ) {
      const page = (yield* JetStream.readThere(nats, stream, at + 1)).filter(({ sequence }) => sequence <= mark)
      const last = page.at(-1)
      if (last === undefined) break
      at = last.sequence
      const complete = yield* Effect.either(Effect.try({ try: () => groups.take(page), catch: asFault }))
      if (complete._tag === "Left") return [complete.left.message]
      problems.push(...(yield* differences(complete.right, read)))
      for (const { entries, events } of complete.right) {
        seen.events += events.length
        seen.entries += entries.length
      }
      yield* EventLoop.turn
    }
    const [events, entries] = [yield* count("log_events"), yield* count("log_entries")]
    if (problems.length === 0 && (seen.events < events || seen.entries < entries)) {
      problems.push(
        `the stream has ${seen.events} of the ${events} events and ${seen.entries} of the ${entries} entries of the log`
      )
    }
    return problems.slice(0, most)
  }).pipe(Effect.mapError((error) => new StoreUnavailable({ operation: "read", cause: innermost(error) })))
