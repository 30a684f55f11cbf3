/**
 * A case is found by its name: each is declared once, says its number where it has one, and its suite
 * runs on every store and actor system.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Neighbours } from "../../src/testing/actor/Neighbours.ts"
import * as Suites from "../../src/testing/Suites.ts"
import { shared, tampered } from "../conformance/shared.ts"
import { databases, readSides, stores } from "../conformance/stores.ts"

const folder = join(import.meta.dirname, "../conformance")
/**
 * What is run by `onEach`: the names of its stores and of its suites, as they are written. Other databases have files
 * of their own.
 */
const calls = readdirSync(folder)
  .filter((file) => file.endsWith(".test.ts") && file !== "Prefix.test.ts")
  .map((file) => readFileSync(join(folder, file), "utf8"))
  .flatMap((text) => [...text.matchAll(/^onEach\(\s*"[^"]*",\s*(\w+|\{[^}]*\}),([\s\S]*?)\)\n/gm)])
  .map(([, stores = "", cases = ""]) => ({ stores, cases }))

const lists: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  stores,
  readSides,
  databases,
  shared,
  tampered
}

/** The stores that a list lacks: by its name, or written out with the name of one in it. */
const missing = (list: string): ReadonlyArray<string> => {
  const words = list.match(/\w+/g) ?? []
  const names = new Set(words.flatMap((word) => (word in lists ? Object.keys(lists[word] ?? {}) : [word])))
  return Object.keys(lists.stores ?? {}).filter((store) => !names.has(store))
}

/**
 * Suites of what only a database has: transactions over log and read side, others who use it, rows that are changed.
 */
const needsDatabase: ReadonlySet<string> = new Set([
  "OperationAtomicity",
  "ReadSideConformance",
  "VerifiedReadSideConformance"
])

const suitesOfActors = [
  "ActorSystemConformance",
  "BytesConformance",
  "CommandConformance",
  "Neighbours",
  "PrincipalConformance",
  "UpcastConformance"
] as const

/** Suites of what a process does by itself, whichever system its actors are found by. */
const onlyLocal: Readonly<Partial<Record<(typeof suitesOfActors)[number], string>>> = {
  BytesConformance: "what a process holds in memory",
  UpcastConformance: "how events are read, below the system"
}

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

  it.each(suites.map(([name]) => name))("%s runs on every store of the list", (name) => {
    const lists = calls.filter(({ cases }) => new RegExp(`\\b${name}\\b`).test(cases)).map(({ stores }) => stores)
    assert.isNotEmpty(lists, `no file of test/conformance runs ${name} by onEach`)
    for (const [list, without] of lists.map((list) => [list, missing(list)] as const)) {
      assert.deepStrictEqual(without, needsDatabase.has(name) ? ["memory"] : [], `${name} on ${list}`)
    }
  })

  it.each(suitesOfActors)("%s runs on every actor system", (name) => {
    if (name in onlyLocal) return
    const cluster = readFileSync(join(folder, "../cluster/conformance.test.ts"), "utf8")
    assert.match(cluster, new RegExp(`const cases = \\[[^\\]]*\\b${name}\\b`))
  })
})
