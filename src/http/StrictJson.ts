/**
 * `StrictJson` reads JSON that means one thing only: `JSON.parse` lets the last of two equal keys win, so that two readers of
 * one body may see two amounts.
 */
import { Either, type ParseResult } from "effect"
import * as SchemaPath from "../core/SchemaPath.ts"

export interface Misfit {
  /** Where, as `lines.0.amount`; empty for the whole. */
  readonly path: string
  readonly reason: string
}

/** How deep a body may nest, in levels; none of the contract's does. What reads it further may recurse. */
const maxDepth = 32

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** The first key that stands twice in one object of a sound JSON text, or the first place that is too deep. */
const misfitIn = (text: string): Misfit | undefined => {
  /** The open objects and arrays: the keys seen, or how many elements; and the name of what is being read. */
  const open: Array<{ readonly keys: Set<string> | undefined; name: string | number }> = []
  const token = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g
  let isKey = false
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const [found] = match
    const inner = open.at(-1)
    if ((found === "{" || found === "[") && open.length === maxDepth) {
      return { path: "", reason: `nests deeper than ${maxDepth} levels` }
    }
    if (found === "{") {
      open.push({ keys: new Set(), name: "" })
      isKey = true
    } else if (found === "[") {
      open.push({ keys: undefined, name: 0 })
      isKey = false
    } else if (found === "}" || found === "]") {
      open.pop()
      isKey = false
    } else if (found === ",") {
      if (typeof inner?.name === "number") inner.name++
      isKey = inner?.keys !== undefined
    } else if (found === ":") isKey = false
    else if (isKey && inner?.keys !== undefined) {
      const key: string = JSON.parse(found)
      inner.name = key
      if (inner.keys.has(key)) return { path: open.map(({ name }) => name).join("."), reason: "stands twice" }
      inner.keys.add(key)
    }
  }
  return undefined
}

const misfit = (reason: string) => Either.left({ path: "", reason })

/** The value of a JSON text in UTF-8. See `parseText`. */
export const parse = (bytes: Uint8Array): Either.Either<unknown, Misfit> => {
  let text: string
  try {
    text = decoder.decode(bytes)
  } catch {
    return misfit("is not UTF-8")
  }
  return parseText(text)
}

/** The value of a JSON text without a byte-order mark and without duplicate keys. */
export const parseText = (text: string): Either.Either<unknown, Misfit> => {
  if (text.startsWith("\ufeff")) return misfit("begins with a byte-order mark")
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return misfit(text.trim() === "" ? "is empty" : "is not JSON")
  }
  const found = misfitIn(text)
  return found === undefined ? Either.right(value) : Either.left(found)
}

/**
 * What a JSON text says by this decoder; left with what is wrong and where. That quotes nothing of what stands there, which may be a
 * secret.
 */
export const decodeText = <A>(
  text: string,
  decode: (value: unknown) => Either.Either<A, ParseResult.ParseError>
): Either.Either<A, string> =>
  parseText(text).pipe(
    Either.mapLeft(({ path, reason }) => [path, reason].filter(Boolean).join(" ")),
    Either.flatMap((value) =>
      Either.mapLeft(decode(value), (error) => `${SchemaPath.of(error) || "the whole"} does not fit`)
    )
  )
