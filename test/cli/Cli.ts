/** Runs the command line as a process of its own, as a user does. */
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { Effect } from "effect"
import { inject } from "vitest"
import type { Program } from "../http/Serve.ts"

export type { Program } from "../http/Serve.ts"

export interface Ended {
  /** The exit code, or the signal. */
  readonly code: number | string | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly stdin?: string
  /** Kills it with SIGKILL as soon as this is so. Asked all the time. */
  readonly killWhen?: () => boolean
  readonly cwd?: string
  readonly program?: Program
}

/** What runs `daybook`: the build on this Node, if not `DAYBOOK_PROGRAM`, in JSON. */
export const program = (): Program =>
  process.env.DAYBOOK_PROGRAM === undefined
    ? [process.execPath, join(inject("dist"), "bank/main.js")]
    : JSON.parse(process.env.DAYBOOK_PROGRAM)

/** Starts it, with its input open. */
export const start = (args: ReadonlyArray<string>, options: Omit<RunOptions, "stdin"> = {}) => {
  const [command, ...first] = options.program ?? program()
  const child = spawn(command, [...first, ...args], {
    stdio: ["pipe", "pipe", "pipe"],
    cwd: options.cwd
  })
  const output = { stdout: "", stderr: "" }
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output.stdout += text
  })
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    output.stderr += text
  })
  // It may end without reading.
  child.stdin.on("error", () => {})
  const { killWhen } = options
  const watch = killWhen && setInterval(() => killWhen() && child.kill("SIGKILL"), 1)
  const ended = new Promise<Ended>((resolve) => {
    child.once("close", (code, signal) => {
      clearInterval(watch)
      resolve({ code: code ?? signal, ...output })
    })
  })
  return { child, ended }
}

export const run = (args: ReadonlyArray<string>, options: RunOptions = {}): Effect.Effect<Ended> =>
  Effect.promise(() => {
    const { child, ended } = start(args, options)
    child.stdin.end(options.stdin ?? "")
    return ended
  })

/** A folder that is gone with the scope. */
export const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "daybook-cli-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)
