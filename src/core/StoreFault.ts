/**
 * `StoreFault` names what happened to a database, in words that a person can act on, from what its driver reported: the
 * same fault has the same name on every store. It looks at codes alone, so nothing that is stored gets into the name.
 */
import { Predicate } from "effect"
import * as Reason from "./Reason.ts"

/** Each kind, and how it is told to people. */
export const faults = {
  full: "the disk or the database is full",
  locked: "another process holds the lock",
  readOnly: "the database is read only",
  damaged: "the file of the database is damaged",
  busy: "the server has no connection left",
  failing: "the disk cannot be read or written",
  unreachable: "the server cannot be reached"
} as const
export type StoreFault = keyof typeof faults

/** Codes of SQLite, of PostgreSQL (SQLSTATE) and of the system, the first that fits. */
const codes: ReadonlyArray<readonly [StoreFault, RegExp]> = [
  ["full", /^(?:SQLITE_FULL|53100|ENOSPC|EDQUOT|EFBIG)$/],
  ["locked", /^(?:SQLITE_BUSY|SQLITE_LOCKED|55P03)/],
  ["readOnly", /^(?:SQLITE_READONLY|25006|EROFS)/],
  ["damaged", /^(?:SQLITE_CORRUPT|SQLITE_NOTADB|XX00[12])/],
  ["busy", /^53[0-9]{3}$/],
  ["failing", /^(?:SQLITE_IOERR|SQLITE_CANTOPEN|58[0-9A-Z]{3}|EIO$)/],
  ["unreachable", /^(?:08[0-9A-Z]{3}|57P0[1-3]|ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|ENOTFOUND|EAI_)/]
]

/** What happened to the database, where the error or a cause of it says so. */
export const of = (error: unknown): StoreFault | undefined => {
  for (const each of Reason.chain(error)) {
    const code = Predicate.hasProperty(each, "code") ? String(each.code) : ""
    const found = codes.find(([, pattern]) => pattern.test(code))
    if (found !== undefined) return found[0]
  }
  return undefined
}

/** The same in words; without a name, what the error says itself. */
export const describe = (error: unknown): string => {
  const fault = of(error)
  return fault === undefined ? (error instanceof Error ? error.message : String(error)) : faults[fault]
}
