/** `DatabaseFigures` are how much room a database takes, and how much is left for it. */
import { stat, statfs } from "node:fs/promises"
import { dirname } from "node:path"
import { Effect } from "effect"
import * as Reading from "../core/Reading.ts"
import type { SqlDatabase } from "./SqlDatabase.ts"

const sizeOf = (value: number): Reading.Reading =>
  Reading.gauge("daybook.database.size", "By", "Size of the database", value)

/** Bytes of a file; 0 where there is none. It is not opened: a second handle would end the locks of the first. */
const bytesOf = async (file: string): Promise<number> => {
  try {
    return (await stat(file)).size
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0
    throw error
  }
}

const ofFile = (filename: string): Reading.Source =>
  Effect.tryPromise(async () => {
    const [size, log, { bavail, blocks, bsize }] = await Promise.all([
      bytesOf(filename),
      bytesOf(`${filename}-wal`),
      statfs(dirname(filename))
    ])
    return [
      sizeOf(size),
      Reading.gauge("daybook.database.wal.size", "By", "Size of the write-ahead log beside the database", log),
      Reading.gauge("daybook.database.disk.size", "By", "Size of the disk that has the database", blocks * bsize),
      Reading.gauge("daybook.database.disk.available", "By", "Room that is left on that disk", bavail * bsize)
    ]
  })

/**
 * For a file, also one that follows a log elsewhere: its own size, that of its write-ahead log, and its disk; for
 * PostgreSQL: the size of the database.
 */
export const source = ({ dialect, file, name, read }: SqlDatabase["Type"]): Reading.Source => {
  const filename = file ?? name
  if (dialect.kind === "sqlite" && filename !== ":memory:") return ofFile(filename)
  const size =
    dialect.kind === "sqlite"
      ? "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
      : "SELECT pg_database_size(current_database())"
  return Effect.map(read(size, []), ([row]) => [sizeOf(Number(row?.[0]))])
}
