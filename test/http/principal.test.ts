/** HX10: who did it is in the event's view, the journal and the access log; and a kept answer is for the one who asked. */
import { createHash } from "node:crypto"
import { copyFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Either, Schedule } from "effect"
import { EventStore } from "../../src/core/EventStore.ts"
import * as Tokens from "../../src/http/Tokens.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"
import { assertProblem } from "./Problems.ts"
import * as Service from "./Service.ts"
import { service } from "./Tanks.ts"

const { ask, problem, Url } = Service

const entryOf = (name: string, scope = "admin") => {
  return { name, sha256: createHash("sha256").update(`${name}-token`).digest("hex"), scopes: [scope] }
}
const tokens = Either.getOrThrow(Tokens.parse(JSON.stringify(["till", "clerk"].map((name) => entryOf(name)))))
const bearer = (name: string) => ({ authorization: `Bearer ${name}-token` })
const till = bearer("till")
const clerk = bearer("clerk")

const entries = Effect.flatMap(EventStore, (store) => Effect.map(store.readJournal(0), ({ entries }) => entries))

// Not of a process of its own, whose tokens have other names.
const isHere = process.env.DAYBOOK_PROGRAM === undefined

layer(Service.layer({ tokens }), { excludeTestServices: true })("who did it", (it) => {
  it.effect.runIf(isHere)(
    "the principal of each write is in the event's view and in the journal, reactions by name (HX10)",
    () =>
      Effect.gen(function* () {
        const url = yield* Url
        for (const accountId of ["from", "to"]) {
          const body = { accountId, owner: "A", currency: "EUR", overdraftLimit: "10" }
          assert.strictEqual((yield* ask(`${url}/accounts`, { body, headers: till })).status, 201)
        }
        yield* ask(`${url}/accounts/from/deposits`, { body: { amount: "5" }, headers: clerk })
        const order = { from: "from", to: "to", amount: "3" }
        assert.strictEqual((yield* ask(`${url}/transfers`, { body: order, headers: clerk })).status, 201)
        const { json } = yield* ask(`${url}/events`, { headers: till })
        const by = json.events.map(({ principal, type }: Record<string, string>) => `${type} ${principal}`)
        assert.deepStrictEqual(by.slice(0, 4), [
          "AccountOpened till",
          "AccountOpened till",
          "Deposited clerk",
          "TransferRequested clerk"
        ])
        assert.isAbove(by.length, 5)
        for (const each of by.slice(4)) assert.match(each, / reaction:transfers$/)
        const journal = new Map((yield* entries).map((entry) => [entry.sequence, entry.principal]))
        for (const { principal, sequence } of json.events) assert.strictEqual(journal.get(sequence), principal)
        // One stream, and the feed, show the same.
        const { json: own } = yield* ask(`${url}/accounts/from/events`, { headers: till })
        assert.deepStrictEqual(own.events[0], json.events[0])
      })
  )

  it.effect.runIf(isHere)(
    "a key of another principal is 422 like any used key, without a word of what it was (HX9)",
    () =>
      Effect.gen(function* () {
        const url = yield* Url
        const opening = { accountId: "keyed", owner: "A", currency: "EUR" }
        yield* ask(`${url}/accounts`, { body: opening, headers: till, key: "open-keyed" })
        const deposits = `${url}/accounts/keyed/deposits`
        const withdrawals = `${url}/accounts/keyed/withdrawals`
        const deposit = { body: { amount: "1" }, key: "deposit-keyed" }
        const refused = { body: { amount: "99" }, key: "refused-keyed" }
        yield* ask(deposits, { ...deposit, headers: till })
        assert.strictEqual((yield* ask(withdrawals, { ...refused, headers: till })).status, 409)
        const rebuild = { method: "POST", key: "rebuild-keyed" }
        yield* ask(`${url}/projections/account_summary/rebuild`, { ...rebuild, headers: till })
        const before = yield* entries

        const used = yield* ask(deposits, { body: { amount: "2" }, headers: till, key: "deposit-keyed" })
        assertProblem(used, "idempotency-key-reused")
        for (const [path, asked] of [
          [`${url}/accounts`, { body: opening, key: "open-keyed" }],
          [deposits, deposit],
          [withdrawals, refused],
          [`${url}/projections/account_summary/rebuild`, rebuild]
        ] as const) {
          const answer = yield* ask(path, { ...asked, headers: clerk })
          assertProblem(answer, "idempotency-key-reused")
          const { commandId: _, instance: __, ...told } = problem(answer)
          const { commandId: ___, instance: ____, ...toldOfUsed } = problem(used)
          assert.deepStrictEqual(told, toldOfUsed)
          assert.isNull(answer.headers.get("idempotency-replayed"))
          assert.isNull(answer.headers.get("etag"))
          assert.isNull(answer.headers.get("location"))
          assert.strictEqual(
            (yield* ask(path, { ...asked, headers: till })).headers.get("idempotency-replayed"),
            "true"
          )
        }
        assert.strictEqual((yield* entries).length, before.length)
      })
  )
})

