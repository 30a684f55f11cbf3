/** The metrics of this process in the text format of Prometheus, version 0.0.4. Names keep OpenTelemetry's, with `_` for `.`. */
import { type Metric, MetricKeyType, MetricState } from "effect"

type Pair = ReturnType<typeof Metric.unsafeSnapshot>[number]

const nameOf = (name: string): string => name.replace(/[^a-zA-Z0-9_:]/g, "_")
const quote = (value: string): string => value.replace(/[\\"\n]/g, (found) => (found === "\n" ? "\\n" : `\\${found}`))
const labels = (pairs: ReadonlyArray<readonly [key: string, value: string]>): string =>
  pairs.length === 0 ? "" : `{${pairs.map(([key, value]) => `${nameOf(key)}="${quote(value)}"`).join(",")}}`

type Kind = "counter" | "gauge" | "histogram"

const kindOf = ({ metricKey: { keyType } }: Pair): Kind | undefined => {
  if (MetricKeyType.isCounterKey(keyType)) return "counter"
  if (MetricKeyType.isGaugeKey(keyType)) return "gauge"
  return MetricKeyType.isHistogramKey(keyType) ? "histogram" : undefined
}

/** The lines of one metric under one set of labels. */
const lines = (name: string, { metricKey, metricState }: Pair): ReadonlyArray<string> => {
  const tags = [...metricKey.tags].map(({ key, value }) => [key, value] as const)
  if (MetricState.isCounterState(metricState)) return [`${name}_total${labels(tags)} ${metricState.count}`]
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

/** A figure that is read when it is asked for. */
export interface Reading {
  readonly name: string
  readonly description: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export const format = (snapshot: ReadonlyArray<Pair>, readings: ReadonlyArray<Reading>): string => {
  const families = new Map<string, { kind: Kind; description: string; lines: Array<string> }>()
  const family = (name: string, kind: Kind, description: string) => {
    const known = families.get(name) ?? { kind, description, lines: [] }
    families.set(name, known)
    return known.lines
  }
  for (const pair of snapshot) {
    const kind = kindOf(pair)
    if (kind === undefined) continue
    const name = nameOf(pair.metricKey.name)
    const description = pair.metricKey.description._tag === "Some" ? pair.metricKey.description.value : name
    family(name, kind, description).push(...lines(name, pair))
  }
  for (const reading of readings) {
    const name = nameOf(reading.name)
    family(name, "gauge", reading.description).push(`${name}${labels(Object.entries(reading.labels))} ${reading.value}`)
  }
  return [...families]
    .map(([name, { description, kind, lines }]) => {
      const shown = kind === "counter" ? `${name}_total` : name
      return [`# HELP ${shown} ${description}`, `# TYPE ${shown} ${kind}`, ...lines, ""].join("\n")
    })
    .join("")
}
