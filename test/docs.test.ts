/**
 * The code in the documentation does what it says: the `ts` blocks of each page, joined, compile under the project's
 * own rules and run, and print what the page's `text` blocks show.
 */
import { execFile } from "node:child_process"
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join, relative } from "node:path"
import process from "node:process"
import { promisify } from "node:util"
import { assert, describe, it, vi } from "@effect/vitest"

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
  it("compiles", { timeout: 300_000 }, async () => {
    // A page may show what it does not run.
    const compilerOptions = { noUnusedLocals: false, noEmit: true }
    const files = pages.map(fileOf)
    const project = join(folder, "tsconfig.json")
    writeFileSync(
      project,
      JSON.stringify({ extends: join(root, "tsconfig.json"), compilerOptions, files, include: [] })
    )
    // In a process of its own: it takes longer than a worker may be silent.
    const tsc = join(root, "node_modules/typescript/bin/tsc")
    const errors = await promisify(execFile)(process.execPath, [tsc, "-p", project, "--pretty", "false"]).then(
      () => "",
      ({ stdout }: { readonly stdout: string }) => stdout
    )
    assert.strictEqual(errors, "")
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
