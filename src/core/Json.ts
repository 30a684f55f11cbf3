/** `Json` tells where a value would not come back from JSON as it went in, and writes what would in one form only. */

/** How deep a value may nest, in levels. JSON and schemas recurse; the stack is not theirs to exhaust. */
export const maxDepth = 256

export interface Misfit {
  /** As `lines.0.amount`; empty when it is the whole value. */
  readonly path: string
  readonly reason: string
}

/**
 * The first place where a value would not come back as it went in (NaN becomes null, undefined and a Date change, a bigint
 * throws), or undefined when all would. -0 comes back as 0, which equals it.
 */
export const misfit = (value: unknown, path = "", depth = 0): Misfit | undefined => {
  if (value === null || typeof value === "string" || typeof value === "boolean") return undefined
  if (typeof value === "number") return Number.isFinite(value) ? undefined : { path, reason: `${value} is not JSON` }
  if (typeof value !== "object") return { path, reason: `${typeof value} is not JSON` }
  if (depth === maxDepth) return { path, reason: `nests deeper than ${maxDepth} levels` }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null) {
    return { path, reason: "only plain objects are JSON" }
  }
  for (const [key, child] of Object.entries(value)) {
    // An absent optional field and an undefined one are stored alike, as absent.
    if (child === undefined && !Array.isArray(value)) continue
    const found = misfit(child, path === "" ? key : `${path}.${key}`, depth + 1)
    if (found !== undefined) return found
  }
  return undefined
}

const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== "object" || value === null) return value
  const entries = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1))
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]))
}

/** The same text for values that differ only in the order of keys. Of a value that fits; see `misfit`. */
export const canonical = (value: unknown): string => JSON.stringify(sorted(value))
