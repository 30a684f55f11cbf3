/**
 * `TableNames` gives the tables and views of read models names that every database takes whole, whatever the projection
 * calls them. PostgreSQL cuts a name after 63 bytes, so that two generations of a table, or two indexes of one, would
 * have one name.
 */
import { Buffer } from "node:buffer"
import { hash } from "node:crypto"

/** The tables of one generation, by the names that the projection gave them. */
export type Tables<T extends string> = { readonly [K in T]: string }

const maxBytes = 63
/** So that an index named after its table still has a name of its own: `TABLE_by_something`. */
const maxTableBytes = 42
const digestDigits = 8

/** Fit to be used without quotes in SQLite and in PostgreSQL, which both leave letters beyond ASCII as they are. */
const pattern = /^[a-z\p{Ll}\p{Lo}\p{Lm}][a-z0-9_\p{Ll}\p{Lo}\p{Lm}\p{M}\p{Nd}]*$/u

/** What a projection or a table may be called, for the error that says so. */
export const rule = `small letters, digits and _, at most ${maxBytes} bytes, the first a letter`

export const isName = (name: string): boolean =>
  pattern.test(name) && Buffer.byteLength(name) <= maxBytes && name.normalize("NFC") === name

/**
 * The name with the suffix. One that is too long is cut, and told from others that begin so by a digest of the whole.
 */
const fitted = (name: string, suffix: string, most: number): string => {
  if (Buffer.byteLength(name + suffix) <= most) return name + suffix
  const end = `_${hash("sha256", name).slice(0, digestDigits)}${suffix}`
  let kept = ""
  for (const character of name) {
    if (Buffer.byteLength(kept + character + end) > most) break
    kept += character
  }
  return kept + end
}

const suffixOf = (version: number, generation: number): string => `_v${version}_g${generation}`

/** The names of the tables of one generation. */
export const ofGeneration = <T extends string>(
  { tables, version }: { readonly tables: ReadonlyArray<T>; readonly version: number },
  generation: number
): Tables<T> => {
  const suffix = suffixOf(version, generation)
  return Object.fromEntries(tables.map((table) => [table, fitted(table, suffix, maxTableBytes)])) as Tables<T>
}

/** The view that has the position of the model that serves. */
export const checkpointOf = (projection: string): string => fitted(projection, "_checkpoint", maxBytes)

/**
 * As the database keeps them: the declared names alone where the others follow from them by the rule of every release.
 */
export const stored = (tables: Tables<string>, version: number, generation: number): string => {
  const suffix = suffixOf(version, generation)
  const isPlain = Object.entries(tables).every(([name, table]) => table === name + suffix)
  return JSON.stringify(isPlain ? Object.keys(tables) : tables)
}

/** The names that the projection gave the tables, which are those of its views. */
export const declared = (text: string): ReadonlyArray<string> => {
  const kept: ReadonlyArray<string> | Tables<string> = JSON.parse(text)
  return Array.isArray(kept) ? kept : Object.keys(kept)
}

export const parse = (text: string, version: number, generation: number): Tables<string> => {
  const kept: ReadonlyArray<string> | Tables<string> = JSON.parse(text)
  const suffix = suffixOf(version, generation)
  return Array.isArray(kept) ? Object.fromEntries(kept.map((name) => [name, name + suffix])) : (kept as Tables<string>)
}
