/**
 * `AccessLines` writes the access log to standard error, a line of JSON for each request, in the form of all other
 * lines. They are gathered for a turn of the event loop and written at once, and no request waits for its line.
 *
 * Requests for which nothing was done (the service could not, or the sender may not) have lines while they are few. In
 * an outage clients send more of them than before: the first of each kind are written, and the others are counted and
 * told as one number.
 */
import { setImmediate } from "node:timers"
import { Effect, Layer } from "effect"
import { Flood, type Summary } from "../core/Flood.ts"
import * as AccessLog from "../http/AccessLog.ts"
import * as LogLines from "./LogLines.ts"

/** How many of a kind have a line of their own, and how long until the number of the others is told. */
const flooding = { burst: 5, windowMs: 30_000 }
const lookInterval = "5 seconds"

const lineOf = (message: string, logLevel: "INFO" | "WARN", annotations: object): string =>
  `${JSON.stringify({ message, logLevel, timestamp: new Date().toISOString(), annotations })}\n`

/** Whether the request was answered without anything being done for it. One client can send any number of these. */
const isVain = ({ refused, route, status }: AccessLog.Line): boolean =>
  status >= 500 || status === 429 || refused !== null || route === "none"

const make = Effect.gen(function* () {
  const flood = new Flood(flooding)
  let gathered = ""
  let count = 0
  const flush = () => {
    const text = gathered
    const lines = count
    gathered = ""
    count = 0
    if (lines > 0) LogLines.write(text, lines)
  }
  const write = (line: string) => {
    if (count === 0) setImmediate(flush)
    gathered += line
    count++
  }
  const tell = (sums: ReadonlyArray<Summary>) => {
    for (const { count, kind, seconds } of sums) {
      write(lineOf("more requests of one kind have no line of their own", "WARN", { kind, count, seconds }))
    }
  }
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      tell(flood.rest(performance.now()))
      flush()
    })
  )
  const look = Effect.sync(() => tell(flood.due(performance.now())))
  yield* Effect.forkScoped(Effect.forever(Effect.delay(look, lookInterval)))
  return (line: AccessLog.Line): void => {
    const kind = `${line.method} ${line.route} ${line.status}`
    if (isVain(line) && flood.note(kind, "", performance.now()) !== undefined) return
    write(lineOf("request", "INFO", line))
  }
})

export const layer: Layer.Layer<never> = Layer.scoped(AccessLog.AccessLog, make)
