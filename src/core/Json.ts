/**
 * `Json` finds where a value would not come back from JSON as it went in, and writes values that would in one canonical
 * form.
 */

/** How deep a value may nest, in levels. JSON and schemas recurse; the stack is not theirs to exhaust. */
export const maxDepth = 256

export interface Misfit {
  /** As `lines.0.amount`; empty when it is the whole value. */
  readonly path: string
  readonly reason: string
}

/** An object whose keys say all of it: not a Date, a Map, or an instance of a class. */
export const isPlainObject = (value: unknown): value is Record<string, unknown> => {
  if (typeof value !== "object" || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** Codecs for classes that people often try to store, by the class's name. `Storable.ts` says the same in types. */
const codecs: ReadonlyMap<string, string> = new Map([
  ["Date", "Schema.Date"],
  ["Map", "Schema.Map"],
  ["Set", "Schema.Set"],
  ["Uint8Array", "Schema.Uint8ArrayFromBase64"]
])

const ofClass = (value: object): string => {
  const name = value.constructor?.name ?? ""
  const codec = codecs.get(name)
  return codec === undefined ? "only plain objects are JSON" : `${name} is not JSON; give it a codec, such as ${codec}`
}

/**
 * The first place where a value would not come back as it went in (NaN becomes null, undefined in a list too, a Date
 * changes, a bigint throws), or undefined when all would. -0 comes back as 0, and a key whose value is undefined not at
 * all.
 */
export const misfit = (value: unknown, path = "", depth = 0): Misfit | undefined => {
  if (value === null || typeof value === "string" || typeof value === "boolean") return undefined
  if (typeof value === "number") return Number.isFinite(value) ? undefined : { path, reason: `${value} is not JSON` }
  if (typeof value === "bigint") return { path, reason: "bigint is not JSON; give it a codec, such as Schema.BigInt" }
  if (typeof value !== "object") return { path, reason: `${typeof value} is not JSON` }
  if (depth === maxDepth) return { path, reason: `nests deeper than ${maxDepth} levels` }
  const at = (key: string | number): string => (path === "" ? String(key) : `${path}.${key}`)
  if (Array.isArray(value)) {
    // By number: a hole has no key, and comes back as null.
    for (let index = 0; index < value.length; index++) {
      const found = misfit(value[index], at(index), depth + 1)
      if (found !== undefined) return found
    }
    return undefined
  }
  if (!isPlainObject(value)) return { path, reason: ofClass(value) }
  for (const [key, child] of Object.entries(value)) {
    // An absent optional field and an undefined one are stored alike, as absent.
    const found = child === undefined ? undefined : misfit(child, at(key), depth + 1)
    if (found !== undefined) return found
  }
  return undefined
}

/** The same text for values that differ only in the order of keys, at any depth. For values that fit; see `misfit`. */
export const canonical = (value: unknown): string => {
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`
  let text = ""
  for (const key of Object.keys(value).sort()) {
    const inner = (value as Record<string, unknown>)[key]
    if (inner !== undefined) text += `${text === "" ? "" : ","}${JSON.stringify(key)}:${canonical(inner)}`
  }
  return `{${text}}`
}
