/** What the server measures of requests, under the names of OpenTelemetry's semantic conventions for HTTP. */
import { Metric, MetricBoundaries, MetricKey } from "effect"
import { unitTag } from "../core/Reading.ts"

/** Seconds: the buckets that the conventions advise. */
const boundaries = MetricBoundaries.fromIterable([
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10
])

const durations = new Map<string, Metric.Metric.Histogram<number>>()

/**
 * Methods and routes are those of the contract, and statuses those of `Problem`: so there are not more than some
 * hundreds.
 */
const durationOf = (method: string, route: string, status: number) => {
  const name = `${method} ${route} ${status}`
  let metric = durations.get(name)
  if (metric === undefined) {
    const key = MetricKey.histogram("http.server.request.duration", boundaries, "Seconds to the answer's header").pipe(
      MetricKey.tagged(unitTag, "s"),
      MetricKey.tagged("http.request.method", method),
      MetricKey.tagged("http.route", route),
      MetricKey.tagged("http.response.status_code", String(status))
    )
    metric = Metric.fromMetricKey(key) as Metric.Metric.Histogram<number>
    durations.set(name, metric)
  }
  return metric
}

/** The method, if it exists: a client may make up any number of others. */
export const known = (method: string): string =>
  /^(?:GET|HEAD|POST|OPTIONS|PUT|PATCH|DELETE)$/.test(method) ? method : "_OTHER"

export const answered = (method: string, route: string, status: number, seconds: number): void => {
  durationOf(known(method), route, status).unsafeUpdate(seconds, [])
}

const refusals = new Map<string, Metric.Metric.Counter<number>>()

/** A token was not taken, for this reason: one of few. */
export const refused = (reason: string): void => {
  let metric = refusals.get(reason)
  if (metric === undefined) {
    const description =
      "Requests whose token was missing, unknown, expired, sent by a foreign page, over its rate, or not for what was asked"
    metric = Metric.tagged(
      Metric.counter("daybook.http.tokens.refused", { description, incremental: true }),
      "reason",
      reason
    )
    refusals.set(reason, metric)
  }
  metric.unsafeUpdate(1, [])
}

export const subscribers = Metric.gauge("daybook.http.subscribers", { description: "Clients that follow the feed" })

export const waits = Metric.gauge("daybook.http.waits", {
  description: "Requests that wait for a position, for the past, or for the end of a process"
})

// There from the start, as dashboards expect.
for (const gauge of [subscribers, waits]) gauge.unsafeUpdate(0, [])
