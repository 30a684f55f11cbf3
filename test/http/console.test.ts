/** What the console asks: each question answered as the log has it, and nothing written by any of them. */
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import { EventStore } from "../../src/core/EventStore.ts"
import { SqlDatabase } from "../../src/sql/SqlDatabase.ts"
import * as Cli from "../cli/Cli.ts"
import { database, deposit, open as opened } from "../cli/Rows.ts"
import { assertProblem } from "./Problems.ts"
import * as Serve from "./Serve.ts"
import * as Service from "./Service.ts"

const { ask, Url } = Service
const trace = "4bf92f3577b34da6a3ce929d0e0e4736"

/** An account with money, one without, a transfer that failed for it, and a rebuild. */
const seed = (url: string) =>
  Effect.gen(function* () {
    for (const accountId of ["anna", "anna-2", "7"]) {
      yield* ask(`${url}/accounts`, { body: { accountId, owner: "A", currency: "EUR" }, key: `open ${accountId}` })
    }
    yield* ask(`${url}/accounts/anna/deposits`, {
      body: { amount: "12.50" },
      key: "salary",
      headers: { traceparent: `00-${trace}-00f067aa0ba902b7-01` }
    })
    yield* ask(`${url}/accounts/anna/withdrawals`, { body: { amount: "99" }, key: "too much" })
    yield* ask(`${url}/transfers`, {
      body: { transferId: "rent", from: "anna", to: "7", amount: "5" },
      key: "rent"
    })
  })

const hits = (url: string, q: string) =>
  Effect.map(ask(`${url}/console/search?q=${encodeURIComponent(q)}`), (answer) => {
    assert.strictEqual(answer.status, 200, answer.text)
    return answer.json.hits as ReadonlyArray<Record<string, unknown>>
  })

