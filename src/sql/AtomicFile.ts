/**
 * A file that is there whole or not at all, and that its owner alone may read: built under a temporary name beside its
 * own, made durable, and then given its name. A process that dies on the way leaves at most a file with a temporary
 * name, which nothing opens.
 */
import { randomUUID } from "node:crypto"
import { closeSync, fsyncSync, linkSync, openSync, rmSync } from "node:fs"
import { dirname } from "node:path"
import { Effect } from "effect"

/** Makes a file, or the names in a folder, durable. */
export const sync = (path: string): void => {
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
 * Builds a file beside `filename` with `fill`, which fills the empty file that it is given and closes it; only the
 * owner may read it. Then `publish` gives it its name. Fails with the system's error.
 */
export const build = <A, E, R>(
  filename: string,
  fill: (temporary: string) => Effect.Effect<A, E, R>,
  publish: (temporary: string) => void
): Effect.Effect<A, E | NodeJS.ErrnoException, R> => {
  const temporary = `${filename}.${process.pid}-${randomUUID()}.tmp`
  const trying = (work: () => void) => Effect.try({ try: work, catch: (cause) => cause as NodeJS.ErrnoException })
  const clean = Effect.sync(() => {
    for (const suffix of sideFiles) rmSync(temporary + suffix, { force: true })
  })
  return trying(() => closeSync(openSync(temporary, "wx", 0o600))).pipe(
    Effect.zipRight(Effect.suspend(() => fill(temporary))),
    Effect.zipLeft(
      trying(() => {
        sync(temporary)
        publish(temporary)
      })
    ),
    Effect.ensuring(clean)
  )
}

/** As `build`. Fails with `EEXIST` when the file was there, or has come meanwhile. */
export const create = <A, E, R>(filename: string, fill: (temporary: string) => Effect.Effect<A, E, R>) =>
  build(filename, fill, (temporary) => {
    linkSync(temporary, filename)
    sync(dirname(filename))
  })
