/** OP8: the alert rules of `deploy/`: each fires and clears, has its section of the runbook, and asks for figures that the service has. */
import { execFileSync, spawnSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Service from "./http/Service.ts"
import { temporaryFolder } from "./sql/TemporaryFolder.ts"

const root = join(import.meta.dirname, "..")
const folder = join(root, "deploy/prometheus")
const rules = readFileSync(join(folder, "daybook.rules.yaml"), "utf8")
const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name = ""]) => name)

/** Debian's package has it; `.ci/promtool` brings it into the cache. */
const promtool = [join(root, "node_modules/.cache/promtool/promtool"), "promtool"].find(
  (path) => existsSync(path) || spawnSync(path, ["--version"]).status === 0
)

describe("what one deploys", () => {
  it("has rules that fire and clear, and a test of each (OP8)", ({ skip }) => {
    const tests = readFileSync(join(folder, "daybook.rules.test.yaml"), "utf8")
    for (const alert of alerts) {
      assert.isAtLeast(tests.split(`alertname: ${alert}`).length, 3, `${alert} is not seen to fire and to clear`)
    }
    if (promtool === undefined) {
      console.log("promtool is not here: the alert rules are not run")
      return skip("there is no promtool")
    }
    execFileSync(promtool, ["check", "rules", "daybook.rules.yaml"], { cwd: folder })
    assert.include(
      execFileSync(promtool, ["test", "rules", "daybook.rules.test.yaml"], { cwd: folder, encoding: "utf8" }),
      "SUCCESS"
    )
  })

  it("has a section of the runbook for each alert (OP8)", () => {
    const runbook = readFileSync(join(root, "docs/operate/runbook.md"), "utf8")
    for (const alert of alerts) {
      assert.include(runbook, `\n## ${alert}\n`)
      assert.include(rules, `runbook.md#${alert.toLowerCase()}`)
    }
  })

  it.scopedLive(
    "asks for figures that a service has (OP8)",
    () =>
      Effect.gen(function* () {
        const filename = join(yield* temporaryFolder, "d.db")
        const { url } = yield* Service.start(["--db", `sqlite:${filename}`])
        const id = yield* Service.open(url)
        yield* Service.ask(`${url}/accounts/${id}/deposits`, { body: { amount: "1" } })
        const { text } = yield* Service.ask(`${url}/metrics`)
        const dashboard = readFileSync(join(root, "deploy/grafana/daybook.json"), "utf8")
        const asked = new Set(
          [...`${rules}${dashboard}`.matchAll(/\b(?:daybook|http)_[a-z_]+(?=\{)/g)].map(([name]) => name)
        )
        assert.isAbove(asked.size, 8)
        for (const name of asked) assert.match(text, new RegExp(`^${name}(?:\\{.*\\})? `, "m"), name)
      }),
    60_000
  )
})
