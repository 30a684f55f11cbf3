/**
 * Properties of the source itself: which folder may import which, no barrel inside the package, no cycle, no name that
 * has gone.
 */
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { assert, describe, it } from "vitest"

/** The floors of the house. A folder imports itself and the folders listed for it; a new folder is added here. */
const floors: Record<string, ReadonlyArray<string>> = {
  core: [],
  projection: ["core"],
  sql: ["core", "projection"],
  nats: ["core", "projection", "sql"],
  cluster: ["core"],
  http: ["core", "projection"],
  relay: ["core", "projection"],
  // The page has the service's types, and none of its code but what compares two states.
  console: ["core", "projection", "http"],
  cli: ["core", "projection", "sql", "nats", "http", "testing", "cluster", "relay", "console"],
  testing: ["core", "projection"],
  bank: ["core", "projection", "sql", "cluster", "http", "cli", "testing", "relay"]
}

/** What any application may use holds no word of the bank's. */
const withoutAccounts: ReadonlySet<string> = new Set([
  "core",
  "projection",
  "sql",
  "nats",
  "cluster",
  "http",
  "relay",
  "console",
  "cli"
])

/** Lines of a file. */
const longest = 500
/** Names that had two senses or misled. */
const former = new RegExp(
  [
    "\\b(?:AccountTerms|TransferWaits|SnapshotSaver|patiently|unkept|OutOfOrder)\\b",
    "\\b(?:class|new|type) VersionMismatch\\b",
    "\\bFault\\.(?:report|describe|kindOf|placeOf)\\b",
    "\\b(?:type |Rebuild\\.)Turn\\b",
    "\\bexport const settle\\b",
    "\\/(?:Turn|Trust|Fault|Settlement|Utils|Helpers|Common)\\.ts"
  ].join("|"),
  "i"
)

const source = join(import.meta.dirname, "../src")
const files = readdirSync(source, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"))
const folderOf = (file: string): string => file.split("/")[0] ?? ""

/** The files that the pattern finds a relative import of. */
const importsOf = (file: string, pattern: RegExp): ReadonlyArray<string> =>
  [...readFileSync(join(source, file), "utf8").matchAll(pattern)].map(([, specifier]) =>
    relative(source, join(source, dirname(file), specifier ?? ""))
  )
/** Imports of types make a floor too. */
const all = /(?:from |import\()"(\.[^"]+)"/g
/** Cycles of types alone are harmless: they are gone when the code runs. */
const atRunTime = /^(?:import|export)(?! type)[^"]*from "(\.[^"]+)"/gm

describe("tidy", () => {
  it.each(files)("%s imports only what its floor allows", (file) => {
    const allowed = floors[folderOf(file)]
    assert.isDefined(allowed, `${folderOf(file)} has no floor`)
    for (const target of importsOf(file, all)) {
      assert.include([folderOf(file), ...(allowed ?? [])], folderOf(target), `${file} imports ${target}`)
      assert.notInclude(target, "index.ts", `${file} imports a barrel; import the module itself`)
      assert.include(files, target, `${file} imports ${target}, which is not there`)
    }
  })

  it.each(files.filter((file) => withoutAccounts.has(folderOf(file))))("%s knows no account", (file) => {
    const text = readFileSync(join(source, file), "utf8")
    assert.notMatch(text, /account|overdraft|deposit|(?<!\w)transfers?(?!-encoding)(?!\w)|TransferR|\bmoney\b/i)
  })

  it("takes what the core asks of Node at one place, which a browser has in another form", () => {
    const platform = ["core/Platform.ts", "core/PlatformBrowser.ts"]
    for (const file of files.filter((each) => folderOf(each) === "core" && !platform.includes(each))) {
      assert.notMatch(readFileSync(join(source, file), "utf8"), /from "node:|(?<![\w.`])Buffer\./, file)
    }
  })

  it.each(files)("%s can be read in a sitting, in words that a reader knows", (file) => {
    const text = readFileSync(join(source, file), "utf8")
    assert.isAtMost(text.split("\n").length - 1, longest, `${file} is two files`)
    assert.notMatch(text, former, `${file} has a name that has gone`)
  })

  it("has every code of a promise in the legend of CONTRIBUTING.md", () => {
    const root = join(source, "..")
    const titled = [join(source, "testing"), join(source, "bank/testing"), join(root, "test")].flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: "utf8" })
        .filter((file) => file.endsWith(".ts"))
        .map((file) => readFileSync(join(folder, file), "utf8"))
    )
    const codes = new Set(
      titled.flatMap((text) => [...text.matchAll(/[( ]([A-Z]{2})\d+(?: [A-Z]{2}\d+)*\)"/g)].map(([, code]) => code))
    )
    const rows = readFileSync(join(root, "CONTRIBUTING.md"), "utf8").matchAll(/^\| ((?:[A-Z]{1,2}(?:, )?)+) \|/gm)
    const legend = new Set([...rows].flatMap(([, row]) => (row ?? "").split(", ")))
    assert.deepStrictEqual(
      [...codes].filter((code) => code !== undefined && !legend.has(code)),
      []
    )
  })

  it("has no import cycle", () => {
    const done = new Set<string>()
    const visit = (file: string, path: ReadonlyArray<string>): void => {
      assert.notInclude(path, file, `a cycle: ${[...path, file].join(" -> ")}`)
      if (done.has(file)) return
      for (const target of importsOf(file, atRunTime)) visit(target, [...path, file])
      done.add(file)
    }
    for (const file of files) visit(file, [])
  })
})
