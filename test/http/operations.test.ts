/** What those who run the service see: health, metrics, the documents, traces; and the typed client. */
import { readFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { dirname, join, relative } from "node:path"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiClient from "@effect/platform/HttpApiClient"
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Option } from "effect"
import { AccountId } from "../../src/bank/account/AccountSchemas.ts"
import { application } from "../../src/bank/Bank.ts"
import { AccountsApi } from "../../src/bank/http/AccountsApi.ts"
import { part } from "../../src/bank/http/BankHttp.ts"
import { codes } from "../../src/bank/http/BankProblem.ts"
import { EventStore } from "../../src/core/EventStore.ts"
import * as ServedApi from "../../src/http/ServedApi.ts"
import { CheckpointStore } from "../../src/projection/CheckpointStore.ts"
import { GenerationStore } from "../../src/projection/GenerationStore.ts"
import { belfry } from "../cli/Belfry.ts"
import * as Cli from "../cli/Cli.ts"
import * as Service from "./Service.ts"
import * as Tanks from "./Tanks.ts"

const { ask, Url } = Service

layer(Service.layer(), { excludeTestServices: true })("operations", (it) => {
  it.effect("is live while it runs and ready when the store takes a commit (HT18)", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const bodies = { live: { status: "ok" }, ready: { status: "ok", stuck: 0 } }
      for (const [path, body] of Object.entries(bodies)) {
        const answer = yield* ask(`${url}/health/${path}`)
        assert.strictEqual(answer.status, 200)
        assert.deepInclude(answer.json, body)
        assert.strictEqual(answer.headers.get("cache-control"), "no-store")
      }
    })
  )

  it.effect("shows its metrics in the text format of Prometheus", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const id = yield* Service.open(url)
      const { json } = yield* ask(`${url}/accounts/${id}/deposits`, { body: { amount: "1" } })
      yield* ask(`${url}/accounts/${id}/withdrawals`, { body: { amount: "9" } })
      yield* ask(`${url}/accounts/${id}/summary?minPosition=${json.position}`)
      // Enough for a snapshot, which is saved beside the answers; and gauges are set once a second.
      const deposit = ask(`${url}/accounts/${id}/deposits`, { body: { amount: "1" } })
      yield* Effect.replicateEffect(deposit, 100, { concurrency: 16, discard: true })
      const answer = yield* Effect.repeat(ask(`${url}/metrics`), {
        until: ({ text }) => text.includes("daybook_mailbox_depth") && text.includes("daybook_snapshots_saved_total")
      })
      assert.match(answer.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/)
      for (const line of [
        /^daybook_commands_total\{.*command="Deposit".*outcome="success".*\} \d+$/m,
        /^daybook_commands_total\{.*command="Withdraw".*outcome="refusal".*\} \d+$/m,
        /^daybook_commit_batch_size_bucket\{le="1"\} \d+$/m,
        /^daybook_commit_duration_seconds_count \d+$/m,
        /^daybook_mailbox_depth \d+$/m,
        /^daybook_actor_live \d+$/m,
        /^daybook_actor_recoveries_total \d+$/m,
        /^daybook_actor_events_replayed_total \d+$/m,
        /^daybook_snapshots_saved_total \d+$/m,
        /^daybook_projection_lag\{projection="account_summary"\} \d+$/m,
        /^http_server_request_duration_seconds_bucket\{.*http_route="\/accounts\/:id\/deposits".*le="\+Inf"\} \d+$/m
      ]) {
        assert.match(answer.text, line)
      }
      const families = new Set<string>()
      for (const line of answer.text.trimEnd().split("\n")) {
        const type = /^# TYPE (\S+) (?:counter|gauge|histogram)$/.exec(line)?.[1]
        if (type === undefined) {
          assert.match(
            line,
            /^(?:# HELP [a-zA-Z_:]\w* .+|[a-zA-Z_:]\w*(?:\{(?:\w+="(?:[^"\\\n]|\\.)*",?)*\})? [-+.\deE]+)$/
          )
        } else {
          assert.isFalse(families.has(type), `${type} stands twice`)
          families.add(type)
        }
      }
    })
  )

  it.effect("the trace of a request goes on in the metadata of its events (HT19)", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const store = yield* EventStore
      const id = yield* Service.open(url)
      const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
      const headers = { traceparent: `00-${trace}-00f067aa0ba902b7-01` }
      yield* ask(`${url}/accounts/${id}/deposits`, { body: { amount: "1" }, headers })
      const [event] = (yield* store.readStream(`account-${id}` as never, { from: 2 })).events
      assert.match(event?.traceparent ?? "", new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`))
    })
  )

  it.effect("serves its documents, of which the page for people loads nothing from elsewhere", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const { json } = yield* ask(`${url}/openapi.json`)
      assert.deepStrictEqual(json, JSON.parse(JSON.stringify(ServedApi.make(application, part).document())))
      const page = yield* ask(`${url}/docs`)
      assert.strictEqual(page.status, 200)
      assert.match(page.headers.get("content-type") ?? "", /^text\/html/)
      assert.match(page.headers.get("content-security-policy") ?? "", /^default-src 'none'/)
      assert.notMatch(page.text.replace(/<script[\s\S]*?<\/script>/g, ""), /(?:src|href)="https?:/)
    })
  )

  it.effect("a typed client reads answers and catches problems by their code", () =>
    Effect.gen(function* () {
      const baseUrl = yield* Url
      const client = yield* HttpApiClient.make(AccountsApi, { baseUrl })
      const id = AccountId.make("typed")
      const opened = yield* client.accounts.open({
        payload: { accountId: id, owner: "Anna", currency: "EUR" },
        headers: { "idempotency-key": "typed 1" }
      })
      assert.deepInclude(opened, { version: 1, commandId: "typed 1" })
      const detail = yield* client.accounts
        .withdraw({ path: { id }, payload: { amount: "1" }, headers: { "if-match": 1 } })
        .pipe(
          Effect.as(""),
          Effect.catchTag("insufficient-funds", (problem) => Effect.succeed(problem.detail))
        )
      assert.strictEqual(detail, "1.00 EUR was asked for; 0.00 is available")
      const { events, next } = yield* client.accounts.events({ path: { id }, urlParams: { limit: 1 } })
      assert.deepStrictEqual([events[0]?.type, next], ["AccountOpened", null])
      const moved = yield* Effect.flip(
        client.accounts.deposit({ path: { id }, payload: { amount: "1" }, headers: { "if-match": 7 } })
      )
      assert.deepInclude(moved, { _tag: "version-mismatch", status: 412 })
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )
})

layer(Service.layer(), { excludeTestServices: true })("operations, where something is stuck", (it) => {
  it.effect("show it in the list, in the metrics and in the health, without a word of its error (TR10)", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const checkpoints = yield* CheckpointStore
      const generations = yield* GenerationStore
      const id = yield* Service.open(url)
      const { json } = yield* ask(`${url}/accounts/${id}/deposits`, { body: { amount: "1" } })
      yield* ask(`${url}/accounts/${id}/summary?minPosition=${json.position}`)
      const live = Option.flatMapNullable(yield* generations.find("account_summary"), (row) => row.live)
      const failure = { position: json.position, streamId: `account-${id}`, version: 2, type: "Deposited", attempts: 5 }
      yield* checkpoints.park(
        yield* live,
        { to: json.position, events: 0, rate: 0 },
        { ...failure, error: "it quotes 12.50 of Anna" }
      )
      const listed = yield* ask(`${url}/projections`)
      const [summary] = listed.json.projections
      assert.deepStrictEqual(summary.stuck, [failure])
      assert.notInclude(listed.text, "Anna")
      assert.deepInclude((yield* ask(`${url}/health/ready`)).json, { status: "ok", stuck: 1 })
      const { text } = yield* ask(`${url}/metrics`)
      assert.match(text, /^daybook_projection_stuck\{projection="account_summary"\} 1$/m)
      assert.match(text, /^daybook_projection_stuck\{projection="transfers"\} 0$/m)
    })
  )
})

layer(Service.layer(), { excludeTestServices: true })("operations, where a human is needed", (it) => {
  it.effect(
    "are one alarm for a model that halted; RD3 one that is ahead of the log is not ready, and its queries are late (F50)",
    () =>
      Effect.gen(function* () {
        const url = yield* Url
        const checkpoints = yield* CheckpointStore
        const generations = yield* GenerationStore
        const id = yield* Service.open(url)
        const { json } = yield* ask(`${url}/accounts/${id}/deposits`, { body: { amount: "1" } })
        const summary = `${url}/accounts/${id}/summary`
        yield* ask(`${summary}?minPosition=${json.position}`)
        const live = Effect.flatten(
          Effect.map(generations.find("account_summary"), (row) => Option.flatMapNullable(row, ({ live }) => live))
        )
        const failure = {
          position: json.position + 1,
          streamId: "account-9",
          version: 2,
          type: "Deposited",
          attempts: 5
        }
        yield* checkpoints.noteFailure(yield* live, { ...failure, error: "it quotes 12.50 of Anna", halted: true })
        const ready = yield* ask(`${url}/health/ready`)
        assert.deepInclude(ready.json, { status: "ok", stuck: 1 })
        assert.deepStrictEqual(ready.json.projections, { halted: ["account_summary"], ahead: [] })
        const { text } = yield* ask(`${url}/metrics`)
        assert.match(text, /^daybook_projection_stuck\{projection="account_summary"\} 1$/m)
        assert.match(text, /^daybook_projection_failed_attempts\{projection="account_summary"\} 5$/m)
        const listed = yield* ask(`${url}/projections`)
        assert.deepStrictEqual(listed.json.projections[0].lastError, { step: "apply", ...failure })
        assert.notInclude(listed.text + ready.text, "Anna")

        // As if the log had lost what was stored since.
        const end = json.position
        yield* checkpoints.advance(yield* live, { to: end + 1_000, events: 1, rate: 0 }, Effect.void)
        const notReady = yield* ask(`${url}/health/ready`)
        assert.deepStrictEqual([notReady.status, notReady.json.code], [503, "not-ready"])
        assert.include(notReady.json.detail, "account_summary")
        for (const query of ["", `?minPosition=${end}`]) {
          const late = yield* ask(summary + query)
          assert.deepStrictEqual([late.status, late.json.code], [503, "view-behind"], query)
        }
        assert.match(
          (yield* ask(`${url}/metrics`)).text,
          /^daybook_projection_stuck\{projection="account_summary"\} 1$/m
        )
        const [seen] = (yield* ask(`${url}/projections`)).json.projections
        assert.deepInclude(seen, { status: "ahead", position: end + 1_000 })
        assert.strictEqual(seen.lag.events, 0)
        assert.strictEqual((yield* ask(`${url}/projections/account_summary/rebuild`, { method: "POST" })).status, 202)
        yield* Effect.repeat(ask(`${url}/health/ready`), { until: ({ status }) => status === 200 })
        assert.strictEqual((yield* ask(`${summary}?minPosition=${end}`)).status, 200)
      })
  )
})

describe("telemetry", () => {
  it.scopedLive(
    "goes to the collector that the environment names, without keys, tokens, owners or amounts",
    () =>
      Effect.gen(function* () {
        const received = new Map<string, string>()
        const collector = createServer((request, response) => {
          let text = ""
          request.setEncoding("utf8").on("data", (chunk: string) => {
            text += chunk
          })
          request.on("end", () => {
            received.set(request.url ?? "", (received.get(request.url ?? "") ?? "") + text)
            response.end("{}")
          })
        })
        const port = yield* Effect.acquireRelease(
          Effect.async<number>((resume) => {
            collector.listen(0, "127.0.0.1", () => resume(Effect.succeed((collector.address() as AddressInfo).port)))
          }),
          () => Effect.sync(() => collector.close())
        )
        const env = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` }
        const service = yield* Service.start(["--db", "sqlite::memory:"], { env })
        const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        const body = { owner: "Rumpelstilz", currency: "EUR", overdraftLimit: "77.77" }
        const headers = { traceparent: `00-${trace}-00f067aa0ba902b7-01`, authorization: "Bearer t0ken" }
        assert.strictEqual((yield* ask(`${service.url}/accounts`, { body, headers, key: "k3y" })).status, 201)
        // Logs are sent each second; the rest at the latest when the service stops.
        while (!received.has("/v1/logs")) yield* Effect.sleep("10 millis")
        service.process.kill("SIGTERM")
        assert.strictEqual(yield* service.ended, 0)
        assert.sameMembers([...received.keys()], ["/v1/traces", "/v1/metrics", "/v1/logs"])
        assert.include(received.get("/v1/traces"), trace)
        assert.include(received.get("/v1/metrics"), "daybook.commands")
        const all = [...received.values()].join("")
        for (const secret of ["k3y", "t0ken", "Rumpelstilz", "77.77"]) assert.notInclude(all, secret)
      }),
    60_000
  )
})

