/** The document of the service in a file, and the tools of others that take it, as processes of their own. */
import { execFile } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import * as Cli from "../cli/Cli.ts"

const root = join(import.meta.dirname, "../..")
export const bin = (name: string) => join(root, "node_modules/.bin", name)

export interface Ended {
  readonly code: number
  readonly output: string
}

export const run = (
  command: string,
  args: ReadonlyArray<string>,
  { cwd = root, env = {} }: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {}
): Effect.Effect<Ended> =>
  Effect.async((resume) => {
    const options = { cwd, env: { ...process.env, ...env }, maxBuffer: 32 * 1_048_576 }
    const child = execFile(command, args, options, (_, stdout, stderr) =>
      resume(Effect.succeed({ code: child.exitCode ?? 1, output: stdout + stderr }))
    )
    return Effect.sync(() => child.kill("SIGKILL"))
  })

/** Runs it, and fails with what it said when it fails. */
export const succeed = (...args: Parameters<typeof run>) =>
  Effect.map(run(...args), ({ code, output }) => {
    assert.strictEqual(code, 0, output)
    return output
  })

/** A folder from which the packages of the project are found. */
export const folder = Effect.acquireRelease(
  Effect.sync(() => {
    mkdirSync(join(root, "node_modules/.cache"), { recursive: true })
    return mkdtempSync(join(root, "node_modules/.cache/openapi-"))
  }),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)

/** The document in a file of this folder. */
export const documentIn = (path: string) =>
  Effect.map(Cli.run(["openapi"]), ({ stdout }) => {
    const file = join(path, "openapi.json")
    writeFileSync(file, stdout)
    return file
  })
