/**
 * `StateTree` compares two values of JSON, such as two states in their stored form, and says where they differ: by
 * path, with what was there before and after. Numbers, and texts that are decimal numbers, are subtracted exactly.
 */
import * as Json from "./Json.ts"

/** A difference. `before` is missing where there was nothing, `after` where there is nothing any more. */
export interface Change {
  /** As `lines.0.amount`; empty where it is the whole value. */
  readonly path: string
  readonly before?: unknown
  readonly after?: unknown
}

export interface Changes {
  readonly changes: ReadonlyArray<Change>
  /** How many there are beyond those. */
  readonly more: number
}

/** Most differences of one comparison that are told. */
export const maxChanges = 100

const keysOf = (value: unknown): ReadonlyArray<string> | undefined =>
  Array.isArray(value) ? [...value.keys()].map(String) : Json.isPlainObject(value) ? Object.keys(value) : undefined

const at = (value: unknown, key: string): unknown =>
  Object.hasOwn(value as object, key) ? (value as Record<string, unknown>)[key] : undefined

/**
 * Where the second value differs from the first, in the order of its fields; a part that is new or gone is one
 * difference.
 */
export const compare = (before: unknown, after: unknown, most = maxChanges): Changes => {
  const changes: Array<Change> = []
  let found = 0
  const add = (change: Change) => {
    if (++found <= most) changes.push(change)
  }
  const visit = (left: unknown, right: unknown, path: string): void => {
    if (Object.is(left, right)) return
    const [leftKeys, rightKeys] = [keysOf(left), keysOf(right)]
    if (leftKeys === undefined || rightKeys === undefined || Array.isArray(left) !== Array.isArray(right)) {
      add({ path, ...(left !== undefined && { before: left }), ...(right !== undefined && { after: right }) })
      return
    }
    for (const key of new Set([...leftKeys, ...rightKeys])) {
      visit(at(left, key), at(right, key), path === "" ? key : `${path}.${key}`)
    }
  }
  visit(before, after, "")
  return { changes, more: Math.max(found - most, 0) }
}

/** What stands at a path, as `compare` writes them; a key may hold dots itself. Undefined where nothing does. */
export const valueAt = (value: unknown, path: string): unknown => {
  if (path === "") return value
  if (typeof value !== "object" || value === null) return undefined
  if (Object.hasOwn(value, path)) return at(value, path)
  for (let dot = path.indexOf("."); dot !== -1; dot = path.indexOf(".", dot + 1)) {
    const key = path.slice(0, dot)
    const found = Object.hasOwn(value, key) ? valueAt(at(value, key), path.slice(dot + 1)) : undefined
    if (found !== undefined) return found
  }
  return undefined
}

/** A decimal number of any size. */
interface Decimal {
  readonly digits: bigint
  /** How many of the digits stand behind the point. */
  readonly scale: number
}

/** Longest text that is taken for a number: it costs by the square of it. */
const maxDigits = 400

const decimal = (value: unknown): Decimal | undefined => {
  const text = typeof value === "number" ? String(value) : value
  if (typeof text !== "string" || text.length > maxDigits) return undefined
  const [, whole, fraction = ""] = /^(-?\d+)(?:\.(\d+))?$/.exec(text) ?? []
  return whole === undefined ? undefined : { digits: BigInt(whole + fraction), scale: fraction.length }
}

const format = ({ digits, scale }: Decimal): string => {
  const sign = digits < 0n ? "-" : ""
  const text = (digits < 0n ? -digits : digits).toString().padStart(scale + 1, "0")
  return scale === 0 ? sign + text : `${sign}${text.slice(0, -scale)}.${text.slice(-scale)}`
}

/** `after` less `before`, as decimal text; null where one of them is not a number. Nothing counts as 0. */
export const difference = (before: unknown, after: unknown): string | null => {
  if (before === undefined && after === undefined) return null
  const [left, right] = [before ?? 0, after ?? 0].map(decimal)
  if (left === undefined || right === undefined) return null
  const scale = Math.max(left.scale, right.scale)
  const scaled = ({ digits, scale: own }: Decimal) => digits * 10n ** BigInt(scale - own)
  return format({ digits: scaled(right) - scaled(left), scale })
}
