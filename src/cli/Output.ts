/** `Output` writes what a verb has to say: results to standard output, progress to standard error. */
import { once } from "node:events"
import { existsSync } from "node:fs"
import { open } from "node:fs/promises"
import process from "node:process"
import * as Options from "@effect/cli/Options"
import { Clock, Effect } from "effect"
import type { RebuildProgress } from "../projection/Projections.ts"
import * as AtomicFile from "../sql/AtomicFile.ts"
import type { Progress } from "./Lines.ts"
import { UsageError } from "./UsageError.ts"

export const jsonOption = Options.boolean("json").pipe(Options.withDescription("machine-readable output on stdout"))

export const line = (text: string): Effect.Effect<void> => write(`${text}\n`)

/** Text that somebody else wrote, for a line of output: what could steer a terminal, or turn a line, is shown as `\\u{…}`. */
export const plain = (text: string): string =>
  text.replaceAll(/[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu, (each) => `\\u{${each.codePointAt(0)?.toString(16)}}`)

/** The result of a verb: one line of JSON, or lines for people. */
export const result = (json: boolean, value: object, text: ReadonlyArray<string>): Effect.Effect<void> =>
  json ? line(JSON.stringify(value)) : line(text.join("\n"))

/** Writes to standard output, and waits until the reader has taken it. What ends the output ends the program: see `main`. */
export const write = (text: string): Effect.Effect<void> =>
  Effect.suspend(() => (process.stdout.write(text) ? Effect.void : Effect.promise(() => once(process.stdout, "drain"))))

const isSystemError = (error: unknown): error is NodeJS.ErrnoException => error instanceof Error && "syscall" in error

/** A new file, with all that `fill` writes or not there at all. Fails when there is one already. */
export const newFile = <A, E, R>(
  path: string,
  fill: (write: (text: string) => Effect.Effect<void, UsageError>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | UsageError, R> => {
  const refuse = (why: string) => new UsageError({ reason: `${path} cannot be written: ${why}` })
  const refusal = (error: unknown) =>
    refuse(isSystemError(error) && error.code === "EEXIST" ? "there is one already" : (error as Error).message)
  if (existsSync(path)) return refuse("there is one already")
  return AtomicFile.create(path, (temporary) =>
    Effect.acquireUseRelease(
      Effect.tryPromise({ try: () => open(temporary, "w"), catch: refusal }),
      (file) => fill((text) => Effect.tryPromise({ try: () => file.appendFile(text), catch: refusal })),
      (file) => Effect.promise(() => file.close())
    )
  ).pipe(Effect.mapError((error) => (isSystemError(error) ? refusal(error) : error)))
}

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
