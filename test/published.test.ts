/** What a release would publish, as the tools that look at packages see it. `package.test.ts` installs and runs it. */
import { spawnSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { inject } from "vitest"
import * as Package from "./Package.ts"

const { daybook, remove } = Package.project(undefined, [])
afterAll(remove)

describe("the package as it is published", () => {
  it.each([
    // Its suggestion to exchange modules for a browser among the entry points is for packages that have one for it.
    ["publint/src/cli.js", "--level", "warning", "--strict", "--pack", "false"],
    // CommonJS is not what this package is for.
    ["@arethetypeswrong/cli/dist/index.js", "--profile", "esm-only", "--no-color"]
  ])("is clean for %s, offline", (tool, ...options) => {
    const program = join(Package.root, "node_modules", tool)
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, inject("tarball"), ...options], {
      encoding: "utf8"
    })
    assert.strictEqual(status, 0, stdout + stderr)
  })

  it("has the sources in its source maps, so that a stack leads to a line that is there", () => {
    const maps = readdirSync(daybook, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".js.map"))
    assert.isAbove(maps.length, 100)
    for (const file of maps) {
      const { sources, sourcesContent = [] } = JSON.parse(readFileSync(join(daybook, file), "utf8"))
      assert.deepStrictEqual([sources.length, sourcesContent.length, sourcesContent[0]?.length > 0], [1, 1, true], file)
    }
  })

  it("holds the build and nothing of the tests", () => {
    const files = readdirSync(daybook)
    assert.deepStrictEqual(files.sort(), ["LICENSE", "README.md", "dist", "package.json"])
  })
})
