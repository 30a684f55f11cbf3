/**
 * A transfer whose process is ended before and after each commit on its way: it comes to its one end, and money is
 * conserved.
 */
import { join } from "node:path"
import process from "node:process"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { inject } from "vitest"
import * as Conservation from "../../src/bank/Conservation.ts"
import { EventStore } from "../../src/core/EventStore.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import * as Cli from "../cli/Cli.ts"
import { isLong } from "../Random.ts"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"

const scenarios = {
  transfer: { end: "completed", balance: 500n, types: ["TransferCredited"] },
  refusal: { end: "refused", balance: 1_000n, types: [] },
  refund: { end: "refused", balance: 1_000n, types: ["TransferRefunded"] }
}
/** More than any of them needs. */
const most = 12

const child = (...args: ReadonlyArray<string>) =>
  Cli.run(args, { program: [process.execPath, join(import.meta.dirname, "transferring.mjs"), inject("dist")] })

const check = (filename: string, scenario: keyof typeof scenarios, status: string, wasRequested: boolean) =>
  Effect.gen(function* () {
    const { events: log } = yield* (yield* EventStore).readAll(0)
    const { balances, inFlight, pending, violation } = Conservation.check(log)
    assert.isUndefined(violation)
    assert.deepStrictEqual([inFlight, pending], [[], []])
    const settled = log.map(({ type }) => type).filter((type) => /^Transfer(Credited|Refunded)$/.test(type))
    const { balance, end, types } = scenarios[scenario]
    if (!wasRequested) {
      assert.strictEqual(status, "not requested")
      assert.strictEqual(balances.get("a"), 1_000n)
    } else {
      assert.strictEqual(status, end)
      assert.strictEqual(balances.get("a"), balance)
      // Never both, and neither twice.
      assert.deepStrictEqual(settled, types)
    }
  }).pipe(Effect.provide(SqliteStore.layer({ filename, mode: "readOnly" })))

describe("a process that is ended on the way of a", () => {
  for (const scenario of ["transfer", "refusal", "refund"] as const) {
    it.scopedLive(
      `${scenario}, before or after any commit, leaves one that ends within 5 s of the next start`,
      () =>
        Effect.gen(function* () {
          let [deaths, worst] = [0, 0]
          for (const when of isLong ? ["before", "after"] : ["after"]) {
            for (let commit = 1; ; commit++) {
              assert.isAtMost(commit, most)
              const filename = join(yield* temporaryFolder, "d.db")
              const first = yield* child(filename, scenario, when, String(commit))
              // It ended by itself: there was no such commit.
              if (first.code === 0) break
              assert.strictEqual(first.code, "SIGKILL", first.stderr)
              deaths++
              const second = yield* child(filename, scenario)
              assert.strictEqual(second.code, 0, second.stderr)
              const { millis, status } = JSON.parse(second.stdout)
              worst = Math.max(worst, millis)
              // The first commit is that of the request.
              yield* check(filename, scenario, status, when === "after" || commit > 1)
            }
          }
          assert.isAbove(deaths, 2)
          console.log(`${scenario}: ended ${deaths} times; at its end at most ${worst} ms after the next start`)
        }),
      120_000
    )
  }
})
