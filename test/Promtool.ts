/**
 * What was recorded of a service, as a test of Prometheus' own tool: the alert rules of `deploy/` run over it, and fire
 * or do not.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const root = join(import.meta.dirname, "..")
export const folder = join(root, "deploy/prometheus")
export const rules = readFileSync(join(folder, "daybook.rules.yaml"), "utf8")

/** Debian's package has it; `.ci/promtool` brings it into the cache. Undefined where there is none. */
export const promtool = [join(root, "node_modules/.cache/promtool/promtool"), "promtool"].find(
  (path) => existsSync(path) || spawnSync(path, ["--version"]).status === 0
)

/** What `/metrics` said in a state; null where it did not answer. */
export type Recorded = string | null

/** How often Prometheus asks in these tests, and how many samples of each state it has: 5, 15 and 20 minutes. */
const intervalSeconds = 15
const samples = [20, 60, 80] as const

/** Names of metrics that the rules ask for. */
const asked = new Set([...rules.matchAll(/\b(?:daybook|http)_[a-z_]+(?=[{[])/g)].map(([name]) => name))

const seriesOf = (text: Recorded): ReadonlyMap<string, number> =>
  new Map(
    [...(text ?? "").matchAll(/^(([a-z_]+)(?:\{.*\})?) (\S+)$/gm)].flatMap(([, series = "", name = "", value]) =>
      asked.has(name) ? [[series, Number(value)] as const] : []
    )
  )

const isCounter = (series: string): boolean => /^[a-z_]+_(?:total|count)(?:\{|$)/.test(series)

/** The samples of one series: a gauge is what it was, a counter goes from what it was to what it is. */
const valuesOf = (series: string, states: ReadonlyArray<ReadonlyMap<string, number>>): string => {
  const values: Array<string> = []
  let before = states[0]?.get(series)
  for (const [at, count] of samples.entries()) {
    const now = states[at]?.get(series)
    // A process that started again counts from 0.
    const from = now !== undefined && (before ?? 0) > now ? now : (before ?? 0)
    for (let n = 1; n <= count; n++) {
      values.push(now === undefined ? "_" : String(isCounter(series) ? from + ((now - from) * n) / count : now))
    }
    before = now
  }
  return values.join(" ")
}

const named = (series: string): string => {
  const labels = /\{(.*)\}$/.exec(series)?.[1]
  const name = series.replace(/\{.*$/, "")
  return `${name}{job="daybook",instance="n1"${labels === undefined ? "" : `,${labels}`}}`
}

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`

/**
 * Runs the rules over the states before, while and after something was wrong: each of these alerts, with labels as in
 * PromQL, fires in the second alone. Throws with what the tool says otherwise.
 */
export const assertFires = (
  file: string,
  states: readonly [before: Recorded, during: Recorded, after: Recorded],
  alerts: ReadonlyArray<readonly [alert: string, labels?: string]>
): void => {
  if (promtool === undefined) throw new Error("there is no promtool")
  const recorded = states.map(seriesOf)
  const all = [...new Set(recorded.flatMap((state) => [...state.keys()]))]
  const up = states.flatMap((state, at) => Array.from({ length: samples[at] ?? 0 }, () => (state === null ? "0" : "1")))
  const input = [
    ["up", up.join(" ")] as const,
    ...all.map((series) => [series, valuesOf(series, recorded)] as const)
  ].map(([series, values]) => `      - { series: ${quoted(named(series))}, values: "${values}" }`)
  const ends = [samples[0] - 1, samples[0] + samples[1] - 2, samples[0] + samples[1] + samples[2] - 1]
  const expected = alerts.flatMap(([alert, labels = ""]) =>
    ends.map((end, at) => {
      const expr = `count(ALERTS{alertname="${alert}",alertstate="firing"${labels === "" ? "" : `,${labels}`}})`
      const samplesThen = at === 1 ? `[{ labels: "{}", value: 1 }]` : "[]"
      return `      - { expr: ${quoted(expr)}, eval_time: ${end * intervalSeconds}s, exp_samples: ${samplesThen} }`
    })
  )
  const test = [
    `rule_files: [${quoted(join(folder, "daybook.rules.yaml"))}]`,
    `evaluation_interval: ${intervalSeconds}s`,
    "tests:",
    `  - interval: ${intervalSeconds}s`,
    "    input_series:",
    ...input,
    "    promql_expr_test:",
    ...expected,
    ""
  ]
  writeFileSync(file, test.join("\n"))
  execFileSync(promtool, ["test", "rules", file], { encoding: "utf8", stdio: "pipe" })
}
