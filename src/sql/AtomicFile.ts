/**
 * A file that is there whole or not at all: built under a temporary name beside its own, made durable, and then given its
 * name without replacing anything. A process that dies on the way leaves at most a file with a temporary name, which
 * nobody opens.
 */
import { randomUUID } from "node:crypto"
import { closeSync, fsyncSync, linkSync, openSync, rmSync } from "node:fs"
import { dirname } from "node:path"
import { Effect } from "effect"

const sync = (path: string): void => {
  const descriptor = openSync(path, "r")
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** SQLite keeps these beside a database while it is open. */
const sideFiles = ["", "-wal", "-shm", "-journal"]

/**
 * Builds `filename` with `build`, which writes and closes the file it is given. Fails with the system's error: `EEXIST` when
 * the file was there, or has come meanwhile.
 */
export const create = <A, E, R>(filename: string, build: (temporary: string) => Effect.Effect<A, E, R>) => {
  const temporary = `${filename}.${process.pid}-${randomUUID()}.tmp`
  const publish = Effect.try({
    try: () => {
      sync(temporary)
      linkSync(temporary, filename)
      sync(dirname(filename))
    },
    catch: (cause) => cause as NodeJS.ErrnoException
  })
  const clean = Effect.sync(() => {
    for (const suffix of sideFiles) rmSync(temporary + suffix, { force: true })
  })
  return build(temporary).pipe(Effect.zipLeft(publish), Effect.ensuring(clean))
}