layer(service(SqliteStore.layer({ filename: ":memory:" }), tokens), { excludeTestServices: true })("metadata", (it) => {
  it.effect("is noted as the application declares it, and refused otherwise", () =>
    Effect.gen(function* () {
      const tank = `${yield* Url}/aggregates/Tank/noted`
      const send = (noted: string) =>
        ask(`${tank}/Fill`, { body: { litres: "1" }, headers: { ...till, "daybook-metadata": noted } })
      assert.strictEqual((yield* send('{ "pump": 7, "site": "n\\u00f6rd" }')).status, 200)
      const [entry, ...more] = yield* entries
      assert.deepStrictEqual([entry?.principal, entry?.metadata, more.length], ["till", '{"pump":7,"site":"nörd"}', 0])
      for (const [noted, path] of [
        ["", "daybook-metadata"],
        ["7", "daybook-metadata"],
        ["{", "daybook-metadata"],
        ['{"site":"x"}', "daybook-metadata.pump"],
        ['{"site":"x","pump":"7"}', "daybook-metadata.pump"],
        [`{"site":"${"x".repeat(1_100)}","pump":7}`, "daybook-metadata"]
      ] as const) {
        const answer = yield* send(noted)
        assertProblem(answer, "invalid-request")
        assert.strictEqual(problem(answer).errors?.[0]?.path, path, noted)
      }
      assert.strictEqual((yield* entries).length, 1)
    })
  )
})

/** What was requested of `0012-principals.db`, and by whom; the first three before there were tokens. */
const requested: ReadonlyArray<readonly [key: string, as: string | null, path: string, body: object, status: number]> =
  [
    ["before-1", null, "/accounts", { accountId: "bert", owner: "Bert", currency: "EUR" }, 201],
    ["before-2", null, "/accounts/bert/deposits", { amount: "7" }, 200],
    ["before-3", null, "/accounts/bert/withdrawals", { amount: "99" }, 409],
    [
      "k1",
      "till",
      "/accounts",
      { accountId: "anna", owner: "Anna Liddell", currency: "EUR", overdraftLimit: "50" },
      201
    ],
    ["k2", "till", "/accounts/anna/deposits", { amount: "12.50", reference: "first" }, 200],
    ["k3", "clerk", "/accounts/anna/withdrawals", { amount: "500" }, 409],
    ["k4", "clerk", "/accounts/anna/holds", { holdId: "h1", amount: "2" }, 201],
    ["k5", "till", "/accounts/anna/holds/h1/capture", { amount: "1.50" }, 200],
    ["k6", "till", "/transfers", { transferId: "t1", from: "anna", to: "bert", amount: "5" }, 201],
    ["k7", "clerk", "/transfers", { transferId: "t2", from: "anna", to: "nobody", amount: "1" }, 409],
    ["k8", "till", "/accounts", { owner: "Věra", currency: "JPY" }, 201],
    ["k9", "clerk", "/projections/account_summary/pause", { reason: "a look at the disk" }, 202],
    ["k10", "clerk", "/projections/account_summary/resume", {}, 202]
  ]

