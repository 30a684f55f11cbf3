/**
 * BY1 and BY2 where it counts, in a process of its own: a stream that is larger than the heap recovers, and a command
 * that would hold the process is refused. In the long form with the figures of the promise, 700 events of 1 MB in a
 * heap of 256 MB.
 */
import { execFile } from "node:child_process"
import { join } from "node:path"
import process from "node:process"
import { promisify } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { inject } from "vitest"
import { isLong } from "../Random.ts"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"

const script = join(import.meta.dirname, "largeStream.mjs")

const run = (filename: string, heapMegabytes: number, verb: "fill" | "recover" | "many", count: number) =>
  Effect.promise(async () => {
    const args = [`--max-old-space-size=${heapMegabytes}`, script, inject("dist"), filename, verb, String(count)]
    const { stdout } = await promisify(execFile)(process.execPath, args)
    return JSON.parse(stdout)
  })

const [events, heapMegabytes] = isLong ? [700, 256] : [160, 96]

describe("a stream larger than the heap (BY1)", () => {
  it.scopedLive(
    "recovers, since no more than a page of it is in memory",
    () =>
      Effect.gen(function* () {
        const filename = join(yield* temporaryFolder, "large.db")
        yield* run(filename, 1_024, "fill", events)
        const { result } = yield* run(filename, heapMegabytes, "recover", events)
        assert.strictEqual(result.state.filed, events)
      }),
    120_000
  )
})

describe("a command of 100,000 events (BY2)", () => {
  it.scopedLive("is refused by the name of the limit", () =>
    Effect.gen(function* () {
      const filename = join(yield* temporaryFolder, "many.db")
      const { result } = yield* run(filename, 256, "many", 100_000)
      assert.deepStrictEqual(result, { _tag: "LimitExceeded", limit: "maxCommandEvents" })
    })
  )
})
