/**
 * OP9: one trace, from a client's `traceparent` through command and commit to what a reaction sends; a collector of our
 * own takes it.
 */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"
import * as Service from "./Service.ts"

interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly links?: ReadonlyArray<{ readonly traceId: string; readonly spanId: string }>
}

/** A metric, with its last points. */
interface Collected {
  readonly name: string
  readonly unit: string
  readonly sum?: { readonly isMonotonic: boolean }
}

interface Collector {
  readonly url: string
  readonly spans: Array<Span>
  readonly metrics: ReadonlyMap<string, Collected>
  readonly close: () => void
}

/** Takes what is sent over OTLP, in JSON. */
const collector = Effect.acquireRelease(
  Effect.async<Collector>((resume) => {
    const spans: Array<Span> = []
    const metrics = new Map<string, Collected>()
    const server = createServer((request, response) => {
      let text = ""
      request.setEncoding("utf8").on("data", (part: string) => {
        text += part
      })
      request.on("end", () => {
        if (request.url === "/v1/traces") {
          for (const { scopeSpans } of JSON.parse(text).resourceSpans)
            for (const scope of scopeSpans) spans.push(...scope.spans)
        }
        if (request.url === "/v1/metrics") {
          for (const { scopeMetrics } of JSON.parse(text).resourceMetrics)
            for (const scope of scopeMetrics) for (const metric of scope.metrics) metrics.set(metric.name, metric)
        }
        response.setHeader("content-type", "application/json").end("{}")
      })
    })
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, spans, metrics, close: () => server.close() }))
    })
  }),
  ({ close }) => Effect.sync(close)
)

describe("traces", () => {
  it.scopedLive(
    "a deposit and a transfer are one trace each, to the credit of the target (OP9)",
    () =>
      Effect.gen(function* () {
        const { spans, url: endpoint } = yield* collector
        const filename = join(yield* temporaryFolder, "d.db")
        const service = yield* Service.start(["--db", `sqlite:${filename}`], {
          env: { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }
        })
        const [from, to] = [yield* Service.open(service.url), yield* Service.open(service.url)]
        const traced = (path: string, body: object, traceId: string) =>
          Service.ask(`${service.url}${path}`, { body, headers: { traceparent: `00-${traceId}-00f067aa0ba902b7-01` } })
        const [depositing, transferring] = ["a", "b"].map((digit) => digit.repeat(32)) as [string, string]
        assert.strictEqual((yield* traced(`/accounts/${from}/deposits`, { amount: "10" }, depositing)).status, 200)
        const transfer = { from, to, amount: "4" }
        assert.strictEqual((yield* traced("/transfers", transfer, transferring)).status, 201)
        service.process.kill("SIGTERM")
        assert.strictEqual(yield* service.ended, 0)

        const of = (traceId: string) => spans.filter((span) => span.traceId === traceId)
        for (const traceId of [depositing, transferring]) {
          const ids = new Set(["00f067aa0ba902b7", ...of(traceId).map(({ spanId }) => spanId)])
          // Whole: each span stands below another one of the trace, up to the client's.
          for (const { name, parentSpanId } of of(traceId))
            assert.isTrue(ids.has(parentSpanId ?? ""), `${name} of ${parentSpanId}`)
        }
        const names = (traceId: string) => of(traceId).map(({ name }) => name)
        assert.includeMembers(names(depositing), ["Account.Deposit", "daybook.commit"])
        const commit = of(depositing).find(({ name }) => name === "daybook.commit")
        const command = of(depositing).find(({ name }) => name === "Account.Deposit")
        assert.strictEqual(commit?.parentSpanId, command?.spanId)
        assert.isTrue(commit?.links?.some(({ spanId }) => spanId === command?.spanId) === true)
        // A batch of a projection has events of many traces: it begins one of its own, and names theirs.
        const batches = spans.filter(({ name }) => name === "daybook.projection")
        assert.isAtLeast(batches.length, 1)
        const known = new Set(spans.map(({ spanId }) => spanId))
        for (const { links = [], parentSpanId } of batches) {
          assert.isTrue((parentSpanId ?? "") === "")
          assert.isAtLeast(links.length, 1)
          for (const { spanId } of links) assert.isTrue(known.has(spanId))
        }
        const sent = names(transferring).filter((name) => /^(?:Account|Transfer)\./.test(name))
        assert.isTrue(
          sent.some((name) => /^Account\..*(?:Credit|Receive)/.test(name)),
          sent.join(", ")
        )
      }),
    120_000
  )

  it.scopedLive(
    "a collector gets every figure that /metrics has, under its name and unit (OP9)",
    () =>
      Effect.gen(function* () {
        const { metrics, url: endpoint } = yield* collector
        const filename = join(yield* temporaryFolder, "d.db")
        const service = yield* Service.start(["--db", `sqlite:${filename}`], {
          env: { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }
        })
        const id = yield* Service.open(service.url)
        yield* Service.ask(`${service.url}/accounts/${id}/summary?minPosition=1`)
        const { text } = yield* Service.ask(`${service.url}/metrics`)
        service.process.kill("SIGTERM")
        assert.strictEqual(yield* service.ended, 0)
        const suffixes: Readonly<Record<string, string>> = { s: "_seconds", By: "_bytes" }
        const collected = [...metrics.values()].map(({ name, sum, unit }) => {
          const plain = `${name.replaceAll(/[^a-zA-Z0-9_:]/g, "_")}${suffixes[unit] ?? ""}`
          return sum?.isMonotonic === true ? `${plain}_total` : plain
        })
        const shown = [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name = ""]) => name)
        assert.includeMembers(collected, shown)
        assert.includeMembers(shown, ["daybook_projection_stuck", "daybook_database_size_bytes"])
        assert.strictEqual(shown.length, new Set(shown).size)
      }),
    120_000
  )
})
