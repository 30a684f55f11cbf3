/**
 * `Platform` is what the core asks of its runtime beyond the language, on Node and Deno. In a browser
 * `PlatformBrowser.ts` takes its place, as `browser` in `package.json` says, so that a client may import a contract. No
 * other module of the core imports one of Node, which a test keeps.
 */
import { Buffer } from "node:buffer"
import { hash } from "node:crypto"

export { setImmediate } from "node:timers"
export { isDeepStrictEqual } from "node:util"

/** SHA-256 of the text in UTF-8, as 64 hexadecimal digits. */
export const sha256 = (text: string): string => hash("sha256", text)

/** How long the text is in UTF-8. */
export const byteLength = (text: string): number => Buffer.byteLength(text)

/** Which of two texts comes first by their bytes in UTF-8: below 0, 0, or above 0. */
export const compareBytes = (left: string, right: string): number =>
  Buffer.compare(Buffer.from(left), Buffer.from(right))

export const toHex = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex")

/** ASCII text as bytes that may be written over, and back. */
export const toAscii = (text: string): Uint8Array => Buffer.from(text, "latin1")
export const fromAscii = (bytes: Uint8Array): string => Buffer.prototype.toString.call(bytes, "latin1")
