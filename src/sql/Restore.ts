/**
 * `Restore` puts a backup in the place of an SQLite database, so that nothing from the former file's write-ahead log
 * gets into it, and gives the log a new epoch, by which clients see that positions that they know may no longer be
 * valid.
 *
 * Guarantees:
 *
 * - it is done while no process has the database open, and refused while one has;
 * - a crash at any instant leaves the database before, or the restored one; or the restored one beside the former
 *   write-ahead log, which is refused when it is opened, and which a second run completes;
 * - the epoch is above each that the log has had, as far as the database that is replaced can be read;
 * - what is replaced is kept under another name, with its write-ahead log.
 */
import { randomUUID } from "node:crypto"
import { chownSync, linkSync, renameSync, rmSync, type Stats } from "node:fs"
import { basename, dirname } from "node:path"
import process from "node:process"
import { Effect, Option, type Scope } from "effect"
import { EventStore } from "../core/EventStore.ts"
import type { JournalHead, LogIdentity } from "../core/Journal.ts"
import * as AtomicFile from "./AtomicFile.ts"
import { RestoreRefused } from "./DatabaseError.ts"
import { innermost } from "./SqlDatabase.ts"
import * as SqliteDatabase from "./SqliteDatabase.ts"
import * as SqliteDriver from "./SqliteDriver.ts"
import * as SqliteFile from "./SqliteFile.ts"
import { isBusy } from "./SqliteLock.ts"
import * as SqliteStore from "./SqliteStore.ts"

export interface RestoreOptions {
  /** The backup. */
  readonly from: string
  /** The database that it becomes; it need not be there. */
  readonly to: string
  /** The epoch is above this one. Default: above that of the backup and of the database that is replaced. */
  readonly above?: number
}

export interface Restored {
  /** Where the restored log ends: at the entry of its new epoch. */
  readonly head: JournalHead
  /** Where the database before is kept; null where there was none. */
  readonly kept: string | null
}

const refuse = (reason: string) => new RestoreRefused({ reason, streamId: null, version: null })

const refusalOf = (error: unknown): RestoreRefused =>
  error instanceof RestoreRefused
    ? error
    : refuse(error instanceof Error ? ((innermost(error) as Error).message ?? error.message) : String(error))

/** Adds entries of epochs to the journal until the log's epoch is above this one. Each epoch has its entry. */
export const raiseEpoch = (detail: object, above = 0) =>
  Effect.gen(function* () {
    const store = yield* EventStore
    const text = JSON.stringify(detail)
    do {
      yield* store.record({ kind: "epoch", name: "restore", detail: text, principal: null })
    } while ((yield* store.identity).epoch <= above)
    return yield* store.journalHead
  })

const identityIn = (filename: string) =>
  Effect.flatMap(EventStore, (store) => store.identity).pipe(
    Effect.provide(SqliteStore.layer({ filename, mode: "readOnly" })),
    Effect.option
  )

/**
 * Keeps every other process from the database until the scope closes, and says which log the file holds without its
 * write-ahead log. Through another name of the file: what SQLite does with the write-ahead log of the name that it opened then
 * touches none that the next process may have begun.
 */
const hold = (filename: string): Effect.Effect<Option.Option<LogIdentity>, RestoreRefused, Scope.Scope> =>
  Effect.gen(function* () {
    const driver = yield* Effect.promise(SqliteDriver.load)
    const alias = `${filename}.${process.pid}-${randomUUID()}.tmp`
    yield* Effect.acquireRelease(Effect.try({ try: () => linkSync(filename, alias), catch: refusalOf }), () =>
      Effect.sync(() => {
        for (const suffix of ["", "-wal", "-shm"]) rmSync(alias + suffix, { force: true })
      })
    )
    const opened = yield* Effect.acquireRelease(
      Effect.option(Effect.try(() => driver.open(alias, { readonly: false }))),
      Option.match({ onNone: () => Effect.void, onSome: (handle) => Effect.sync(() => handle.close()) })
    )
    if (Option.isNone(opened)) return Option.none()
    const { prepare } = opened.value
    try {
      prepare("PRAGMA busy_timeout = 200").rows([], false)
      prepare("PRAGMA locking_mode = EXCLUSIVE").rows([], false)
      prepare("BEGIN IMMEDIATE").run([])
      const [row] = prepare("SELECT log_id, epoch FROM log_identity").values([], false)
      return Option.some({ logId: String(row?.[0]), epoch: Number(row?.[1]) })
    } catch (error) {
      if (isBusy(error)) return yield* refuse(`${filename} is in use by another process; stop it first`)
      // No process serves from what cannot be read; it is replaced as it is.
      return Option.none()
    }
  })

