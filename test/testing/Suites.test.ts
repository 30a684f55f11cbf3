/** A case is found by its name: each is declared once, says its number where it has one, and its suite runs on the stores of the list. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Neighbours } from "../../src/testing/actor/Neighbours.ts"
import * as Suites from "../../src/testing/Suites.ts"

const folder = join(import.meta.dirname, "../conformance")
const runs = readdirSync(folder)
  .filter((file) => file.endsWith(".test.ts"))
  .map((file) => readFileSync(join(folder, file), "utf8"))
  .join("\n")

const suites = Object.entries({ ...Suites, Neighbours })

describe("the suites", () => {
  it("have each case once", () => {
    const names = suites.flatMap(([, cases]) => cases.map(({ name }) => name))
    const twice = names.filter((name, index) => names.indexOf(name) !== index)
    assert.deepStrictEqual(twice, [])
  })

  it("say their numbers in one form: letters and digits, at the end", () => {
    const wrong = suites
      .flatMap(([, cases]) => cases.map(({ name }) => name))
      .filter((name) => /\b[A-Z]{1,2}\d+\b/.test(name) && !/ \([A-Z]{1,2}\d+( [A-Z]{1,2}\d+)*\)$/.test(name))
    assert.deepStrictEqual(wrong, [])
  })

  it.each(suites.map(([name]) => name))("%s runs on the stores of the list", (name) => {
    const calls = [...runs.matchAll(/onEach\(([\s\S]*?)\)\n/g)].map(([, call = ""]) => call)
    assert.isTrue(
      calls.some((call) => new RegExp(`\\b${name}\\b`).test(call)),
      `no file of test/conformance runs ${name} by onEach`
    )
  })
})
