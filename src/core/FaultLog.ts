/**
 * `FaultLog` logs what may be logged about an error: its kind and where it arose, never its message. The messages of
 * schemas and parsers quote what they were given, and those of a decision may, so owners and amounts would end up in
 * the log.
 */
import { Cause, Effect, type LogLevel, ParseResult, Predicate } from "effect"
import * as ActorError from "./ActorError.ts"
import * as EventError from "./EventError.ts"
import * as Reason from "./Reason.ts"
import * as SchemaPath from "./SchemaPath.ts"
import * as StoreError from "./StoreError.ts"
import * as StoreFault from "./StoreFault.ts"

/**
 * Errors whose messages are made of ids, places and numbers of versions; that of a driver says what happened to the
 * database.
 */
const discreet = [...Object.values(ActorError), ...Object.values(EventError), ...Object.values(StoreError)].filter(
  // Its message is that of its cause, whatever that is.
  (type) => type !== ActorError.RecoveryFailed
)

/** Places in the code, the innermost first. */
const framesOf = (error: Error): ReadonlyArray<string> =>
  (error.stack ?? "")
    .split("\n")
    .filter((line) => /^\s+at /.test(line))
    .slice(0, 8)
    .map((line) => line.trim())

/** What a driver names with its error: codes, and names of its own making, where the message may quote a row. */
const namesOf = (error: object): string => {
  const isOfServer = Predicate.hasProperty(error, "severity")
  return ["code", "constraint", "table", "column"]
    .flatMap((key) => {
      const value = Predicate.hasProperty(error, key) ? error[key] : undefined
      const isName = isOfServer || (key === "code" && /^(?:SQLITE_|ERR_|E[A-Z]+$)/.test(String(value)))
      return typeof value === "string" && isName ? [`${key} ${value}`] : []
    })
    .join(", ")
}

const ofOne = (error: unknown): string => {
  if (ParseResult.isParseError(error)) return `ParseError at ${SchemaPath.of(error) || "the whole value"}`
  if (typeof error !== "object" || error === null) return typeof error
  if (error instanceof Error && discreet.some((type) => error instanceof type)) return `${error.name}: ${error.message}`
  const names = namesOf(error)
  const kind = names === "" ? Reason.kindOf(error) : `${Reason.kindOf(error)} (${names})`
  return [kind, ...(error instanceof Error ? framesOf(error) : [])].join("\n    ")
}

/** The kind of an error and of what caused it, as one text for a log. */
const ofAll = (error: unknown): string => Reason.chain(error).map(ofOne).join(", because of ") || typeof error

const errorsOf = (cause: Cause.Cause<unknown>): ReadonlyArray<unknown> => [
  ...Cause.failures(cause),
  ...Cause.defects(cause)
]

/** The kinds of errors alone: as many as the code has, whatever the data is. */
export const kindOf = (cause: Cause.Cause<unknown>): string =>
  errorsOf(cause)
    .flatMap((error) => Reason.chain(error).map((link) => StoreFault.of(link) ?? Reason.kindOf(link)))
    .join(" < ")

/** Where in the log it is, as far as one of the errors says: `streamId`, `version`, `position`, `type`. */
export const placeOf = (cause: Cause.Cause<unknown>): Readonly<Record<string, string | number>> => {
  const place: Record<string, string | number> = {}
  for (const error of errorsOf(cause).flatMap(Reason.chain)) {
    // Those of user code may hold anything under these names.
    if (!discreet.some((type) => error instanceof type)) continue
    for (const key of ["streamId", "version", "position", "type"]) {
      const value = Predicate.hasProperty(error, key) ? error[key] : undefined
      if (typeof value === "string" || typeof value === "number") place[key] ??= value
    }
  }
  return place
}

/** As one text, for a log. */
export const describe = (cause: Cause.Cause<unknown>): string => {
  const errors = errorsOf(cause)
  return errors.length === 0 ? "an interruption" : errors.map(ofAll).join("\nand ")
}

/** Logs what went wrong. A logger that throws does not end the fiber that reports. */
export const report = (
  level: LogLevel.LogLevel,
  message: string,
  annotations: Readonly<Record<string, unknown>>,
  cause?: Cause.Cause<unknown>
): Effect.Effect<void> =>
  Effect.logWithLevel(level, message).pipe(
    Effect.annotateLogs({
      ...(cause !== undefined && { ...placeOf(cause), fault: describe(cause) }),
      ...annotations
    }),
    Effect.catchAllCause(() => Effect.void)
  )
