/** The promises of `import` about its input: what it says of it, and from where it may come. */
import { execFileSync } from "node:child_process"
import { existsSync, writeFileSync } from "node:fs"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Cli from "./Cli.ts"
import { assertRefused, database, deposit, lines, open, some } from "./Rows.ts"

describe("daybook import --format commands", () => {
  it.scoped("applies rows, refuses what the account refuses, and replays what was done before", () =>
    Effect.gen(function* () {
      const { folder, importing, run } = yield* database()
      const first = yield* importing(lines(...some))
      assert.deepStrictEqual(JSON.parse(first.stdout), { applied: 4, replayed: 0, refused: 1 })
      const file = join(folder, "rows.jsonl.gz")
      writeFileSync(file, gzipSync(lines(...some, deposit("nobody", "d-3", "1"))))
      const second = yield* run("import", file, "--format", "commands")
      assert.strictEqual(second.stdout, "0 applied, 5 replayed, 1 refused\n")
      const { stdout } = yield* run("inspect", "account-a", "--json")
      const [, deposited] = stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line))
      assert.deepInclude(deposited, {
        streamId: "account-a",
        version: 2,
        type: "Deposited",
        data: '{"amount":"12.50"}'
      })
    })
  )

  it.scoped(
    "stops at a row that is wrong with its line, having applied those before it",
    () =>
      Effect.gen(function* () {
        const good = lines(open("a"), deposit("a", "d-1", "1"))
        const table: ReadonlyArray<readonly [string, RegExp]> = [
          ["{", /line 3: is not JSON/],
          ["[]", /line 3: /],
          [lines({ ...deposit("a", "d-2", "1"), extra: 1 }), /line 3/],
          [`{"amount":"1",${lines(deposit("a", "d-2", "2")).slice(1)}`, /line 3: amount stands twice/],
          [lines(deposit("a", "d-2", "1.2.3")), /line 3: .*amount/],
          [lines(deposit("a", "d-2", "1e3")), /line 3: .*amount/],
          [lines(deposit("a", "d-2", "-1")), /line 3: .*amount/],
          [lines(deposit("a", "d-2", "0.00")), /line 3: .*amount/],
          [lines(deposit("a", "d-2", "1234567890123456")), /line 3: .*amount/],
          [lines(deposit("a", "d-2", "1.234")), /line 3: amount: has more than the 2 decimals/],
          [lines(deposit("a", "d-2", "1", { bookedOn: "2026-02-30" })), /line 3: .*bookedOn/],
          [lines(deposit("a/b", "d-2", "1")), /line 3: .*accountId/],
          [lines(deposit("a", "\u0001x", "1")), /line 3: .*commandId/],
          [lines(deposit("a", "d-1", "2")), /line 3: the command id "d-1" was used before/],
          [lines(open("b", { currency: "XXQ" })), /line 3: XXQ is not a currency/],
          [`"${"x".repeat(1_048_576)}"`, /line 3: is longer than 1048576 bytes/]
        ]
        for (const [bad, says] of table) {
          const { importing } = yield* database()
          assertRefused(yield* importing(good + bad), says)
          const { stdout } = yield* importing(good)
          assert.deepStrictEqual(JSON.parse(stdout), { applied: 0, replayed: 2, refused: 0 }, bad.slice(0, 80))
        }
      }),
    120_000
  )

  it.scoped(
    "applies the rows of all accounts before one that only its account finds wrong, and goes on when it is fixed",
    () =>
      Effect.gen(function* () {
        const { importing, run } = yield* database()
        const before = Array.from({ length: 40 }, (_, index) => deposit("b", `before-${index}`, "1"))
        const after = Array.from({ length: 40 }, (_, index) => deposit("b", `after-${index}`, "1"))
        const file = (amount: string) => lines(open("a"), open("b"), ...before, deposit("a", "d-1", amount), ...after)
        assertRefused(yield* importing(file("1.234")), /line 43: amount: has more than the 2 decimals/)
        const { stdout } = yield* run("export")
        for (let index = 0; index < 40; index++) assert.include(stdout, `"before-${index}"`)
        const mended = JSON.parse((yield* importing(file("1.23"))).stdout) as Record<string, number>
        assert.strictEqual((mended.applied ?? 0) + (mended.replayed ?? 0), 83)
        assert.isAtLeast(mended.replayed ?? 0, 42)
      })
  )

  it.scoped("says what is wrong with the file itself", () =>
    Effect.gen(function* () {
      const { file, folder, run } = yield* database()
      assertRefused(yield* run("import", join(folder, "none"), "--format", "commands"), /there is no such file/)
      assertRefused(yield* run("import", folder, "--format", "commands"), /is a folder/)
      assert.isFalse(existsSync(file), "a database was made for nothing")
      const cut = join(folder, "cut.gz")
      writeFileSync(cut, gzipSync(lines(...some)).subarray(0, 60))
      assertRefused(yield* run("import", cut, "--format", "commands"), /damaged gzip|cut off/)
      const latin = join(folder, "latin.jsonl")
      writeFileSync(latin, Buffer.from([0x22, 0xe9, 0x22, 0x0a]))
      assertRefused(yield* run("import", latin, "--format", "commands"), /line 1: is not UTF-8/)
    })
  )
})

describe("what is imported", () => {
  const importing = ["import", "-", "--format", "commands", "--db", "sqlite::memory:"]

  it("may come byte by byte, packed, and end at any time", async () => {
    const { child, ended } = Cli.start(importing)
    for (const byte of gzipSync(lines(open("a")))) {
      await new Promise<unknown>((resolve) => child.stdin.write(Uint8Array.of(byte), resolve))
    }
    child.stdin.end()
    const { code, stdout } = await ended
    assert.strictEqual(code, 0)
    assert.strictEqual(stdout, "1 applied, 0 replayed, 0 refused\n")
  })

  it.scoped("is a pipe with a name too", () =>
    Effect.gen(function* () {
      const folder = yield* Cli.folder
      const pipe = join(folder, "pipe")
      execFileSync("mkfifo", [pipe])
      const started = Cli.start(["import", pipe, "--format", "commands", "--db", "sqlite::memory:"]).ended
      yield* Effect.promise(() => writeFile(pipe, lines(open("a"))))
      assert.strictEqual((yield* Effect.promise(() => started)).stdout, "1 applied, 0 replayed, 0 refused\n")
    })
  )

  it.scoped("ends with the signal, though nothing comes", () =>
    Effect.gen(function* () {
      const folder = yield* Cli.folder
      const file = join(folder, "accounts.db")
      const { child, ended } = Cli.start(["import", "-", "--format", "commands", "--db", `sqlite:${file}`])
      // The database is open, and the program waits for its first line.
      yield* Effect.repeat(
        Effect.async<boolean>((resume) => void setImmediate(() => resume(Effect.succeed(existsSync(`${file}-wal`))))),
        { until: (isOpen) => isOpen }
      )
      child.kill("SIGTERM")
      assert.strictEqual((yield* Effect.promise(() => ended)).code, 130)
    })
  )
})
