/** `MetricReader` reads figures that the process measures, by their names, out of one snapshot of them. */
import { Metric, MetricState } from "effect"

/** How often something took how long: counts by the upper bound of their buckets, each including those below it. */
export interface Distribution {
  readonly count: number
  readonly buckets: ReadonlyArray<readonly [bound: number, below: number]>
}

export interface MetricReader {
  /** A counter or a gauge, over all its labels; 0 where nothing was measured. */
  readonly sum: (name: string) => number
  readonly distribution: (name: string) => Distribution
}

const nothing: Distribution = { count: 0, buckets: [] }

/** What is measured now. */
export const read = (): MetricReader => {
  const pairs = Metric.unsafeSnapshot()
  return {
    sum: (name) => {
      let sum = 0
      for (const { metricKey, metricState } of pairs) {
        if (metricKey.name !== name) continue
        if (MetricState.isCounterState(metricState)) sum += Number(metricState.count)
        else if (MetricState.isGaugeState(metricState)) sum += Number(metricState.value)
      }
      return sum
    },
    distribution: (name) => {
      const state = pairs.find(({ metricKey }) => metricKey.name === name)?.metricState
      return state !== undefined && MetricState.isHistogramState(state)
        ? { count: state.count, buckets: [...state.buckets] }
        : nothing
    }
  }
}

/** The bound that this part of what was measured between two readings does not exceed; null where nothing was. */
export const quantile = (part: number, before: Distribution, now: Distribution): number | null => {
  const count = now.count - before.count
  if (count <= 0) return null
  const found = now.buckets.find(([, below], at) => below - (before.buckets[at]?.[1] ?? 0) >= part * count)
  return found === undefined || !Number.isFinite(found[0]) ? null : found[0]
}
