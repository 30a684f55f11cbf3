/**
 * What a person starts to try a cluster, as one does: three nodes answer, and an interruption leaves nothing behind.
 * `DAYBOOK_LONG=1`: it makes a server of its own.
 */
import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import process from "node:process"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ask } from "../http/Service.ts"
import { isLong } from "../Random.ts"

const runner = join(dirname(createRequire(import.meta.url).resolve("vite-node/package.json")), "vite-node.mjs")

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe("test/cluster/start.ts", () => {
  it.scopedLive.runIf(isLong)("starts three nodes and PostgreSQL, prints where they are, and stops all of them", () =>
    Effect.gen(function* () {
      const child = yield* Effect.acquireRelease(
        Effect.sync(() =>
          spawn(process.execPath, [runner, join(import.meta.dirname, "start.ts")], {
            stdio: ["ignore", "pipe", "pipe"]
          })
        ),
        // It would leave its nodes behind where it is killed.
        (child) => Effect.sync(() => child.exitCode ?? child.kill("SIGINT"))
      )
      const ended = new Promise<number | null>((resolve) => child.once("close", resolve))
      const printed = yield* Effect.async<string, Error>((resume) => {
        let stdout = ""
        let stderr = ""
        child.stderr.setEncoding("utf8").on("data", (text: string) => {
          stderr += text
        })
        child.stdout.setEncoding("utf8").on("data", (text: string) => {
          stdout += text
          if (stdout.includes("ctrl-C")) resume(Effect.succeed(stdout))
        })
        child.once("close", (code) => resume(Effect.fail(new Error(`it ended with ${code}: ${stderr}`))))
      })
      const nodes = [...printed.matchAll(/^node (\S+), .* process (\d+)$/gm)]
      const urls = nodes.map(([, url]) => url ?? "")
      const pids = nodes.map(([, , pid]) => Number(pid))
      assert.strictEqual(urls.length, 3)
      const folder = /^folder (.+)$/m.exec(printed)?.[1] ?? ""
      assert.isTrue(existsSync(folder))

      const opened = { accountId: "anna", owner: "Anna", currency: "EUR" }
      assert.strictEqual((yield* ask(`${urls[0]}/accounts`, { body: opened })).status, 201)
      for (const [at, url] of urls.entries()) {
        const { json, status } = yield* ask(`${url}/accounts/anna/deposits`, { body: { amount: "1" }, key: `d-${at}` })
        assert.deepStrictEqual([status, json.version], [200, at + 2])
      }

      child.kill("SIGINT")
      assert.strictEqual(yield* Effect.promise(() => ended), 0)
      assert.deepStrictEqual(pids.filter(isAlive), [])
      assert.isFalse(existsSync(folder))
    })
  )
})