/** Gives the file its owner, where the one who restores is another, as the superuser. */
const handOver = (path: string, before: Stats | undefined): void => {
  const owner = before ?? SqliteFile.stat(dirname(path))
  if (owner !== undefined && process.getuid?.() === 0) chownSync(path, owner.uid, owner.gid)
}

/** Puts the new file in its place. `kept`: the name that the one before goes on under. */
const exchange = (temporary: string, filename: string, kept: string | null): void => {
  handOver(temporary, SqliteFile.stat(filename))
  if (kept !== null) {
    linkSync(filename, kept)
    if (SqliteFile.stat(`${filename}-wal`) !== undefined) linkSync(`${filename}-wal`, `${kept}-wal`)
  }
  // The index first, while no process can open the file: one that is removed under the next process would break its
  // log.
  rmSync(`${filename}-shm`, { force: true })
  rmSync(`${filename}-journal`, { force: true })
  renameSync(temporary, filename)
  AtomicFile.sync(dirname(filename))
  // Until it is gone the restored file is refused, since it is marked as one without a log.
  rmSync(`${filename}-wal`, { force: true })
  AtomicFile.sync(dirname(filename))
}

/** Puts a backup in the place of the database, as a new epoch of its log. */
export const restore = (options: RestoreOptions): Effect.Effect<Restored, RestoreRefused> =>
  Effect.gen(function* () {
    const from = SqliteFile.pathOf(options.from)
    const to = SqliteFile.pathOf(options.to)
    const before = SqliteFile.stat(to)
    const source = SqliteFile.stat(from)
    if (source === undefined) return yield* refuse(`${from} does not exist; give the file of a backup`)
    if (before !== undefined && source.ino === before.ino && source.dev === before.dev)
      return yield* refuse(`${from} is the database itself; give the file of a backup`)
    if (!SqliteFile.stat(dirname(to))?.isDirectory())
      return yield* refuse(`${to} lies in a folder that does not exist; create the folder or correct the path`)
    if (SqliteFile.isDangling(to))
      return yield* refuse(`${to} is a link to a file that is not there; put its disk back, or correct the link`)
    if (before !== undefined && !before.isFile()) return yield* refuse(`${to} is not a file; correct the path`)

    const readable = before === undefined ? Option.none() : yield* identityIn(to)
    const held = before === undefined ? Option.none() : yield* hold(to)
    const replaced = Option.orElse(readable, () => held)
    const above = Math.max(
      options.above ?? 0,
      ...[readable, held].map(Option.match({ onNone: () => 0, onSome: ({ epoch }) => epoch }))
    )
    const kept = before === undefined ? null : `${to}.replaced-${Date.now()}`
    const detail = {
      backup: basename(from),
      replacedEpoch: Option.match(replaced, { onNone: () => null, onSome: ({ epoch }) => epoch })
    }
    const fill = (temporary: string) =>
      Effect.gen(function* () {
        yield* SqliteDatabase.copyFile(from, temporary)
        const raise = Effect.gen(function* () {
          const { logId } = yield* Effect.flatMap(EventStore, (store) => store.identity)
          if (Option.exists(replaced, (before) => before.logId !== logId))
            return yield* refuse(`${from} is of another log than ${to}; move ${to} away first if it is to be replaced`)
          return yield* raiseEpoch(detail, above)
        })
        const head = yield* Effect.provide(raise, SqliteStore.layer({ filename: temporary, mode: "existing" }))
        yield* SqliteDatabase.markCopy(temporary)
        return head
      })
    const head = yield* AtomicFile.build(to, fill, (temporary) => exchange(temporary, to, kept))
    return { head, kept }
  }).pipe(Effect.scoped, Effect.mapError(refusalOf))
