/**
 * What CI and people read from a run of the tests: its exit code and its last line, also where a PostgreSQL server ran.
 */
import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { assert, describe, it } from "@effect/vitest"

const root = join(import.meta.dirname, "..")

/** Within node_modules, so that the tests in it find vitest. */
const folder = join(root, "node_modules/.cache")

const suite = `
import { beforeAll, describe, expect, it } from "vitest"
// Which has the run start a server: "/Postgres.ts"
describe("with a hook that fails", () => {
  beforeAll(() => expect(1).toBe(2))
  it("is not run", () => {})
})
it("passes", () => {})
it("fails", () => expect(1).toBe(2))
`

describe("a run of the tests", () => {
  it("fails where a test or a hook fails, and says so in its last line", () => {
    mkdirSync(folder, { recursive: true })
    const directory = mkdtempSync(join(folder, "failing-"))
    try {
      mkdirSync(join(directory, "test"))
      writeFileSync(join(directory, "test/failing.test.ts"), suite)
      const vitest = join(root, "node_modules/vitest/vitest.mjs")
      const run = spawnSync(process.execPath, [vitest, "run", "--root", root, "--dir", directory], { encoding: "utf8" })
      assert.strictEqual(run.stdout.trim().split("\n").at(-1), "1 passed, 2 failed, 1 skipped")
      assert.strictEqual(run.status, 1)
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
})
