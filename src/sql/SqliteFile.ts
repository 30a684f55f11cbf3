/**
 * `SqliteFile` is what the file system says about a database before SQLite opens it. Nothing here changes a file, and
 * all of it comes before this process has a connection to the file: closing it would take SQLite's locks away.
 */
import { Buffer } from "node:buffer"
import {
  accessSync,
  closeSync,
  constants,
  lstatSync,
  openSync,
  readSync,
  realpathSync,
  type Stats,
  statSync
} from "node:fs"
import { dirname, resolve } from "node:path"
import type { Problem } from "./DatabaseError.ts"

/** "Dayb": marks a file as ours, so that the database of another program is not taken for one. */
export const applicationId = 0x44617962

const headerLength = 100
const applicationIdOffset = 68
const markOffset = 60
const magic = "SQLite format 3\0"

export const stat = (path: string): Stats | undefined => statSync(path, { throwIfNoEntry: false })

/** Whether the path is a link that leads to nothing. */
export const isDangling = (path: string): boolean =>
  stat(path) === undefined && lstatSync(path, { throwIfNoEntry: false }) !== undefined

/**
 * The path of a database by the file's own name. SQLite follows a link before it names what lies beside the file: whoever looks for
 * that, or puts another file in the place of this one, must do so too.
 */
export const pathOf = (path: string): string => {
  const absolute = resolve(path)
  try {
    return lstatSync(absolute).isSymbolicLink() ? realpathSync(absolute) : absolute
  } catch {
    // It is not there, or nobody may look: whoever opens it is told.
    return absolute
  }
}

/** Whether the permissions allow it. The superuser may do anything, but a file marked read-only is meant so. */
export const may = (path: string, action: "read" | "write"): boolean => {
  try {
    accessSync(path, action === "read" ? constants.R_OK : constants.W_OK)
    return (statSync(path).mode & (action === "read" ? 0o444 : 0o222)) !== 0
  } catch {
    return false
  }
}

/** The first bytes of a file; fewer where it is shorter. */
export const firstBytes = (filename: string, length: number): Buffer => {
  const bytes = Buffer.alloc(length)
  const descriptor = openSync(filename, "r")
  try {
    return bytes.subarray(0, readSync(descriptor, bytes, 0, length, 0))
  } finally {
    closeSync(descriptor)
  }
}

/** The number that `WriteAheadLog.ts` keeps in the file's header, as the file has it without its write-ahead log. */
export const markOf = (filename: string): number => firstBytes(filename, headerLength).readUInt32BE(markOffset)

/** What is wrong with the file at this path, as far as the file system and its first bytes tell. */
export const problemOf = (filename: string, writes: boolean): Problem | undefined => {
  const stats = statSync(filename)
  if (!stats.isFile()) return "notAFile"
  if (!may(filename, "read")) return "noAccess"
  if (writes && !(may(filename, "write") && may(dirname(filename), "write"))) return "readOnly"
  if (stats.size === 0) return "empty"
  const header = firstBytes(filename, headerLength)
  if (header.length < headerLength || header.toString("latin1", 0, magic.length) !== magic) return "notADatabase"
  return header.readUInt32BE(applicationIdOffset) === applicationId ? undefined : "foreign"
}
