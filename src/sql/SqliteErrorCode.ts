/** `SqliteErrorCode` is how an error of SQLite's drivers says what happened: by its code, whatever its message is. */
import { Predicate } from "effect"
import { innermost } from "./SqlDatabase.ts"

/** The code of the innermost cause; empty where it has none. */
export const codeOf = (error: unknown): string => {
  const cause = innermost(error)
  return Predicate.hasProperty(cause, "code") ? String(cause.code) : ""
}
