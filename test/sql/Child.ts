/** Starts `child.mjs`. Each ends with the scope it was started in, if not before. */
import { type ChildProcess, spawn } from "node:child_process"
import { join } from "node:path"
import { Effect } from "effect"
import { inject } from "vitest"

const script = join(import.meta.dirname, "child.mjs")

export interface Child {
  /** Waits until it says that it is ready. */
  readonly ready: Effect.Effect<void>
  /** Lets it go on. */
  readonly goOn: Effect.Effect<void>
  /** Ends it by SIGKILL. */
  readonly kill: Effect.Effect<void>
  /** How it ended: its exit code, or the signal. */
  readonly ended: Effect.Effect<number | string | null>
}

export const start = (filename: string, verb: string, ...rest: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.sync((): ChildProcess => {
      const args = [script, inject("dist"), filename, verb, ...rest]
      return spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] })
    }),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  ).pipe(
    Effect.map((child): Child => {
      const ready = new Promise<void>((resolve) => child.stdout?.once("data", () => resolve()))
      const ended = new Promise<number | string | null>((resolve) => {
        child.once("exit", (code, signal) => resolve(code ?? signal))
      })
      return {
        ready: Effect.promise(() => ready),
        goOn: Effect.sync(() => child.stdin?.end()),
        kill: Effect.sync(() => child.kill("SIGKILL")),
        ended: Effect.promise(() => ended)
      }
    })
  )
