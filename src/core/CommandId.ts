/** Ids of commands. What else makes a retry the same command is in `CommandIdentity.ts`. */
import * as Platform from "./Platform.ts"

/**
 * Longest command id, in UTF-16 code units; as long as an `Idempotency-Key` may be. Those that Daybook makes for itself
 * begin with U+0001, name the stream they come from, and may be as long as `maxOwnLength`.
 */
export const maxLength = 255
export const maxOwnLength = 1_024

/** Whether Daybook made it from an event, as reactions do. A client's or an imported one may not begin so. */
export const isDerived = (id: string): boolean => id.startsWith("\u0001")

/** Whether it is short enough in characters, and not empty. What else a store requires of it is in `StoredText.ts`. */
export const fits = (id: string): boolean => id !== "" && id.length <= (isDerived(id) ? maxOwnLength : maxLength)

/** Random bytes, drawn many at a time, of which each id takes 10. */
const random = new Uint8Array(10 * 256)
let offset = random.length

/**
 * The text of the last id, overwritten by the next one: joined strings would have to be flattened when the id is first
 * read, which costs as much again.
 */
const text = Platform.toAscii("00000000-0000-7000-8000-000000000000")
const digits = Platform.toAscii("0123456789abcdef")
/** Where each byte of an id has its two digits. */
const places = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34]
const write = (index: number, byte: number): void => {
  const place = places[index] as number
  text[place] = digits[byte >> 4] as number
  text[place + 1] = digits[byte & 0x0f] as number
}

/** The time of the last id. */
let written = 0
const writeTime = (now: number): void => {
  written = now
  for (let index = 5, rest = now; index >= 0; index--, rest = Math.floor(rest / 256)) write(index, rest % 256)
}

/**
 * A new id: a UUID of version 7 (RFC 9562), whose first 48 bits are the milliseconds since 1970. Ids that rise with
 * time keep the inserts into the index of command ids at its end.
 */
export const make = (): string => {
  if (offset === random.length) {
    crypto.getRandomValues(random)
    offset = 0
  }
  const now = Date.now()
  if (now !== written) writeTime(now)
  // The version stands in the upper half of byte 6, the variant in the upper two bits of byte 8.
  for (let index = 6; index < 16; index++) {
    const byte = random[offset++] as number
    write(index, index === 6 ? 0x70 | (byte & 0x0f) : index === 8 ? 0x80 | (byte & 0x3f) : byte)
  }
  return Platform.fromAscii(text)
}
