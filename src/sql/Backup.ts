/**
 * A whole copy of the database while it is in use, here and by other processes: the state of one instant, so a prefix
 * of the log with all that belongs to it.
 */
import { existsSync } from "node:fs"
import { resolve } from "node:path"
import { Effect } from "effect"
import * as AtomicFile from "./AtomicFile.ts"
import { BackupRefused } from "./DatabaseError.ts"
import { innermost, SqlDatabase } from "./SqlDatabase.ts"

/**
 * Writes a new file, whole or not at all, never over another. SQLite copies in one step that holds the process: back up
 * a large database from a process of its own, which opens it read only.
 */
export const backup = (destination: string): Effect.Effect<void, BackupRefused, SqlDatabase> =>
  Effect.gen(function* () {
    const database = yield* SqlDatabase
    const path = resolve(destination)
    if (existsSync(path)) return yield* Effect.fail(new Error("the file exists; give the path of a new one"))
    yield* AtomicFile.create(path, (temporary) => database.backup(temporary))
  }).pipe(Effect.mapError((error) => new BackupRefused({ destination, cause: innermost(error) })))
