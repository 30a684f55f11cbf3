/** `Output` writes what a verb has to say: results to standard output, progress to standard error. */
import { once } from "node:events"
import { createWriteStream, type WriteStream } from "node:fs"
import process from "node:process"
import * as Options from "@effect/cli/Options"
import { Clock, Effect, type Scope } from "effect"
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

/** Redraws a bar on a terminal twice a second while the effect runs; writes nothing where there is no terminal. */
export const withProgress = <A, E, R>(
  progress: Progress,
  rows: () => number,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => {
  if (!process.stderr.isTTY) return effect
  return Effect.gen(function* () {
    const start = yield* Clock.currentTimeMillis
    const draw = Effect.gen(function* () {
      const seconds = ((yield* Clock.currentTimeMillis) - start) / 1_000
      const share = progress.total ? Math.min(1, progress.bytes / progress.total) : undefined
      const filled = Math.round((share ?? 0) * barWidth)
      const bar =
        share === undefined
          ? ""
          : `[${"#".repeat(filled)}${" ".repeat(barWidth - filled)}] ${Math.floor(share * 100)} % `
      process.stderr.write(`\r\u001b[K${bar}${rows()} rows, ${Math.round(rows() / Math.max(seconds, 0.001))}/s`)
    })
    yield* Effect.forkScoped(Effect.forever(Effect.zipRight(draw, Effect.sleep("500 millis"))))
    yield* Effect.addFinalizer(() => Effect.sync(() => process.stderr.write("\r\u001b[K")))
    return yield* effect
  }).pipe(Effect.scoped)
}