layer(Service.layer(), { excludeTestServices: true })("the console's questions", (it) => {
  it.effect("are answered as the log has it, and nothing is written by looking", () =>
    Effect.gen(function* () {
      const url = yield* Url
      yield* seed(url)
      const store = yield* EventStore
      const database = yield* SqlDatabase
      const changes = Effect.map(
        Effect.all([store.journalHead, database.read("SELECT count(*), total(length(data)) FROM snapshots", [])]),
        (found) => JSON.stringify(found)
      )
      const before = yield* changes
      const get = (path: string) =>
        Effect.map(ask(`${url}${path}`), (answer) => {
          assert.strictEqual(answer.status, 200, `${path} ${answer.text}`)
          return answer.json
        })

      const application = yield* get("/console/application")
      assert.deepStrictEqual(
        application.aggregates.map(({ name, prefix }: Record<string, string>) => [name, prefix]),
        [
          ["Account", "account"],
          ["Transfer", "transfer"],
          ["Timer", "timer"]
        ]
      )
      assert.deepStrictEqual(
        [application.projections, application.reactions],
        [
          ["account_summary", "pending_timers"],
          ["transfers", "holds", "timers"]
        ]
      )

      const first = yield* get("/console/aggregates/Account?limit=2")
      assert.deepStrictEqual(first, {
        aggregates: [
          { id: "7", streamId: "account-7", version: first.aggregates[0].version },
          { id: "anna", streamId: "account-anna", version: first.aggregates[1].version }
        ],
        next: "anna"
      })
      const second = yield* get("/console/aggregates/Account?limit=2&after=anna")
      assert.deepStrictEqual([second.aggregates.map(({ id }: { id: string }) => id), second.next], [["anna-2"], null])
      const alike = yield* get("/console/aggregates/Account?prefix=anna")
      assert.strictEqual(alike.aggregates.length, 2)
      assertProblem(yield* ask(`${url}/console/aggregates/Nothing`), "route-not-found")

      const head = yield* get("/console/head")
      const { hash, sequence } = yield* store.journalHead
      assert.deepInclude(head.head, { hash, sequence })
      assert.deepInclude(head.check, { from: 1, to: sequence, ok: true })

      const [salary] = yield* hits(url, "salary")
      const at = salary?.sequence as number
      const journal = yield* get(`/console/journal?limit=${at}`)
      assert.strictEqual(journal.next, at)
      const deposited = { kind: "command", name: "Deposit", aggregate: "Account", id: "anna", commandId: "salary" }
      assert.deepInclude(journal.entries.at(-1), deposited)
      const rest = yield* get(`/console/journal?after=${at}`)
      assert.deepInclude(rest.entries[0], { name: "Withdraw", outcome: "refusal", events: 0 })
      assert.strictEqual(rest.entries.at(-1).sequence, sequence)
      assert.isNull(rest.next)

      const overview = yield* get("/console/overview")
      assert.deepStrictEqual(
        overview.checks.map(({ name, ok }: Record<string, unknown>) => [name, ok]),
        ["store", "recovery", "projections", "processes"].map((name) => [name, true])
      )
      assert.deepStrictEqual(overview.alarms, [])
      assert.deepInclude(overview.head, { sequence, epoch: 1 })
      assert.deepStrictEqual(
        overview.projections.map(({ kind, name }: Record<string, string>) => [name, kind]),
        [
          ["account_summary", "projection"],
          ["holds", "reaction"],
          ["pending_timers", "projection"],
          ["timers", "reaction"],
          ["transfers", "reaction"]
        ]
      )
      assert.isNull(overview.rates.windowSeconds)
      const later = yield* Effect.repeat(get("/console/overview"), {
        until: ({ rates }) => rates.windowSeconds !== null
      })
      assert.deepInclude(later.rates, { commits: 0, commitP50Ms: null, eventsPerSecond: 0 })

      const storeView = yield* get("/console/store")
      assert.deepInclude(storeView.limits, { name: "maxWaits", value: "512", isDefault: true })
      assert.deepStrictEqual(yield* get("/console/nodes"), { clustered: false, self: null, nodes: [] })
      const plan = yield* get("/projections/account_summary/rebuild")
      assert.deepInclude(plan, { name: "account_summary", alreadyRequested: false })
      assert.isAbove(plan.events, 0)
      assertProblem(yield* ask(`${url}/projections/nothing/rebuild`), "projection-not-found")
      yield* get("/aggregates/Account/anna?version=1")
      yield* get("/aggregates/Account/anna/explain")
      yield* get("/stats")
      assert.strictEqual(yield* changes, before)
    })
  )

  it.effect("tell rates of what happened since an earlier look", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const look = Effect.map(ask(`${url}/console/overview`), ({ json }) => json)
      const id = yield* Service.open(url)
      yield* look
      yield* ask(`${url}/accounts/${id}/deposits`, { body: { amount: "1" } })
      const { rates } = yield* Effect.repeat(look, { until: ({ rates: { commits } }) => (commits ?? 0) > 0 })
      assert.isAbove(rates.eventsPerSecond, 0)
      assert.isAbove(rates.commandsPerSecond, 0)
      // Bounds of the histogram's buckets, in milliseconds.
      const bounds = [0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000]
      for (const bound of [rates.commitP50Ms, rates.commitP99Ms]) assert.include(bounds, bound)
    })
  )

  it.effect("find a thing by its id or stream, a command, its conversation, a trace, a position and an entry", () =>
    Effect.gen(function* () {
      const url = yield* Url
      yield* seed(url)
      const found = yield* hits(url, "anna")
      assert.deepInclude(found[0], { kind: "aggregate", aggregate: "Account", id: "anna", exact: true })
      assert.deepInclude(found[1], { kind: "aggregate", id: "anna-2", exact: false })
      assert.deepInclude((yield* hits(url, "account-anna"))[0], { id: "anna", exact: true })

      const salary = yield* hits(url, "salary")
      assert.strictEqual(salary.length, 1)
      const { position, sequence } = salary[0] as { position: number; sequence: number }
      assert.deepInclude(salary[0], {
        kind: "command",
        command: "Deposit",
        id: "anna",
        outcome: "success",
        intact: true
      })
      assert.deepInclude((yield* hits(url, "too much"))[0], { kind: "command", outcome: "refusal" })

      // The transfer's steps have its order's correlation.
      const rent = (yield* hits(url, "rent")).filter(({ kind }) => kind === "command")
      assert.isAbove(rent.length, 2)
      assert.deepStrictEqual(new Set(rent.map(({ correlationId }) => correlationId)), new Set(["rent"]))
      assert.includeMembers(
        rent.map(({ streamId }) => streamId),
        ["transfer-rent", "account-anna", "account-7"]
      )

      for (const q of [trace, `00-${trace}-00f067aa0ba902b7-01`]) {
        const traced = yield* hits(url, q)
        assert.deepStrictEqual(
          traced.map(({ commandId }) => commandId),
          ["salary"]
        )
      }
      // A number is an id too.
      const numbers = yield* hits(url, "7")
      assert.deepInclude(numbers[0], { kind: "aggregate", id: "7", exact: true })
      assert.deepInclude((yield* hits(url, String(position)))[0], {
        kind: "event",
        position,
        type: "Deposited",
        id: "anna"
      })
      assert.deepInclude((yield* hits(url, `#${sequence}`))[0], { kind: "command", sequence, commandId: "salary" })

      const { json } = yield* ask(`${url}/console/search?q=nothing-of-this`)
      assert.deepInclude(json, { hits: [], complete: true })
      assert.strictEqual(json.searched.from, 1)
      const { json: earlier } = yield* ask(`${url}/console/search?q=rent&before=2`)
      assert.deepInclude(earlier, { hits: [], searched: { from: 1, to: 1 }, complete: true })
      for (const q of ["", "x".repeat(513)]) {
        assertProblem(yield* ask(`${url}/console/search?q=${q}`), "invalid-request")
      }
      for (const q of ["\u0000", "\ud800", "%", "_", "'", "#0", "0", "999999999999999"]) {
        assert.strictEqual((yield* ask(`${url}/console/search?q=${encodeURIComponent(q.toWellFormed())}`)).status, 200)
      }
    })
  )
})

