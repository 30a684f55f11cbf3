/**
 * `PlatformBrowser` gives in a browser what `Platform.ts` gives on Node: the same results, from what every browser has.
 * Browsers hash asynchronously alone, so SHA-256 is written out here. A contract hashes when it is made, and not for
 * each command.
 */

const encoder = new TextEncoder()

/** The first 32 bits of the fractional part of a root, as SHA-256 defines its constants. */
const fraction = (root: number): number => ((root - Math.floor(root)) * 2 ** 32) | 0

const primes = ((): ReadonlyArray<number> => {
  const found: Array<number> = []
  for (let n = 2; found.length < 64; n++) if (found.every((prime) => n % prime !== 0)) found.push(n)
  return found
})()
const start = primes.slice(0, 8).map((prime) => fraction(Math.sqrt(prime)))
const rounds = primes.map((prime) => fraction(Math.cbrt(prime)))

const rotated = (word: number, bits: number): number => (word >>> bits) | (word << (32 - bits))

/** The message with a one behind it, zeros, and its length in bits, in whole blocks of 64 bytes. */
const padded = (message: Uint8Array): DataView => {
  const bytes = new Uint8Array(((message.length + 72) >> 6) << 6)
  bytes.set(message)
  bytes[message.length] = 0x80
  const view = new DataView(bytes.buffer)
  view.setUint32(bytes.length - 8, Math.floor(message.length / 2 ** 29))
  view.setUint32(bytes.length - 4, message.length << 3)
  return view
}

/** FIPS 180-4, section 6.2. */
export const sha256 = (text: string): string => {
  const blocks = padded(encoder.encode(text))
  const state = Int32Array.from(start)
  const words = new Int32Array(64)
  const word = (index: number): number => words[index] ?? 0
  for (let offset = 0; offset < blocks.byteLength; offset += 64) {
    for (let t = 0; t < 64; t++) {
      if (t < 16) {
        words[t] = blocks.getInt32(offset + 4 * t)
        continue
      }
      const [early, late] = [word(t - 15), word(t - 2)]
      const first = rotated(early, 7) ^ rotated(early, 18) ^ (early >>> 3)
      const second = rotated(late, 17) ^ rotated(late, 19) ^ (late >>> 10)
      words[t] = word(t - 16) + first + word(t - 7) + second
    }
    let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state
    for (let t = 0; t < 64; t++) {
      const choice = (e & f) ^ (~e & g)
      const one = (h + (rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)) + choice + (rounds[t] ?? 0) + word(t)) | 0
      const two = ((rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0
      ;[h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0]
    }
    const sums = [a, b, c, d, e, f, g, h]
    for (let index = 0; index < 8; index++) state[index] = (state[index] ?? 0) + (sums[index] ?? 0)
  }
  return [...state].map((each) => (each >>> 0).toString(16).padStart(8, "0")).join("")
}

export const byteLength = (text: string): number => encoder.encode(text).length

const compare = (left: Uint8Array, right: Uint8Array): number => {
  const at = left.findIndex((byte, index) => byte !== right[index])
  return at === -1 || at >= right.length ? left.length - right.length : (left[at] ?? 0) - (right[at] ?? 0)
}

export const compareBytes = (left: string, right: string): number =>
  Math.sign(compare(encoder.encode(left), encoder.encode(right)))

export const toHex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")

export const toAscii = (text: string): Uint8Array => encoder.encode(text)
export const fromAscii = (bytes: Uint8Array): string => String.fromCharCode(...bytes)

/** Later, and not before what waits now. */
export const setImmediate = (then: () => void): void => void setTimeout(then, 0)

/** Each of one side has its equal on the other. */
const sameMembers = (left: ReadonlyArray<unknown>, right: ReadonlyArray<unknown>): boolean => {
  const rest = [...right]
  return (
    left.length === right.length &&
    left.every((one) => {
      const at = rest.findIndex((other) => isDeepStrictEqual(one, other))
      if (at !== -1) rest.splice(at, 1)
      return at !== -1
    })
  )
}

/** As `node:util` has it, for values that a schema decodes to: they hold no cycle. */
export const isDeepStrictEqual = (left: unknown, right: unknown): boolean => {
  if (Object.is(left, right)) return true
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) return false
  if (Object.getPrototypeOf(left) !== Object.getPrototypeOf(right)) return false
  if (left instanceof Date && right instanceof Date) return left.getTime() === right.getTime()
  if (left instanceof Uint8Array && right instanceof Uint8Array) return compare(left, right) === 0
  if (left instanceof RegExp || left instanceof URL) return String(left) === String(right)
  if (left instanceof Map && right instanceof Map) return sameMembers([...left], [...right])
  if (left instanceof Set && right instanceof Set) return sameMembers([...left], [...right])
  const keys = Reflect.ownKeys(left)
  return (
    keys.length === Reflect.ownKeys(right).length &&
    keys.every((key) => Object.hasOwn(right, key) && isDeepStrictEqual(Reflect.get(left, key), Reflect.get(right, key)))
  )
}
