/**
 * `AccessLines` writes the access log to standard error, a line of JSON for each request, in the form of all other lines. They are
 * gathered for a turn of the event loop and written at once; where nobody takes them, they are dropped and counted, since no
 * request waits for its line.
 */
import process from "node:process"
import { setImmediate } from "node:timers"
import { Layer } from "effect"
import * as AccessLog from "../http/AccessLog.ts"

/** Characters that wait for the reader of standard error; beyond that lines are dropped. */
const maxWaiting = 1_048_576

const lineOf = (message: string, logLevel: "INFO" | "WARN", annotations: object): string =>
  `${JSON.stringify({ message, logLevel, timestamp: new Date().toISOString(), annotations })}\n`

const make = () => {
  let gathered = ""
  let dropped = 0
  const flush = () => {
    const text = gathered
    gathered = ""
    if (process.stderr.writableLength + text.length > maxWaiting) {
      dropped += text.split("\n").length - 1
      return
    }
    const gap = dropped === 0 ? "" : lineOf("lines of the access log were dropped", "WARN", { lines: dropped })
    dropped = 0
    process.stderr.write(gap + text)
  }
  return (line: AccessLog.Line) => {
    if (gathered === "") setImmediate(flush)
    gathered += lineOf("request", "INFO", line)
  }
}

export const layer: Layer.Layer<never> = Layer.sync(AccessLog.AccessLog, make)
