/**
 * `Cursor` signs the place where a page ended, so that a client can neither make one up nor change one. The key is made when
 * the process starts: a cursor ends with it, and the listing begins again.
 */
import { Buffer } from "node:buffer"
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto"
import { Either } from "effect"
import { Problem } from "./Problem.ts"

const key = randomBytes(32)
const signatureOf = (place: string) => createHmac("sha256", key).update(place).digest().subarray(0, 16)

/** `place` is text in base64url. */
export const sign = (place: string): string => `${place}.${signatureOf(place).toString("base64url")}`

/** The place that was signed. */
export const open = (cursor: string): Either.Either<string, Problem<"invalid-cursor">> => {
  const [place = "", signature = "", ...rest] = cursor.split(".")
  const given = Buffer.from(signature, "base64url")
  const due = signatureOf(place)
  return rest.length === 0 && given.length === due.length && timingSafeEqual(given, due)
    ? Either.right(place)
    : Either.left(new Problem("invalid-cursor"))
}
