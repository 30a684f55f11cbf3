/**
 * The metrics of this process in the text format of Prometheus, version 0.0.4. Names are OpenTelemetry's in the form
 * that its rules for Prometheus give them, and a collector too: `_` for `.`, the unit behind the name, and `_total`
 * behind that of a counter.
 */
import { type Metric, MetricKeyType, MetricState } from "effect"
import { type Reading, type Unit, unitTag } from "../core/Reading.ts"

type Pair = ReturnType<typeof Metric.unsafeSnapshot>[number]

const suffixes: Readonly<Record<Unit, string>> = { s: "_seconds", By: "_bytes" }
const suffixOf = (unit: string | null | undefined): string => (unit === "s" || unit === "By" ? suffixes[unit] : "")

const nameOf = (name: string): string => name.replace(/[^a-zA-Z0-9_:]/g, "_")
const quote = (value: string): string => value.replace(/[\\"\n]/g, (found) => (found === "\n" ? "\\n" : `\\${found}`))
const labels = (pairs: ReadonlyArray<readonly [key: string, value: string]>): string =>
  pairs.length === 0 ? "" : `{${pairs.map(([key, value]) => `${nameOf(key)}="${quote(value)}"`).join(",")}}`

type Kind = "counter" | "gauge" | "histogram"

const kindOf = ({ metricKey: { keyType } }: Pick<Pair, "metricKey">): Kind | undefined => {
  // One that may go down is a gauge here.
  if (MetricKeyType.isCounterKey(keyType)) return keyType.incremental ? "counter" : "gauge"
  if (MetricKeyType.isGaugeKey(keyType)) return "gauge"
  return MetricKeyType.isHistogramKey(keyType) ? "histogram" : undefined
}

/** The lines of one metric under one set of labels. */
const lines = (name: string, { metricKey, metricState }: Pair): ReadonlyArray<string> => {
  const tags = metricKey.tags.filter(({ key }) => key !== unitTag).map(({ key, value }) => [key, value] as const)
  if (MetricState.isCounterState(metricState)) {
    const shown = kindOf({ metricKey }) === "counter" ? `${name}_total` : name
    return [`${shown}${labels(tags)} ${metricState.count}`]
  }
  if (MetricState.isGaugeState(metricState)) return [`${name}${labels(tags)} ${metricState.value}`]
  if (!MetricState.isHistogramState(metricState)) return []
  const { buckets, count, sum } = metricState
  // Effect's last bucket is without a bound, as `+Inf` is.
  const bounded = [...buckets].filter(([bound]) => Number.isFinite(bound))
  return [
    ...bounded.map(([bound, below]) => `${name}_bucket${labels([...tags, ["le", String(bound)]])} ${below}`),
    `${name}_bucket${labels([...tags, ["le", "+Inf"]])} ${count}`,
    `${name}_sum${labels(tags)} ${sum}`,
    `${name}_count${labels(tags)} ${count}`
  ]
}

/** `except`: names among the metrics of which the readings have newer values. */
export const format = (
  snapshot: ReadonlyArray<Pair>,
  readings: ReadonlyArray<Reading>,
  except: ReadonlySet<string>
): string => {
  const families = new Map<string, { kind: Kind; description: string; lines: Array<string> }>()
  const family = (name: string, kind: Kind, description: string) => {
    const known = families.get(name) ?? { kind, description, lines: [] }
    families.set(name, known)
    return known.lines
  }
  for (const pair of snapshot) {
    const kind = kindOf(pair)
    if (kind === undefined || except.has(pair.metricKey.name)) continue
    const unit = pair.metricKey.tags.find(({ key }) => key === unitTag)?.value
    const name = `${nameOf(pair.metricKey.name)}${suffixOf(unit)}`
    const description = pair.metricKey.description._tag === "Some" ? pair.metricKey.description.value : name
    family(name, kind, description).push(...lines(name, pair))
  }
  for (const { description, kind, labels: named, name: plain, unit, value } of readings) {
    const name = `${nameOf(plain)}${suffixOf(unit)}`
    const shown = kind === "counter" ? `${name}_total` : name
    family(name, kind, description).push(`${shown}${labels(Object.entries(named))} ${value}`)
  }
  return [...families]
    .map(([name, { description, kind, lines }]) => {
      const shown = kind === "counter" ? `${name}_total` : name
      return [`# HELP ${shown} ${description}`, `# TYPE ${shown} ${kind}`, ...lines, ""].join("\n")
    })
    .join("")
}
