/**
 * `Reason` is why something failed, with all that led to it: what user code threw, what it wrapped, and what the
 * database said. `describe` keeps it whole, for the operator; it may quote what is stored, so it never goes into a log,
 * where `FaultLog` names the kinds of the same errors.
 */
import { Cause, Chunk, ParseResult, Predicate } from "effect"

/** Most errors of one failure that are told, and characters of all. */
const maxLinks = 16
const maxCharacters = 4_000

/** Those within it, where it stands for others. */
const within = (error: unknown): ReadonlyArray<unknown> => {
  if (Cause.isCause(error)) return [...Chunk.toReadonlyArray(Cause.failures(error)), ...Cause.defects(error)]
  if (error instanceof AggregateError) return error.errors
  return []
}

/** The error and what caused it, the outermost first. Ends where causes go round in a circle. */
export const chain = (error: unknown): ReadonlyArray<unknown> => {
  const met = new Set<unknown>()
  const visit = (link: unknown): void => {
    if (met.size >= maxLinks || met.has(link) || link === undefined || link === null) return
    if (!Cause.isCause(link)) met.add(link)
    for (const each of within(link)) visit(each)
    if (Predicate.hasProperty(link, "cause")) visit(link.cause)
  }
  visit(error)
  return [...met]
}

/** Its tag, or the name of its class. */
export const kindOf = (error: unknown): string => {
  if (Predicate.hasProperty(error, "_tag") && typeof error._tag === "string") return error._tag
  return error instanceof Error ? error.name : typeof error
}

/** Already said by the kind, the message or the causes, or of use only to the makers of the database. */
const known = new Set([
  "_tag",
  "name",
  "message",
  "stack",
  "cause",
  "errors",
  "length",
  "severity",
  "file",
  "line",
  "routine"
])

const textOf = (value: unknown): string => {
  if (typeof value !== "object" || value === null) return String(value)
  const seen = new Set<unknown>()
  try {
    return JSON.stringify(value, (_, inner) => {
      if (typeof inner === "bigint") return String(inner)
      if (typeof inner !== "object" || inner === null) return inner
      if (seen.has(inner)) return "…"
      seen.add(inner)
      return inner
    })
  } catch {
    // Its own way to JSON fails.
    return Object.prototype.toString.call(value)
  }
}

/** What it says of itself beside its message, such as the code, detail and hint of a database. */
const fieldsOf = (error: object): string =>
  Object.entries(error)
    .flatMap(([key, value]) => (known.has(key) || value === undefined ? [] : [`${key}: ${textOf(value)}`]))
    .join("; ")

const linkText = (error: unknown): string => {
  if (typeof error !== "object" || error === null) return textOf(error)
  if (ParseResult.isParseError(error)) return error.message
  const kind = kindOf(error)
  const message = Predicate.hasProperty(error, "message") && typeof error.message === "string" ? error.message : ""
  const title = kind === "Error" || kind === "error" ? message || kind : message === "" ? kind : `${kind}: ${message}`
  // A message that the class makes has the fields in it.
  const isMade = message !== "" && error instanceof Error && !Object.hasOwn(error, "message")
  const fields = isMade ? "" : fieldsOf(error)
  return fields === "" ? title : `${title} (${fields})`
}

/** All of it as one text. What a cause says appears once, even where the error that it led to repeats it. */
export const describe = (error: unknown): string => {
  const texts: Array<string> = []
  for (const text of chain(error).map(linkText)) {
    if (!texts.some((told) => told.includes(text))) texts.push(text)
  }
  return (texts.join("; because of ") || String(error)).slice(0, maxCharacters)
}
