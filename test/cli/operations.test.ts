/** `daybook operations`: what operators did, for people and for programs. */
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Operation from "../../src/core/Operation.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import * as Cli from "./Cli.ts"

describe("daybook operations", () => {
  it.scoped("lists who did what and why, and nothing that would steer a terminal (RD7)", () =>
    Effect.gen(function* () {
      const file = join(yield* Cli.folder, "bank.db")
      const run = (...args: ReadonlyArray<string>) => Cli.run([...args, "--db", `sqlite:${file}`])
      yield* Effect.gen(function* () {
        const by = { principal: "anna", reason: "red \u001b[31m", key: "k-1" }
        yield* Operation.run("archive", { month: "01" }, by, Effect.succeed({ rows: 12 }))
        yield* Operation.run("archive", { month: "02" }, {}, Effect.succeed({}))
      }).pipe(Effect.provide(SqliteStore.layer({ filename: file })))

      const { code, stderr, stdout } = yield* run("operations")
      assert.strictEqual(code, 0, stderr)
      const [first, second] = stdout.split("\n")
      assert.match(
        first ?? "",
        /^1 {2}\S+Z {2}archive {2}by anna {2}\(red \\u\{1b\}\[31m\) {2}\{"month":"01","rows":12\}$/
      )
      assert.match(second ?? "", /^2 {2}\S+Z {2}archive {2}\{"month":"02"\}$/)

      const page = JSON.parse((yield* run("operations", "--json", "--limit", "1")).stdout)
      assert.strictEqual(page.next, 1)
      const [{ recordedAt, ...done }] = page.operations
      assert.isNumber(recordedAt)
      assert.deepStrictEqual(done, {
        sequence: 1,
        kind: "operation",
        name: "archive",
        principal: "anna",
        reason: "red \u001b[31m",
        key: "k-1",
        detail: { month: "01", rows: 12 }
      })
      const rest = JSON.parse((yield* run("operations", "--json", "--after", "1")).stdout)
      assert.deepStrictEqual([rest.next, rest.operations.length], [null, 1])
      assert.strictEqual((yield* run("verify")).code, 0)
    })
  )
})
