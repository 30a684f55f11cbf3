/** `Output` writes what a verb has to say: results to standard output, progress to standard error. */
import { once } from "node:events"
import { createWriteStream, type WriteStream } from "node:fs"
import process from "node:process"
import * as Options from "@effect/cli/Options"
import { Clock, Effect, type Scope } from "effect"
import type { RebuildProgress } from "../projection/Projections.ts"
import type { Progress } from "./Lines.ts"
import { UsageError } from "./UsageError.ts"

export const jsonOption = Options.boolean("json").pipe(Options.withDescription("machine-readable output on stdout"))

export const line = (text: string): Effect.Effect<void> => write(process.stdout, `${text}\n`)

/** The result of a verb: one line of JSON, or lines for people. */
export const result = (json: boolean, value: object, text: ReadonlyArray<string>): Effect.Effect<void> =>
  json ? line(JSON.stringify(value)) : line(text.join("\n"))

/** Writes, and waits until the reader has taken it. */
export const write = (stream: NodeJS.WritableStream, text: string): Effect.Effect<void> =>
  Effect.suspend(() => (stream.write(text) ? Effect.void : Effect.promise(() => once(stream, "drain"))))

/** A new file to write to. Fails when there is one already. */
export const newFile = (path: string): Effect.Effect<WriteStream, UsageError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: async () => {
        const stream = createWriteStream(path, { flags: "wx" })
        await once(stream, "open")
        return stream
      },
      catch: (error) => new UsageError({ reason: `${path} cannot be written: ${(error as Error).message}` })
    }),
    (stream) => Effect.async<void>((resume) => void stream.end(() => resume(Effect.void)))
  )

const barWidth = 30

/** Keeps a line on a terminal up to date, twice a second, while the effect runs; writes nothing where there is no terminal. */
export const withStatusLine = <A, E, R, E2, R2>(
  text: Effect.Effect<string, E2, R2>,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R | R2> => {
  if (!process.stderr.isTTY) return effect
  return Effect.gen(function* () {
    const draw = Effect.map(text, (line) => process.stderr.write(`\r\u001b[K${line}`))
    yield* Effect.forkScoped(Effect.forever(Effect.zipRight(Effect.ignore(draw), Effect.sleep("500 millis"))))
    yield* Effect.addFinalizer(() => Effect.sync(() => process.stderr.write("\r\u001b[K")))
    return yield* effect
  }).pipe(Effect.scoped)
}

const bar = (share: number): string => {
  const filled = Math.round(share * barWidth)
  return `[${"#".repeat(filled)}${" ".repeat(barWidth - filled)}] ${Math.floor(share * 100)} %`
}

/** A bar of the bytes that were read, while the effect runs. */
export const withProgress = <A, E, R>(
  progress: Progress,
  rows: () => number,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.flatMap(Clock.currentTimeMillis, (start) => {
    const text = Effect.map(Clock.currentTimeMillis, (now) => {
      const rate = Math.round(rows() / Math.max((now - start) / 1_000, 0.001))
      const share = progress.total ? `${bar(Math.min(1, progress.bytes / progress.total))} ` : ""
      return `${share}${rows()} rows, ${rate}/s`
    })
    return withStatusLine(text, effect)
  })

/** A length of time for people: `45 s`, `12 min`. */
export const seconds = (value: number): string =>
  value < 120 ? `${value < 10 ? value.toFixed(1) : Math.round(value)} s` : `${Math.round(value / 60)} min`

/** How far a rebuild has come: share, events a second, and the time left. */
export const rebuildProgress = ({ eventsPerSecond, position, secondsLeft, target }: RebuildProgress): string =>
  `${bar(target === 0 ? 1 : Math.min(1, position / target))} ${Math.round(eventsPerSecond)} events/s, ${
    secondsLeft === null ? "time left not known yet" : `${seconds(secondsLeft)} left`
  }`