describe("a database of an earlier release with principals", () => {
  it.scopedLive.runIf(isHere)("tells who did what, gives each the answers of their own, and goes on (HX10 ES36)", () =>
    Effect.gen(function* () {
      const filename = join(yield* temporaryFolder, "d.db")
      copyFileSync(join(import.meta.dirname, "../fixtures/databases/0012-principals.db"), filename)
      yield* Effect.gen(function* () {
        const url = yield* Url
        const { json } = yield* ask(`${url}/events`, { headers: clerk })
        const by = json.events.map(({ principal, streamId }: Record<string, string>) => `${streamId} ${principal}`)
        assert.deepStrictEqual(by.slice(0, 8), [
          ...Array(2).fill("account-bert null"),
          ...Array(2).fill("account-anna till"),
          "account-anna clerk",
          ...Array(2).fill("account-anna till"),
          "transfer-t1 till"
        ])
        const { operations } = (yield* ask(`${url}/operations`, { headers: clerk })).json
        assert.deepStrictEqual(
          operations.map(({ name, principal }: Record<string, string>) => `${name} ${principal}`),
          [
            "reactions.register null",
            "projections.pause clerk",
            "projections.resume clerk",
            // Those that the bank has had since.
            ...Array(2).fill("reactions.register null")
          ]
        )
        for (const [key, as, path, body, status] of requested) {
          const send = (name: string) => ask(`${url}${path}`, { body, key, headers: bearer(name) })
          for (const name of ["till", "clerk"]) {
            const answer = yield* send(name)
            if (as === null || as === name) {
              assert.strictEqual(answer.status, status, `${key} ${answer.text}`)
              assert.strictEqual(answer.headers.get("idempotency-replayed"), "true", key)
            } else assertProblem(answer, "idempotency-key-reused")
          }
        }
        const { status } = yield* ask(`${url}/accounts/anna/deposits`, { body: { amount: "1" }, headers: till })
        assert.strictEqual(status, 200)
        const events = (yield* ask(`${url}/accounts/anna/events?after=6`, { headers: clerk })).json.events
        assert.strictEqual(events.at(-1).principal, "till")
      }).pipe(Effect.provide(Service.layer({ filename, tokens })))
    })
  )
})

const timeout = 60_000

describe("the access log", () => {
  it.scopedLive(
    "has a line for each request: route, status, duration, principal, position, and nothing that a client sent (HX10)",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const file = join(folder, "tokens.json")
        writeFileSync(file, JSON.stringify([entryOf("till"), entryOf("auditor", "read")]))
        const { stderr, url } = yield* Service.start(["--db", `sqlite:${join(folder, "d.db")}`, "--tokens", file])
        const body = { accountId: "hidden-id", owner: "Rumpelstilz", currency: "EUR" }
        yield* ask(`${url}/accounts`, { body, headers: till, key: "hidden-key" })
        yield* ask(`${url}/accounts/hidden-id/deposits`, { body: { amount: "12.34" }, headers: bearer("auditor") })
        yield* ask(`${url}/accounts/hidden-id`, { headers: bearer("nobody") })
        yield* ask(`${url}/hidden-path`)
        yield* ask(`${url}/health/live`)

        const lines = Effect.sync(() =>
          stderr()
            .split("\n")
            .filter((line) => line.includes('"request"'))
            .map((line) => JSON.parse(line))
        )
        yield* Effect.repeat(lines, {
          until: (found) => found.length >= 5,
          schedule: Schedule.spaced("20 millis")
        })
        assert.deepStrictEqual(
          (yield* lines).map(({ annotations: { durationMs, ...line }, logLevel, message, timestamp }) => {
            assert.deepStrictEqual([message, logLevel], ["request", "INFO"])
            assert.isTrue(durationMs >= 0 && !Number.isNaN(Date.parse(timestamp)))
            return line
          }),
          [
            { method: "POST", route: "/accounts", status: 201, principal: "till", refused: null, position: 1 },
            {
              method: "POST",
              route: "/accounts/:id/deposits",
              status: 403,
              principal: "auditor",
              refused: "scope",
              position: null
            },
            { method: "GET", route: "/accounts/:id", status: 401, principal: null, refused: "unknown", position: null },
            { method: "GET", route: "none", status: 404, principal: null, refused: null, position: null },
            { method: "GET", route: "/health/live", status: 200, principal: null, refused: null, position: null }
          ].map((line) => ({ ...line, correlationId: null }))
        )
        for (const secret of ["hidden", "Rumpelstilz", "12.34", "token"]) assert.notInclude(stderr(), secret)
        const metrics = yield* ask(`${url}/metrics`, { headers: till })
        assert.match(metrics.text, /daybook_http_tokens_refused\w*\{reason="unknown"\} 1/)
        assert.match(metrics.text, /daybook_http_tokens_refused\w*\{reason="scope"\} 1/)
      }),
    timeout
  )
})
