/**
 * Runs `deno task test` and says of each of its tests what Deno said, so that it counts like any other. Deno runs while
 * this file is collected: only then are the names of its tests known.
 */
import { execFile } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { program, root } from "./Deno.ts"

const folder = mkdtempSync(join(tmpdir(), "daybook-deno-"))
const report = join(folder, "junit.xml")
const { code, output } = await new Promise<{ readonly code: number | string | null; readonly output: string }>(
  (resolve) => {
    const options = { cwd: root, maxBuffer: 64 * 1_048_576 }
    execFile(program, ["task", "test", `--junit-path=${report}`], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : (error.code ?? null), output: stdout + stderr })
    })
  }
)
const cases = existsSync(report)
  ? readFileSync(report, "utf8").matchAll(/<testcase name="([^"]*)"[^>]*>([\s\S]*?)<\/testcase>/g)
  : []

const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" }
const plain = (text: string): string => text.replaceAll(/&(\w+);/g, (_, name: string) => entities[name] ?? "")

describe("deno task test", () => {
  it("ends well", () => assert.strictEqual(code, 0, output))

  for (const [, name = "", outcome = ""] of cases) {
    const failure = /<failure[^>]*>([\s\S]*?)<\/failure>/.exec(outcome)?.[1]
    it(plain(name), () => {
      if (failure !== undefined) throw new Error(plain(failure))
    })
  }
})
rmSync(folder, { recursive: true })
