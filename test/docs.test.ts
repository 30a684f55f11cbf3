/**
 * The code in the documentation does what it says: the `ts` blocks of each page, joined, compile under the project's own
 * rules and run, and print what the page's `text` blocks show.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join, relative } from "node:path"
import { assert, describe, it, vi } from "@effect/vitest"
import ts from "typescript"

const root = join(import.meta.dirname, "..")
/** Not under node_modules, where vitest leaves files as they are. */
const folder = join(root, ".cache/docs")

const pages = [
  "README.md",
  ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".md"))
    .map((file) => join("docs", file))
].filter((page) => readFileSync(join(root, page), "utf8").includes("```ts\n"))

const blocks = (page: string, language: string): string =>
  [...readFileSync(join(root, page), "utf8").matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, "gms"))]
    .map(([, code]) => code)
    .join("")

const { exports: entries } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  readonly exports: Readonly<Record<string, { readonly default: string } | undefined>>
}

/** The entry points are what a user imports; here they are the sources. */
const withSources = (code: string): string =>
  code.replaceAll(/from "daybook((?:\/[a-z/]+)?)"/g, (_, entry: string) => {
    const built = entries[`.${entry}`]?.default
    assert.isDefined(built, `the package has no daybook${entry}`)
    const source = built.replace(/^\.\/dist\/(.*)\.js$/, "src/$1.ts")
    return `from ${JSON.stringify(relative(folder, join(root, source)))}`
  })

const fileOf = (page: string): string => join(folder, `${page.replaceAll(/[^A-Za-z0-9]/g, "-")}.ts`)

mkdirSync(folder, { recursive: true })
for (const page of pages) writeFileSync(fileOf(page), `${withSources(blocks(page, "ts"))}\nexport {}\n`)

describe("the documentation", () => {
  it("compiles", { timeout: 120_000 }, () => {
    const config = ts.readConfigFile(join(root, "tsconfig.json"), (path) => ts.sys.readFile(path))
    const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, root)
    // A page may show what it does not run.
    const program = ts.createProgram(pages.map(fileOf), { ...options, noUnusedLocals: false, noEmit: true })
    const errors = ts
      .getPreEmitDiagnostics(program)
      .filter(({ file }) => file?.fileName.startsWith(folder))
      .map(({ file, messageText, start = 0 }) => {
        const line = (file?.getLineAndCharacterOfPosition(start).line ?? 0) + 1
        return `${file?.fileName}:${line}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`
      })
    assert.deepStrictEqual(errors, [])
  })

  it.each(pages)("%s prints what it shows", async (page) => {
    const printed: Array<string> = []
    const log = vi.spyOn(console, "log").mockImplementation((...values) => void printed.push(values.join(" ")))
    try {
      await import(fileOf(page))
    } finally {
      log.mockRestore()
    }
    const shown = blocks(page, "text")
    assert.strictEqual(printed.map((line) => `${line}\n`).join(""), shown)
  })
})
