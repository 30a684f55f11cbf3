/**
 * `LogOutput` writes the log to standard error: as lines of JSON for a collector, or as lines for people, which is the
 * default on a terminal. A flood of lines of one kind is counted and summed up.
 */
import process from "node:process"
import { Cause, Effect, HashMap, Layer, Logger, type LogLevel } from "effect"
import * as FaultLog from "../core/FaultLog.ts"
import { Flood, type Summary } from "../core/Flood.ts"
import * as LogLines from "./LogLines.ts"
import * as Screen from "./Screen.ts"
import * as Text from "./Text.ts"

export const formats = ["pretty", "json"] as const
export type Format = (typeof formats)[number]

/** How many of a kind are told one by one, and how long until their sum is. */
const flooding = { burst: 10, windowMs: 30_000 }
const lookInterval = "5 seconds"

/** The message of a sum, which is not counted itself. */
const summed = "more lines of one kind were not written"
/**
 * What could not be written, since the start: the number is told again when it has grown, so that none is lost with its
 * line.
 */
const lostLines = "lines of the log could not be written"

const textOf = (value: unknown): string =>
  typeof value === "string"
    ? value
    : (JSON.stringify(value, (_, inner) => (typeof inner === "bigint" ? String(inner) : inner)) ?? String(value))

const messageOf = ({ message }: Logger.Logger.Options<unknown>): string => [message].flat().map(textOf).join(" ")

const colors: Readonly<Record<LogLevel.LogLevel["_tag"], string>> = {
  Fatal: "31;1",
  Error: "31",
  Warning: "33",
  Info: "36",
  Debug: "2",
  Trace: "2",
  All: "0",
  None: "0"
}

/** A line for people: time, level, message, and what is known besides; what has lines of its own stands below. */
export const pretty = (options: Logger.Logger.Options<unknown>, isColored: boolean): string => {
  const { annotations, cause, date, logLevel } = options
  const label = logLevel.label.padEnd(5)
  const level = isColored ? `\u001b[${colors[logLevel._tag]}m${label}\u001b[0m` : label
  const fields: Array<string> = []
  const below: Array<string> = Cause.isEmpty(cause) ? [] : [FaultLog.describe(cause)]
  for (const [key, value] of HashMap.toEntries(annotations).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const text = textOf(value)
    if (text.includes("\n")) below.push(`${key}: ${text}`)
    else fields.push(`${key}=${/^[\w.:/+-]+$/.test(text) ? text : JSON.stringify(text)}`)
  }
  const line = [date.toISOString().slice(11, 23), level, ...[messageOf(options), ...fields].map(Text.visible)].join(" ")
  return [line, ...below.flatMap((text) => text.split("\n")).map((text) => `    ${Text.visible(text)}`)].join("\n")
}

const json = (options: Logger.Logger.Options<unknown>): string => Text.visibleJson(Logger.jsonLogger.log(options))

/** The logger in place of Effect's own. `noColor` is the variable `NO_COLOR`. */
export const layer = (format: Format | undefined, noColor: string | undefined): Layer.Layer<never> => {
  const chosen = format ?? (Screen.isTerminal(process.stderr) ? "pretty" : "json")
  const isColored = Screen.hasColor(process.stderr, noColor)
  const flood = new Flood(flooding)
  const logger = Logger.make<unknown, void>((options) => {
    const message = messageOf(options)
    const kind = `${options.logLevel.label} ${message}`
    const isOfFlood = message !== summed && message !== lostLines
    if (isOfFlood && flood.note(kind, "", performance.now()) !== undefined) return
    LogLines.write(`${chosen === "json" ? json(options) : pretty(options, isColored)}\n`, 1)
  })
  const tell = (sums: ReadonlyArray<Summary>) =>
    Effect.forEach(sums, ({ count, kind, seconds }) =>
      Effect.annotateLogs(Effect.logWarning(summed), { kind, count, seconds })
    )
  let lost = 0
  const tellLost = Effect.suspend(() => {
    const known = lost
    lost = LogLines.lost()
    return lost === known ? Effect.void : Effect.annotateLogs(Effect.logWarning(lostLines), { lines: lost })
  })
  const look = Effect.suspend(() => Effect.zipRight(tell(flood.due(performance.now())), tellLost))
  const looking = Layer.scopedDiscard(
    Effect.zipRight(
      Effect.addFinalizer(() => Effect.suspend(() => Effect.zipRight(tell(flood.rest(performance.now())), tellLost))),
      Effect.forkScoped(Effect.forever(Effect.delay(look, lookInterval)))
    )
  )
  return Layer.provideMerge(looking, Logger.replace(Logger.defaultLogger, logger))
}
