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
import * as Screen from "./Screen.ts"
import * as Text from "./Text.ts"
import { Finding } from "./UsageError.ts"

export const jsonOption = Options.boolean("json").pipe(Options.withDescription("machine-readable output on stdout"))

/** Text that somebody else wrote, within a line: what a terminal would act on is shown as `\u{…}`. */
export const plain = Text.visible

/** A line for people, in as many as the terminal needs for it. */
export const line = (text: string): Effect.Effect<void> =>
  Effect.suspend(() => {
    const columns = Screen.columnsOf(process.stdout)
    const lines = text.split("\n").flatMap((each) => Text.wrap(Text.visible(each), columns))
    return send(`${lines.join("\n")}\n`)
  })

/** What is not the result of a verb, but goes with it: a line on standard error. */
export const note = (text: string): Effect.Effect<void> =>
  Effect.sync(() => void Screen.write(process.stderr, `${Text.visible(text)}\n`))

/** A value as one line of JSON. */
export const jsonLine = (json: string): Effect.Effect<void> => send(`${Text.visibleJson(json)}\n`)

/** The result of a verb: one line of JSON, or lines for people. */
export const result = (json: boolean, value: object, text: ReadonlyArray<string>): Effect.Effect<void> =>
  json ? jsonLine(JSON.stringify(value)) : line(text.join("\n"))

/** Lines of JSON as they are, byte for byte; on a terminal without what it would act on, which is the same JSON. */
export const write = (text: string): Effect.Effect<void> =>
  Effect.suspend(() => send(Screen.isTerminal(process.stdout) ? Text.visibleJson(text) : text))

/**
 * Writes to standard output, and waits until the reader has taken it. What ends the output ends the program: see
 * `Cli.ts`.
 */
export const send = (text: string): Effect.Effect<void> =>
  Effect.suspend(() =>
    Screen.write(process.stdout, text) ? Effect.void : Effect.promise(() => once(process.stdout, "drain"))
  )

const isSystemError = (error: unknown): error is NodeJS.ErrnoException => error instanceof Error && "syscall" in error

/** A new file, with all that `fill` writes or not there at all. Fails when there is one already. */
export const newFile = <A, E, R>(
  path: string,
  fill: (write: (text: string) => Effect.Effect<void, Finding>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | Finding, R> => {
  const refuse = (why: string) => new Finding({ reason: `${path} cannot be written: ${why}` })
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

/**
 * Keeps a line on a terminal up to date, twice a second, while the effect runs; writes nothing where there is no
 * terminal.
 */
export const withStatusLine = <A, E, R, E2, R2>(
  text: Effect.Effect<string, E2, R2>,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R | R2> => {
  if (!Screen.isTerminal(process.stderr)) return effect
  return Effect.gen(function* () {
    const draw = Effect.map(text, Screen.showStatus)
    yield* Effect.forkScoped(Effect.forever(Effect.zipRight(Effect.ignore(draw), Effect.sleep("500 millis"))))
    yield* Effect.addFinalizer(() => Effect.sync(Screen.clearStatus))
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
