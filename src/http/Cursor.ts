/**
 * `Cursor` marks the place where a page ended with the log that it is of, so that any node and the next process take
 * it, and a cursor that was cut, changed, or comes from another log is refused. The mark finds mistakes, it does not
 * guard a secret: a cursor shows its holder nothing that the listing would not.
 */
import { Buffer } from "node:buffer"
import { createHmac } from "node:crypto"
import { Either } from "effect"
import { Problem } from "./Problem.ts"

const markOf = (logId: string, place: string) =>
  createHmac("sha256", `daybook cursor ${logId}`).update(place).digest().subarray(0, 16).toString("base64url")

/** `place` is text in base64url. */
export const sign = (logId: string, place: string): string => `${place}.${markOf(logId, place)}`

/** The place of a cursor of this log. */
export const open = (logId: string, cursor: string): Either.Either<string, Problem<"invalid-cursor">> => {
  const [place = "", mark, ...rest] = cursor.split(".")
  return rest.length === 0 && mark === markOf(logId, place) && Buffer.from(place, "base64url").length > 0
    ? Either.right(place)
    : Either.left(new Problem("invalid-cursor"))
}
