/**
 * `LogUpload` writes a whole log, as a transaction of the local file holds it, into a stream that is empty: for a copy
 * or an import. Its positions are kept, since hashes cover them: each event becomes the message of its position, and a
 * position without an event becomes an empty message. Entries follow, and payloads; then an empty message that ends it.
 *
 * It takes many batches. Until the last one the stream is marked as half copied, and nobody opens it.
 */
import type { Connection } from "@effect/sql/SqlConnection"
import type { SqlError } from "@effect/sql/SqlError"
import { Effect } from "effect"
import * as EventLoop from "../core/EventLoop.ts"
import type { LogIdentity } from "../core/Journal.ts"
import type * as KeptPayload from "../core/KeptPayload.ts"
import * as LogTables from "../sql/LogTables.ts"
import type { Dialect } from "../sql/SqlDatabase.ts"
import * as JetStream from "./JetStream.ts"
import * as LocalLog from "./LocalLog.ts"
import * as LogMessage from "./LogMessage.ts"
import type { NatsConnection } from "./NatsConnection.ts"
import { NatsFault } from "./NatsFault.ts"
import * as StreamConfig from "./StreamConfig.ts"

/** Rows in one batch: few, since each may hold a megabyte. */
const pageSize = 64

const empty: LogMessage.Part = { entries: [] }

/** Returns the sequence of the last message. */
export const run = Effect.fnUntraced(function* (
  nats: NatsConnection,
  stream: string,
  connection: Connection,
  dialect: Dialect,
  { logId }: LogIdentity
) {
  const asSqlError = Effect.mapError(LocalLog.asSqlError)
  const found = yield* asSqlError(JetStream.info(nats, stream))
  if (found?.lastSequence !== 0) {
    const reason = `the stream ${stream} is not empty: a log is copied into a new one`
    return yield* Effect.fail(LocalLog.asSqlError(new NatsFault("refused", reason)))
  }
  const mark = (metadata: Readonly<Record<string, string>>) =>
    asSqlError(JetStream.configure(nats, "UPDATE", { ...found.config, metadata }))
  yield* mark(StreamConfig.halfCopied(logId))

  let last = 0
  const write = (parts: ReadonlyArray<LogMessage.Part>) => {
    const end = last + parts.length
    const messages = parts.map((part) => StreamConfig.message(stream, part, end))
    const written = asSqlError(JetStream.append(nats, last, messages))
    last = end
    return Effect.zipRight(written, EventLoop.turn)
  }
  /** Writes all rows of a table, page by page. */
  const each = Effect.fnUntraced(function* <A>(
    sql: string,
    toRow: (row: ReadonlyArray<unknown>) => A,
    keyOf: (row: A) => number,
    take: (rows: ReadonlyArray<A>) => Effect.Effect<unknown, SqlError>
  ) {
    for (let after = 0; ; ) {
      const rows = (yield* connection.executeValues(sql, [after, pageSize])).map(toRow)
      const lastRow = rows.at(-1)
      if (lastRow === undefined) return
      yield* take(rows)
      after = keyOf(lastRow)
    }
  })

  yield* each(
    `${LogTables.selectEvents(dialect)} WHERE e.position > ? ORDER BY e.position LIMIT ?`,
    LogTables.toEvent,
    ({ position }) => position,
    Effect.fnUntraced(function* (page) {
      let parts: Array<LogMessage.Part> = []
      for (const event of page) {
        while (last + parts.length + 1 < event.position) {
          parts.push(empty)
          if (parts.length < pageSize) continue
          yield* write(parts)
          parts = []
        }
        parts.push({ event, entries: [] })
      }
      yield* write(parts)
    })
  )
  yield* each(
    `${LogTables.selectEntries(dialect)} WHERE j.sequence > ? ORDER BY j.sequence LIMIT ?`,
    LogTables.toEntry,
    ({ sequence }) => sequence,
    (entries) => write(LogMessage.partsOf({ events: [], entries, payloads: [] }))
  )
  yield* each(
    "SELECT sequence, text FROM log_payloads WHERE sequence > ? ORDER BY sequence LIMIT ?",
    ([sequence, text]): KeptPayload.Row => ({ sequence: sequence as number, text: text as string }),
    ({ sequence }) => sequence,
    (payloads) => write([...payloads.map((payload) => ({ entries: [], payload })), empty])
  )
  yield* write([empty])
  yield* mark(StreamConfig.restored(logId, last))
  return last
})
