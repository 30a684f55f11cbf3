/**
 * `daybook serve` as a process of its own: for tests, and for what a person starts. So nothing here needs a test
 * runner.
 */
import { type ChildProcess, spawn } from "node:child_process"
import process from "node:process"
import { Effect } from "effect"

/** A program and its first arguments. */
export type Program = readonly [string, ...ReadonlyArray<string>]

export interface Running {
  readonly url: string
  readonly process: ChildProcess
  /** Its exit code, or the signal that ended it. */
  readonly ended: Effect.Effect<number | string | null>
  readonly stderr: () => string
}

export interface ServeOptions {
  readonly port?: number
  readonly env?: Readonly<Record<string, string>>
  /** A file that takes standard error, of which `stderr` then has nothing. */
  readonly log?: number
}

/** A verb that serves as a process of its own, once it listens. It ends with the scope, if not before. */
export const startVerb = ([command, ...first]: Program, args: ReadonlyArray<string>, options: ServeOptions = {}) =>
  Effect.gen(function* () {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(command, [...first, ...args], {
          stdio: ["ignore", "pipe", options.log ?? "pipe"],
          env: { ...process.env, ...options.env }
        })
      ),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    let stderr = ""
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      stderr += text
    })
    const exit = new Promise<number | string | null>((resolve) => {
      child.once("close", (code, signal) => resolve(code ?? signal))
    })
    const url = yield* Effect.async<string, Error>((resume) => {
      let stdout = ""
      child.stdout?.setEncoding("utf8").on("data", (text: string) => {
        stdout += text
        const found = /^listening on (\S+)$/m.exec(stdout)?.[1]
        if (found !== undefined) resume(Effect.succeed(found))
      })
      void exit.then((code) => resume(Effect.fail(new Error(`it ended with ${code}: ${stderr}`))))
    })
    return { url, process: child, ended: Effect.promise(() => exit), stderr: () => stderr } satisfies Running
  })

/** `serve` in the same way. */
export const start = (program: Program, args: ReadonlyArray<string>, options: ServeOptions = {}) =>
  startVerb(program, ["serve", "--port", String(options.port ?? 0), ...args], options)
