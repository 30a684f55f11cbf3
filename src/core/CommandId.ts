/** Ids of commands. What else makes a retry the same command is in `CommandIdentity.ts`. */
import { Buffer } from "node:buffer"
import { randomFillSync } from "node:crypto"

/**
 * Longest command id, in UTF-16 code units; as long as an `Idempotency-Key` may be. Those that Daybook makes for itself begin
 * with U+0001, name the stream they come from, and may be as long as `maxOwnLength`.
 */
export const maxLength = 255
export const maxOwnLength = 1_024

/** Whether Daybook made it from an event, as reactions do. A client's or an imported one may not begin so. */
export const isDerived = (id: string): boolean => id.startsWith("\u0001")

/** Whether it is short enough in characters, and not empty. For what else a store asks of it, see `StoredText.ts`. */
export const fits = (id: string): boolean => id !== "" && id.length <= (isDerived(id) ? maxOwnLength : maxLength)

const random = new Uint8Array(16 * 256)
let offset = random.length

/**
 * A new id: a UUID of version 7 (RFC 9562), whose first 48 bits are the milliseconds since 1970. Ids that rise with time
 * keep the inserts into the index of command ids at its end.
 */
export const make = (): string => {
  if (offset === random.length) {
    randomFillSync(random)
    offset = 0
  }
  const bytes = Buffer.from(random.subarray(offset, offset + 16))
  offset += 16
  bytes.writeUIntBE(Date.now(), 0, 6)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x70
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = bytes.toString("hex")
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
