/**
 * `FormerFingerprint` is by what releases before rule 2 of `core/CommandIdentity.ts` knew a request: retries of what
 * they stored are recognized.
 */
import { hash } from "node:crypto"

/**
 * The same whatever the order and the white space of the body's JSON; another for any other value, even of an equal
 * amount.
 */
export const of = (route: string, body: object): string =>
  hash("sha256", JSON.stringify([route, Object.entries(body).sort(([left], [right]) => (left < right ? -1 : 1))]))
