/**
 * OP8: the alert rules of `deploy/`: each fires and clears, has its section of the runbook, and asks for figures that
 * the service has.
 */
import { execFileSync } from "node:child_process"
import { copyFileSync, existsSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { inject } from "vitest"
import { application } from "../src/bank/Bank.ts"
import * as Facts from "../src/cli/Facts.ts"
import * as serve from "../src/cli/serve.ts"
import { Figures, layer as figuresLayer, MoreFigures } from "../src/http/Figures.ts"
import * as ServedApi from "../src/http/ServedApi.ts"
import * as ProjectionsLocal from "../src/projection/ProjectionsLocal.ts"
import * as SqliteStore from "../src/sql/SqliteStore.ts"
import * as Cli from "./cli/Cli.ts"
import * as Service from "./http/Service.ts"
import { folder, promtool, rules } from "./Promtool.ts"
import { temporaryFolder } from "./sql/TemporaryFolder.ts"

const root = join(import.meta.dirname, "..")
const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name = ""]) => name)

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

  it("has files that set what the service knows, and ask for what it serves (OP10)", () => {
    const files = ["Dockerfile", "compose.yaml", "daybook.service", "kubernetes/daybook.yaml"].map(
      (name) => [name, readFileSync(join(root, "deploy", name), "utf8")] as const
    )
    const known = new Set([...Object.keys(serve.options).map(Facts.variableOf), "DAYBOOK_LOG_FORMAT"])
    const paths = Object.keys(ServedApi.make(application, undefined).document().paths)
    for (const [name, text] of files) {
      const set = [...text.matchAll(/\bDAYBOOK_[A-Z_]+/g)].map(([variable]) => variable)
      assert.isNotEmpty(set, name)
      for (const variable of set) assert.isTrue(known.has(variable), `${name}: ${variable}`)
      for (const [, path = ""] of text.matchAll(/(\/health\/\w+)/g)) assert.include(paths, path, name)
      for (const [path] of text.matchAll(/dist\/[\w/.]+/g)) {
        assert.isTrue(existsSync(join(inject("dist"), path.replace("dist/", ""))), `${name}: ${path}`)
      }
    }
  })

  it.scoped("has an image with the packages of the service alone, in the versions of the tests", () =>
    Effect.gen(function* () {
      const home = yield* temporaryFolder
      copyFileSync(join(root, "package.json"), join(home, "package.json"))
      execFileSync(process.execPath, [join(root, "deploy/production.mjs")], { cwd: home })
      const read = (path: string) => JSON.parse(readFileSync(join(path, "package.json"), "utf8"))
      const [before, after] = [read(root), read(home)]
      assert.sameMembers(Object.keys(after.dependencies), Object.keys(before.peerDependencies))
      for (const [name, version] of Object.entries(after.dependencies)) {
        assert.strictEqual(version, before.devDependencies[name])
      }
      assert.notProperty(after, "devDependencies")
      assert.notProperty(after, "peerDependencies")
    })
  )

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
        // A node alone has none of a cluster: `test/cluster/figures.test.ts`.
        for (const name of asked)
          if (!name.startsWith("daybook_cluster_")) assert.match(text, new RegExp(`^${name}(?:\\{.*\\})? `, "m"), name)
        const figure = (name: string) => {
          const [, value] = new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, "m").exec(text) ?? []
          assert.isDefined(value, name)
          return Number(value)
        }
        assert.match(
          text,
          /^daybook_build_info\{version="0\.1\.0",runtime="(?:node|deno) [\d.]+",database="sqlite"\} 1$/m
        )
        assert.strictEqual(figure("daybook_database_size_bytes"), statSync(filename).size)
        assert.isAbove(figure("daybook_database_wal_size_bytes"), 0)
        assert.isAtLeast(figure("daybook_database_disk_size_bytes"), figure("daybook_database_disk_available_bytes"))
        const head = JSON.parse((yield* Cli.run(["head", "--db", `sqlite:${filename}`])).stdout)
        for (const of of ["sequence", "position", "epoch"])
          assert.strictEqual(figure(`daybook_journal_${of}`), head[of])
        assert.isAbove(figure("process_memory_usage_bytes"), 10_000_000)
        assert.isAbove(figure("process_cpu_time_seconds_total"), 0)
        assert.isAbove(figure("process_uptime_seconds"), 0)
        if (existsSync("/proc/self/fd")) assert.isAbove(figure("process_unix_file_descriptor_count"), 3)
        assert.match(text, /^daybook_eventloop_delay_seconds_bucket\{le="0\.001"\} \d+$/m)
        assert.match(text, /^daybook_commit_duration_seconds_bucket\{le="0\.0005"\} \d+$/m)
        // Seconds, and not a thousand of them.
        assert.isBelow(figure("daybook_commit_duration_seconds_sum"), 100)
        const page = readFileSync(join(root, "docs/operate/metrics.md"), "utf8")
        for (const [, name = ""] of text.matchAll(/^# TYPE ((?!effect_)\S+) /gm)) assert.include(page, `\`${name}\``)
        for (const of of ["projections", "journal", "process", "build", "database"]) {
          assert.include(text, `daybook_figures_unreadable{of="${of}"} 0\n`)
        }
      }),
    60_000
  )

  it.effect("has the other figures where some cannot be read, and says which those are", () =>
    Effect.gen(function* () {
      const figures = yield* Figures
      const read = yield* figures.all
      const values = new Map(read.map(({ labels, name, value }) => [`${name} ${Object.values(labels)}`, value]))
      assert.strictEqual(values.get("daybook.figures.unreadable broken"), 1)
      assert.strictEqual(values.get("daybook.figures.unreadable thrown"), 1)
      assert.strictEqual(values.get("daybook.figures.unreadable journal"), 0)
      assert.strictEqual(values.get("daybook.journal.sequence "), 0)
    }).pipe(
      Effect.provide(
        figuresLayer.pipe(
          Layer.provide(
            Layer.succeed(MoreFigures, { broken: Effect.fail(new Error("broken")), thrown: Effect.die("thrown") })
          ),
          Layer.provide(ProjectionsLocal.layer([])),
          Layer.provide(SqliteStore.layer({ filename: ":memory:" })),
          Layer.provide(Logger.remove(Logger.defaultLogger))
        )
      )
    )
  )
})
