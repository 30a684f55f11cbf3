/**
 * Sums over parts of the log, for `core/LogShape.ts`. The sizes of data come from the headers of rows: no large text is
 * read.
 */
import { Effect } from "effect"
import type { Part, SnapshotDistance } from "../core/LogShape.ts"
import { words } from "./JournalTables.ts"
import type { Dialect, Rows } from "./SqlDatabase.ts"

type Read<E> = (sql: string, params: ReadonlyArray<unknown>) => Effect.Effect<Rows, E>

const part = `(SELECT position, stream, version, type, schema_version, recorded_at, octet_length(data) AS bytes
  FROM log_events WHERE position > ? ORDER BY position LIMIT ?) AS e`

/** What stands before the first hyphen of a stream's id. */
const prefix = ({ words: own }: Pick<Dialect, "words">): string =>
  own === words.sqlite
    ? "CASE instr(s.stream_id, '-') WHEN 0 THEN s.stream_id ELSE substr(s.stream_id, 1, instr(s.stream_id, '-') - 1) END"
    : "split_part(s.stream_id, '-', 1)"

export const make = <E>(dialect: Pick<Dialect, "words">, read: Read<E>) => {
  const { one } = dialect.words
  const groups = `SELECT g.prefix, n.name, g.schema_version, g.day, g.events, g.bytes, g.last FROM (
      SELECT ${prefix(dialect)} AS prefix, e.type, e.schema_version, e.recorded_at / 86400000 AS day,
        count(*) AS events, CAST(sum(e.bytes) AS BIGINT) AS bytes, max(e.position) AS last
      FROM ${part} ${one("log_streams", "s", "stream", "e.stream")}
      GROUP BY 1, 2, 3, 4) AS g ${one("log_names", "n", "number", "g.type")}`
  const largest = `SELECT s.stream_id, e.version, n.name, e.bytes FROM (SELECT * FROM ${part} ORDER BY bytes DESC, position LIMIT ?) AS e
    ${one("log_streams", "s", "stream", "e.stream")} ${one("log_names", "n", "number", "e.type")}`
  const longest = `SELECT s.stream_id, e.version FROM (
      SELECT stream, max(version) AS version FROM ${part} GROUP BY stream ORDER BY 2 DESC, 1 LIMIT ?) AS e
    ${one("log_streams", "s", "stream", "e.stream")}`
  const distances = `SELECT p.stream_id, p.version, coalesce((SELECT max(e.version) FROM log_events AS e
      WHERE e.stream = (SELECT stream FROM log_streams WHERE log_streams.stream_id = p.stream_id)), 0)
    FROM (SELECT stream_id, max(version) AS version FROM snapshots WHERE stream_id > ? GROUP BY stream_id
      ORDER BY stream_id LIMIT ?) AS p ORDER BY p.stream_id`

  return {
    shapeOf: (after: number, most: number, top: number): Effect.Effect<Part, E> =>
      Effect.gen(function* () {
        const found = yield* read(groups, [after, most])
        const to = found.reduce((last, row) => Math.max(last, Number(row[6])), 0)
        if (to === 0) return { groups: [], largest: [], longest: [], to }
        // The same events, though others were written meanwhile.
        const events = found.reduce((sum, row) => sum + Number(row[4]), 0)
        const large = yield* read(largest, [after, events, top])
        const long = yield* read(longest, [after, events, top])
        return {
          groups: found.map((row) => ({
            prefix: String(row[0] ?? ""),
            type: String(row[1] ?? ""),
            schemaVersion: Number(row[2]),
            day: Number(row[3]),
            events: Number(row[4]),
            bytes: Number(row[5])
          })),
          largest: large.map(([streamId, version, type, bytes]) => ({
            streamId: String(streamId ?? ""),
            version: Number(version),
            type: String(type ?? ""),
            bytes: Number(bytes)
          })),
          longest: long.map(([streamId, version]) => ({ streamId: String(streamId ?? ""), version: Number(version) })),
          to
        }
      }),
    snapshotDistances: (after: string, most: number): Effect.Effect<ReadonlyArray<SnapshotDistance>, E> =>
      Effect.map(read(distances, [after, most]), (rows) =>
        rows.map(([streamId, snapshot, version]) => ({
          streamId: String(streamId),
          snapshot: Number(snapshot),
          version: Number(version)
        }))
      )
  }
}
