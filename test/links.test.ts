/**
 * Every page is found from the README, no link of a page leads nowhere, and the Install page names what the package
 * asks for.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join, normalize, relative } from "node:path"
import { assert, describe, it } from "@effect/vitest"

const root = join(import.meta.dirname, "..")
const read = (file: string): string => readFileSync(join(root, file), "utf8")

const pages = ["docs", "examples"]
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((file) => join(folder, file))
  )
  .concat(["README.md", "CHANGELOG.md", "CONTRIBUTING.md"])
  .filter((file) => file.endsWith(".md") && !file.includes("node_modules"))

/** What the page links to within the project, as paths from its root. */
const linksOf = (page: string): ReadonlyArray<string> =>
  [...read(page).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = ""]) => target.replace(/#.*$/, ""))
    .filter((target) => target !== "" && !/^[a-z]+:/.test(target))
    .map((target) => normalize(join(dirname(page), target)))

describe("the pages", () => {
  it("lead nowhere that is not there", () => {
    for (const page of pages) {
      for (const target of linksOf(page)) assert.isTrue(existsSync(join(root, target)), `${page} links to ${target}`)
    }
  })

  it("name files of the architecture that are there, and in them the functions to read first", () => {
    const text = read("docs/architecture.md")
    const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    for (const [, file = ""] of text.matchAll(/`((?:[a-z]+\/)*[A-Z]\w+\.ts)`/g)) {
      assert.isTrue(
        sources.some((source) => source === file || (!file.includes("/") && source.endsWith(`/${file}`))),
        `docs/architecture.md names ${file}`
      )
    }
    const named = [...text.matchAll(/`((?:[a-z]+\/)+\w+\.ts)` \(((?:`\w+`(?:, )?)+)\)/g)]
    assert.isAtLeast(named.length, 20)
    for (const [, file = "", functions = ""] of named) {
      for (const [, name = ""] of functions.matchAll(/`(\w+)`/g)) {
        assert.match(read(join("src", file)), new RegExp(`(?<![\\w.])${name}\\b\\s*[:=(<]`), `${file} has no ${name}`)
      }
    }
  })

  it("are all found from the README", () => {
    const reached = new Set(["README.md"])
    // A set gives what is added while one goes through it.
    for (const page of reached) {
      // A link to a folder shows what is in it.
      const shown = linksOf(page).flatMap((target) =>
        target.endsWith(".md") ? [target] : pages.filter((each) => dirname(each) === relative(".", target))
      )
      for (const each of shown) if (pages.includes(each)) reached.add(each)
    }
    assert.deepStrictEqual(
      pages.filter((page) => !reached.has(page)),
      []
    )
  })

  it("Install names each package that is asked for, in the version that is tested", () => {
    const page = read("docs/install.md")
    const { devDependencies, peerDependencies } = JSON.parse(read("package.json"))
    const named = new Map(
      [...page.matchAll(/(?<=\s)((?:@[a-z-]+\/)?[a-z-]+)@(\d[\d.]*)/g)].map(([, name, at]) => [name, at])
    )
    for (const name of Object.keys(peerDependencies)) assert.strictEqual(named.get(name), devDependencies[name], name)
    // The README has its commands for the packages that are always asked for.
    for (const [command] of read("README.md").matchAll(/^npm install .*$/gm)) assert.include(page, command)
  })

  it("examples ask for the versions that are tested", () => {
    const { devDependencies, version } = JSON.parse(read("package.json"))
    const tested: Readonly<Record<string, string>> = { ...devDependencies, daybook: version }
    for (const file of readdirSync(join(root, "examples")).map((folder) => `examples/${folder}/package.json`)) {
      const asked = JSON.parse(read(file))
      for (const [name, at] of Object.entries({ ...asked.dependencies, ...asked.devDependencies })) {
        if (tested[name] !== undefined) assert.strictEqual(at, tested[name], `${file}: ${name}`)
      }
    }
  })
})
