/**
 * `OwnTables` tells Daybook's tables from others in a database that it shares: whether they are there under the prefix,
 * whether the names they would take are free, and whether there is a log already under another prefix. One file or
 * schema has one log: a mistyped prefix would otherwise begin a second, empty one beside the first.
 */
import type { Problem } from "./DatabaseError.ts"
import type { Dialect } from "./SqlDatabase.ts"
import * as TablePrefix from "./TablePrefix.ts"

/** Why the database is refused, and the names that say so. */
export interface Refusal {
  readonly problem: Problem
  readonly detail: string
}

/** Tables that every release makes. An application may have one or the other of these names, but not all of them. */
const mark = "projection_dead_letters"
const marks = [TablePrefix.migrationsTable, "snapshots", "projections", "projection_models", "projection_skips"]

/** What stands before the names of each log in it. */
export const prefixesIn = (names: ReadonlySet<string>): ReadonlyArray<string> =>
  [...names]
    .filter((name) => name.endsWith(mark))
    .map((name) => name.slice(0, -mark.length))
    .filter((prefix) => marks.every((name) => names.has(prefix + name)))

/** How many names are listed; there may be as many as tables. */
const maxTold = 5

/**
 * Whether the tables are there, where all that has a name in the database is this; or why it is not to be used.
 * `creates`: they may be made where they are missing.
 */
export const find = (
  names: ReadonlySet<string>,
  { names: own, prefix }: Pick<Dialect, "names" | "prefix">,
  creates: boolean
): boolean | Refusal => {
  const prefixes = prefixesIn(names)
  if (prefixes.includes(prefix)) return true
  const [other] = prefixes
  if (other !== undefined) {
    return { problem: "otherPrefix", detail: other === "" ? "its names have no prefix" : `the prefix is ${other}` }
  }
  const taken = [...own].map((name) => prefix + name).filter((name) => names.has(name))
  if (taken.length > 0) return { problem: "taken", detail: taken.slice(0, maxTold).join(", ") }
  return creates ? false : { problem: "noTables", detail: prefix === "" ? "without a prefix" : `with ${prefix}` }
}
