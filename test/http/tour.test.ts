/** Runs the tour of `docs/http.md`: each command as it stands there, and its answer too. */
import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"
import * as Service from "./Service.ts"

const page = readFileSync(join(import.meta.dirname, "../../docs/http.md"), "utf8")
const steps = [...page.matchAll(/```sh\n([\s\S]*?)```\n```\w*\n([\s\S]*?)```/g)]

const shell = (command: string): Effect.Effect<string> =>
  Effect.async((resume) => {
    execFile("sh", ["-c", command], { timeout: 20_000 }, (_, stdout) => resume(Effect.succeed(stdout)))
  })

describe("docs/http.md", () => {
  it.scopedLive("shows what the service answers", () =>
    Effect.gen(function* () {
      const { url } = yield* Service.start(["--db", `sqlite:${join(yield* temporaryFolder, "d.db")}`])
      assert.isAtLeast(steps.length, 10)
      for (const [, command = "", answer = ""] of steps) {
        const shown = yield* shell(command.replaceAll("localhost:8080", url.replace("http://", "")))
        assert.strictEqual(shown.trim(), answer.trim(), command)
      }
    })
  )
})
