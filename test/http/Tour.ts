/** The tour of `docs/http.md`: its commands in order, each with what it answers. */
import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert } from "@effect/vitest"
import { Effect } from "effect"

const page = readFileSync(join(import.meta.dirname, "../../docs/http.md"), "utf8")
const steps = [...page.matchAll(/```sh\n([\s\S]*?)```\n```\w*\n([\s\S]*?)```/g)]

const shell = (command: string): Effect.Effect<string> =>
  Effect.async((resume) => {
    execFile("sh", ["-c", command], { timeout: 20_000 }, (_, stdout) => resume(Effect.succeed(stdout)))
  })

/** A read model that is behind asks for another try. */
const isBehind = (shown: string) => shown.includes('"code":"view-behind"')

/** Tours a new service at this address: each step answers what the page says. */
export const run = (url: string) =>
  Effect.gen(function* () {
    assert.isAtLeast(steps.length, 10)
    for (const [, command = "", answer = ""] of steps) {
      const asked = shell(command.replaceAll("localhost:8080", url.replace("http://", "")))
      const shown = yield* Effect.repeat(asked, { while: isBehind })
      assert.strictEqual(shown.trim(), answer.trim(), command)
    }
  })
