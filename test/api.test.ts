/**
 * The API reference is made of the comments without a warning: each link leads somewhere, and what is public says what
 * it is.
 */
import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { promisify } from "node:util"
import { assert, describe, it } from "@effect/vitest"

const root = join(import.meta.dirname, "..")
const read = (file: string) => JSON.parse(readFileSync(join(root, file), "utf8"))

/** The module of the sources that an entry point is built from. */
const sourceOf = ({ default: built }: { readonly default: string }) =>
  built.replace(/^\.\/dist\/(.*)\.js$/, "src/$1.ts")

describe("the API reference", () => {
  it("has each entry point of the package", () => {
    const entries = Object.values<{ readonly default: string }>(read("package.json").exports)
    assert.sameMembers(read("typedoc.json").entryPoints, entries.map(sourceOf))
  })

  it("is made without a warning", { timeout: 300_000 }, async () => {
    const typedoc = join(root, "node_modules/typedoc/bin/typedoc")
    // In a process of its own: it takes longer than a worker may be silent.
    const said = await promisify(execFile)(process.execPath, [typedoc, "--emit", "none"], { cwd: root }).then(
      () => "",
      ({ stderr, stdout }: { readonly stderr: string; readonly stdout: string }) => stdout + stderr
    )
    assert.strictEqual(said, "")
  })
})
