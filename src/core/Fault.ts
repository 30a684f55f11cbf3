/**
 * `Fault` says of an error what a log may hold: its kind and where it arose, never what it says. The messages of schemas and
 * parsers quote what they were given, and those of a decision may, so that owners and amounts would stand in the log.
 */
import { Cause, Chunk, Effect, type LogLevel, ParseResult } from "effect"
import * as ActorError from "./ActorError.ts"
import * as EventError from "./EventError.ts"
import * as SchemaPath from "./SchemaPath.ts"
import * as StoreError from "./StoreError.ts"

/** Errors whose messages are made of ids, places and numbers of versions; that of a driver says what befell the database. */
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

const ofOne = (error: unknown): string => {
  if (ParseResult.isParseError(error)) return `ParseError at ${SchemaPath.of(error) || "the whole value"}`
  if (!(error instanceof Error)) return typeof error
  if (discreet.some((type) => error instanceof type)) return `${error.name}: ${error.message}${inner(error.cause)}`
  return [error.name, ...framesOf(error)].join("\n    ") + inner(error.cause)
}
const inner = (cause: unknown): string => (cause === undefined ? "" : `, because of ${ofOne(cause)}`)

/** As one text, for a log. */
export const describe = (cause: Cause.Cause<unknown>): string => {
  const errors = [...Cause.failures(cause), ...Chunk.toReadonlyArray(Cause.defects(cause))]
  return errors.length === 0 ? "an interruption" : errors.map(ofOne).join("\nand ")
}

/** Logs what went wrong. A logger that throws ends nobody who has something to report. */
export const report = (
  level: LogLevel.LogLevel,
  message: string,
  annotations: Readonly<Record<string, unknown>>,
  cause?: Cause.Cause<unknown>
): Effect.Effect<void> =>
  Effect.logWithLevel(level, message).pipe(
    Effect.annotateLogs({ ...annotations, ...(cause !== undefined && { fault: describe(cause) }) }),
    Effect.catchAllCause(() => Effect.void)
  )