const timeout = 60_000

describe("daybook console", () => {
  it.scopedLive(
    "shows a database read only, on loopback, beside a running service too, and writes nothing",
    () =>
      Effect.gen(function* () {
        const { file, folder } = yield* database(opened("a"), deposit("a", "d-1", "1"))
        const start = (argument: string) =>
          Serve.startVerb(Cli.program(), ["console", argument], { env: { DAYBOOK_DB: `sqlite:${folder}/none.db` } })
        const service = yield* Service.start(["--db", `sqlite:${file}`], { env: { DAYBOOK_PAYLOAD_DAYS: "7" } })
        const { configuration, release, sizes } = (yield* ask(`${service.url}/console/store`)).json
        for (const setting of [
          { name: "db", value: file, source: "flag", variable: "DAYBOOK_DB" },
          { name: "payload-days", value: "7", source: "environment", variable: "DAYBOOK_PAYLOAD_DAYS" },
          { name: "host", value: "127.0.0.1", source: "default", variable: "DAYBOOK_HOST" },
          { name: "tokens", value: null, source: "default", variable: "DAYBOOK_TOKENS" }
        ]) {
          assert.deepInclude(configuration, setting)
        }
        assert.match(release, /^\d+\.\d+\.\d+$/)
        assert.isAbove(sizes[0].bytes, 0)
        for (const argument of [file, `sqlite:${file}`]) {
          const shown = yield* start(argument)
          assert.match(shown.url, /^http:\/\/127\.0\.0\.1:\d+\/console$/)
          const url = shown.url.replace(/\/console$/, "")
          const session = (yield* ask(`${url}/session`)).json
          assert.deepInclude(session, { tokens: false, scope: "read", readOnly: true })
          assert.strictEqual((yield* ask(`${url}/aggregates/Account/a`)).json.version, 2)
          assert.strictEqual((yield* ask(`${url}/accounts/a`)).json.balance, "1.00")
          const { json: overview } = yield* ask(`${url}/console/overview`)
          assert.deepInclude(overview.checks[0], { name: "store", ok: true, detail: "is read only" })
          const { json: store } = yield* ask(`${url}/console/store`)
          assert.deepInclude(store, { backend: "sqlite", database: file })
          // Given without an option, over the variable; and what nobody gave.
          assert.deepStrictEqual(
            store.configuration.map(({ name, source }: { name: string; source: string }) => [name, source]),
            [
              ["db", "flag"],
              ["prefix", "default"],
              ["port", "default"]
            ]
          )
          for (const [path, body] of [
            ["/accounts/a/deposits", { amount: "1" }],
            ["/projections/account_summary/pause", undefined],
            ["/projections/account_summary/rebuild", undefined],
            ["/reactions/transfers/retry", { streamId: "transfer-x" }]
          ] as const) {
            assertProblem(yield* ask(`${url}${path}`, { method: "POST", body }), "forbidden")
          }
          shown.process.kill("SIGTERM")
          assert.strictEqual(yield* shown.ended, 0, shown.stderr())
          assert.notInclude(shown.stderr(), "WARN")
        }
        // The service beside it goes on.
        const more = yield* ask(`${service.url}/accounts/a/deposits`, { body: { amount: "1" } })
        assert.strictEqual(more.json.version, 3)
      }),
    timeout
  )

  it.scoped(
    "says in one line what it cannot open",
    () =>
      Effect.gen(function* () {
        const { folder } = yield* database(opened("a"))
        for (const [argument, code, says] of [
          [`${folder}/none.db`, 1, /none\.db/],
          ["http://127.0.0.1:8080", 2, /that is a service/]
        ] as const) {
          const { code: ended, stderr } = yield* Cli.run(["console", argument])
          assert.strictEqual(ended, code, stderr)
          assert.match(stderr, says)
          assert.strictEqual(stderr.trim().split("\n").length, 1)
        }
      }),
    timeout
  )
})