describe("documents", () => {
  it("describes every route, each of its errors as a problem with an example, and the header fields of its answers", () => {
    const { components, openapi, paths } = ServedApi.make(application, part).document()
    assert.strictEqual(openapi, "3.1.0")
    // biome-ignore lint/suspicious/noExplicitAny: a document of JSON.
    const operations: Record<string, any> = paths
    let count = 0
    HttpApi.reflect(AccountsApi, {
      onGroup: () => {},
      onEndpoint: ({ endpoint: { method, path } }) => {
        count++
        const operation = operations[path.replace(/:(\w+)/g, "{$1}")]?.[method.toLowerCase()]
        assert.isDefined(operation, `${method} ${path}`)
        assert.isString(operation.summary, `${method} ${path} has a summary`)
        for (const [status, response] of Object.entries<{ content?: object; headers?: object }>(operation.responses)) {
          if (Number(status) >= 400) {
            assert.deepStrictEqual(
              Object.keys(response.content ?? {}),
              ["application/problem+json"],
              `${path} ${status}`
            )
          }
          if (status === "503") assert.property(response.headers, "Retry-After")
          if (status === "401") assert.property(response.headers, "WWW-Authenticate")
        }
        if (method === "POST" && path.startsWith("/accounts")) {
          for (const status of ["400", "401", "403", "413", "415", "422", "500", "503"]) {
            assert.property(operation.responses, status, path)
          }
          const success = operation.responses["200"] ?? operation.responses["201"]
          assert.includeMembers(Object.keys(success.headers), ["Daybook-Position", "Idempotency-Replayed", "ETag"])
        }
      }
    })
    // The bank makes no command public: of each aggregate there is only what is read.
    for (const { published } of application.aggregates) {
      for (const rest of ["", "/events", "/explain", "/explain/{commandId}"]) {
        count++
        assert.isString(operations[`/aggregates/${published.name}/{id}${rest}`]?.get.summary)
      }
    }
    assert.strictEqual(count, Object.values(operations).flatMap((path) => Object.keys(path)).length)
    // biome-ignore lint/suspicious/noExplicitAny: a document of JSON.
    const schemas: Record<string, any> = components.schemas
    for (const name of ["Opening", "Booking", "Receipt", "Account", "StoredEvent", "InsufficientFunds"]) {
      assert.isNotEmpty(schemas[name]?.examples, `${name} has an example`)
    }
  })

  it("has the verbs of timers where there are timers", () => {
    const pathsOf = (...made: Parameters<typeof ServedApi.make>) =>
      Object.keys(ServedApi.make(...made).document().paths).filter((path) => path.startsWith("/timers"))
    assert.deepStrictEqual(pathsOf(Tanks.application, undefined), ["/timers"])
    for (const paths of [pathsOf(application, part), pathsOf(belfry, undefined)]) {
      assert.deepStrictEqual(paths, ["/timers", "/timers/{key}/cancel", "/timers/{key}/fire"])
    }
  })

  it("daybook openapi prints the same document", { timeout: 20_000 }, async () => {
    const { code, stdout } = await Effect.runPromise(Cli.run(["openapi"]))
    assert.strictEqual(code, 0)
    assert.deepStrictEqual(JSON.parse(stdout), JSON.parse(JSON.stringify(ServedApi.make(application, part).document())))
  })

  it("docs/reference/errors.md has every code with its status, and no other", () => {
    const page = readFileSync(join(import.meta.dirname, "../../docs/reference/errors.md"), "utf8")
    const rows = [...page.matchAll(/^\| `([a-z-]+)` \| (\d{3}) \| (.+) \| (.+) \|$/gm)]
    assert.deepStrictEqual(
      rows.map(([, code, status]) => [code, Number(status)]).sort(),
      Object.entries(codes)
        .map(([code, { status }]) => [code, status])
        .sort()
    )
  })

  it("the contract is imported without the server, and nothing loads the pages of its documentation before they are read", () => {
    const source = join(import.meta.dirname, "../../src")
    const reached = new Set<string>()
    const visit = (file: string): void => {
      if (reached.has(file)) return
      reached.add(file)
      const text = readFileSync(file, "utf8")
      assert.notMatch(text, /^import .* from "@effect\/platform(?:-node)?"$/m, `${file} imports a barrel`)
      assert.notMatch(text, /^import [^(]*HttpApi(?:Scalar|Swagger)/m, file)
      for (const [, target = ""] of text.matchAll(/^(?:import|export) (?!type)[^"`;]*from "(\.[^"]+)"/gm)) {
        visit(join(dirname(file), target))
      }
    }
    visit(join(source, "bank/http/AccountsApi.ts"))
    const contract = [...reached].map((file) => relative(source, file)).filter((file) => /(?:^|\/)http\//.test(file))
    assert.sameMembers(contract, [
      "bank/http/AccountBodies.ts",
      "bank/http/AccountsApi.ts",
      "bank/http/BankProblem.ts",
      "bank/http/StatementView.ts",
      "http/Access.ts",
      "http/ApiParts.ts",
      "http/ConsoleApi.ts",
      "http/ConsoleViews.ts",
      "http/OperationView.ts",
      "http/Problem.ts",
      "http/ProjectionsApi.ts",
      "http/ServiceApi.ts",
      "http/SessionApi.ts",
      "http/TimersApi.ts"
    ])
    visit(join(source, "bank/main.ts"))
  })
})
