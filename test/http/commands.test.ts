/** One command, one effect, one answer: idempotency keys, refusals that are kept, and versions that must match. */
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import { EventStore } from "../../src/core/EventStore.ts"
import { Writer } from "../../src/sql/Writer.ts"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"
import { assertProblem } from "./Problems.ts"
import * as Service from "./Service.ts"

const { ask, problem, Url } = Service

describe("commands", () => {
  layer(Service.layer(), { excludeTestServices: true })((it) => {
    it.effect("answers with a receipt, its place in the log, and where the account is", () =>
      Effect.gen(function* () {
        const url = yield* Url
        const body = { accountId: "receipt", owner: "Anna", currency: "JPY" }
        const opened = yield* ask(`${url}/accounts`, { body, key: "receipt 1" })
        assert.strictEqual(opened.status, 201)
        assert.strictEqual(opened.headers.get("location"), "/accounts/receipt")
        const { position } = opened.json
        assert.deepStrictEqual(opened.json, {
          accountId: "receipt",
          balance: "0",
          currency: "JPY",
          version: 1,
          position,
          commandId: "receipt 1"
        })
        assert.strictEqual(opened.headers.get("daybook-position"), String(position))
        const deposited = yield* ask(`${url}/accounts/receipt/deposits`, {
          body: { amount: "12", reference: "r".repeat(500), bookedOn: "2024-02-29" }
        })
        assert.deepInclude(deposited.json, { balance: "12", version: 2 })
        assert.isString(deposited.json.commandId)
        assert.isNull(deposited.headers.get("idempotency-replayed"))
      })
    )

    it.effect("the same key and body is answered again, whatever the order and white space of its JSON (HT6)", () =>
      Effect.gen(function* () {
        const url = yield* Url
        const store = yield* EventStore
        const id = yield* Service.open(url)
        const deposits = `${url}/accounts/${id}/deposits`
        const first = yield* ask(deposits, { raw: '{"amount":"12.5","reference":"r"}', key: `same ${id}` })
        const again = yield* ask(deposits, {
          raw: ' { "reference" : "\\u0072",\n"amount":"12.5" } ',
          key: `same ${id}`
        })
        assert.deepStrictEqual([again.status, again.text], [first.status, first.text])
        assert.strictEqual(again.headers.get("idempotency-replayed"), "true")
        assert.strictEqual(again.headers.get("daybook-position"), first.headers.get("daybook-position"))
        assert.isNull(first.headers.get("idempotency-replayed"))
        const { events } = yield* store.readStream(`account-${id}` as never)
        assert.strictEqual(events.length, 2)
      })
    )

    it.effect("the same key with another body, route or account is 422 and changes nothing (HT6)", () =>
      Effect.gen(function* () {
        const url = yield* Url
        const store = yield* EventStore
        const [id, other] = [yield* Service.open(url), yield* Service.open(url)]
        const key = `other ${id}`
        yield* ask(`${url}/accounts/${id}/deposits`, { body: { amount: "12.5" }, key })
        const before = yield* store.lastPosition
        for (const [path, body] of [
          [`/accounts/${id}/deposits`, { amount: "12.51" }],
          [`/accounts/${id}/deposits`, { amount: "12.5", reference: "" }],
          [`/accounts/${id}/withdrawals`, { amount: "12.5" }],
          [`/accounts/${other}/deposits`, { amount: "12.5" }],
          [`/accounts/${id}/close`, {}],
          ["/accounts", { owner: "A", currency: "EUR" }]
        ] as const) {
          const answer = yield* ask(`${url}${path}`, { body, key })
          assertProblem(answer, "idempotency-key-reused")
          assert.strictEqual(problem(answer).commandId, key)
        }
        assert.strictEqual(yield* store.lastPosition, before)
      })
    )

    it.effect("many at once with one key have one effect and one answer (HT6)", () =>
      Effect.gen(function* () {
        const url = yield* Url
        const id = yield* Service.open(url)
        const one = ask(`${url}/accounts/${id}/deposits`, { body: { amount: "1" }, key: `at once ${id}` })
        const answers = yield* Effect.all(
          Array.from({ length: 20 }, () => one),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size, 1)
        assert.strictEqual(answers.filter(({ headers }) => headers.get("idempotency-replayed") === null).length, 1)
        assert.strictEqual((yield* ask(`${url}/accounts/${id}`)).json.balance, "1.00")
      })
    )

    it.effect("a kept answer that was changed is not given again, and no other command notices (JR2)", () =>
      Effect.gen(function* () {
        const url = yield* Url
        const id = yield* Service.open(url)
        const deposit = (key: string) => ask(`${url}/accounts/${id}/deposits`, { body: { amount: "1" }, key })
        yield* deposit(`forged ${id}`)
        const writer = yield* Writer
        yield* writer.transact((connection) =>
          Effect.forEach(
            [
              "DROP TRIGGER log_entries_no_update",
              `UPDATE log_entries SET answer = replace(answer, '1.00', '9.00') WHERE command_id = 'forged ${id}'`
            ],
            (sql) => connection.executeRaw(sql, [])
          )
        )
        const keys = [1, 2, 3].map((index) => `beside it ${index} ${id}`)
        const [again, ...others] = yield* Effect.all([`forged ${id}`, ...keys].map(deposit), {
          concurrency: "unbounded"
        })
        assertProblem(again ?? assert.fail(), "data-damaged")
        assert.deepStrictEqual(
          others.map(({ status }) => status),
          [200, 200, 200]
        )
        assert.strictEqual((yield* ask(`${url}/accounts/${id}`)).json.balance, "4.00")
      })
    )

    it.effect("without a key the server makes one, with which the command can be sent again (HT6)", () =>
      Effect.gen(function* () {
        const url = yield* Url
        const body = { owner: "Anna", currency: "EUR" }
        const opened = yield* ask(`${url}/accounts`, { body })
        const { accountId, commandId } = opened.json
        assert.match(accountId, /^[A-Za-z0-9._-]{1,64}$/)
        const again = yield* ask(`${url}/accounts`, { body, key: commandId })
        assert.deepStrictEqual([again.status, again.text], [201, opened.text])
        assert.strictEqual(again.headers.get("idempotency-replayed"), "true")
        const other = yield* ask(`${url}/accounts`, { body })
        assert.notStrictEqual(other.json.accountId, accountId)
      })
    )

    it.effect("a key is 1 to 255 printable ASCII characters, else 400 (HT6)", () =>
      Effect.gen(function* () {
        const url = yield* Url
        const id = yield* Service.open(url)
        const deposits = `${url}/accounts/${id}/deposits`
        for (const key of ["", "x".repeat(256), "x".repeat(10_000), "\u00fc", "a\tb"]) {
          const answer = yield* ask(deposits, { body: { amount: "1" }, key })
          assertProblem(answer, "invalid-request")
          assert.strictEqual(problem(answer).errors?.[0]?.path, "idempotency-key")
        }
        const longest = `~ ${id}`.padEnd(255, "!")
        assert.strictEqual((yield* ask(deposits, { body: { amount: "1" }, key: longest })).json.commandId, longest)
      })
    )

    it.effect("a refusal is the answer for ever, also when there would be money by now (HT8)", () =>
      Effect.gen(function* () {
        const url = yield* Url
        const id = yield* Service.open(url, { overdraftLimit: "5" })
        const withdraw = ask(`${url}/accounts/${id}/withdrawals`, { body: { amount: "5.01" }, key: `refused ${id}` })
        const refused = yield* withdraw
        assertProblem(refused, "insufficient-funds")
        assert.strictEqual(refused.headers.get("daybook-position"), refused.headers.get("daybook-position"))
        yield* ask(`${url}/accounts/${id}/deposits`, { body: { amount: "100" } })
        const again = yield* withdraw
        assert.deepStrictEqual([again.status, again.text], [refused.status, refused.text])
        assert.strictEqual(again.headers.get("idempotency-replayed"), "true")
        const allowed = yield* ask(`${url}/accounts/${id}/withdrawals`, { body: { amount: "105" } })
        assert.strictEqual(allowed.json.balance, "-5.00")
      })
    )

    it.effect("what may yet succeed is decided again: an unknown account, a stale version", () =>
      Effect.gen(function* () {
        const url = yield* Url
        const deposit = ask(`${url}/accounts/unborn/deposits`, { body: { amount: "1" }, key: "unborn" })
        assertProblem(yield* deposit, "account-not-found")
        yield* ask(`${url}/accounts`, { body: { accountId: "unborn", owner: "A", currency: "EUR" } })
        assert.strictEqual((yield* deposit).json.balance, "1.00")
      })
    )

    it.effect("an account that exists, is closed, or is not empty is 409", () =>
      Effect.gen(function* () {
        const url = yield* Url
        const id = yield* Service.open(url)
        assertProblem(
          yield* ask(`${url}/accounts`, { body: { accountId: id, owner: "B", currency: "EUR" } }),
          "account-exists"
        )
        yield* ask(`${url}/accounts/${id}/deposits`, { body: { amount: "1" } })
        assertProblem(yield* ask(`${url}/accounts/${id}/close`, { method: "POST" }), "balance-not-zero")
        yield* ask(`${url}/accounts/${id}/withdrawals`, { body: { amount: "1" } })
        assert.strictEqual((yield* ask(`${url}/accounts/${id}/close`, { method: "POST" })).json.version, 4)
        assertProblem(yield* ask(`${url}/accounts/${id}/deposits`, { body: { amount: "1" } }), "account-closed")
        assert.strictEqual((yield* ask(`${url}/accounts/${id}`)).json.status, "closed")
      })
    )

    it.effect(
      "If-Match: the current version goes on, a stale one is 412, another text 400; a kept answer comes first (HT9)",
      () =>
        Effect.gen(function* () {
          const url = yield* Url
          const id = yield* Service.open(url)
          const deposit = (tag: string, key: string) =>
            ask(`${url}/accounts/${id}/deposits`, { body: { amount: "1" }, key, headers: { "if-match": tag } })
          const etag = (yield* ask(`${url}/accounts/${id}`)).headers.get("etag") ?? ""
          const first = yield* deposit(etag, `first ${id}`)
          assert.strictEqual(first.status, 200)
          assertProblem(yield* deposit(etag, `second ${id}`), "version-mismatch")
          // Not kept: the same key goes on with the version that it should have had.
          assert.strictEqual((yield* deposit(first.headers.get("etag") ?? "", `second ${id}`)).json.version, 3)
          assert.strictEqual((yield* deposit(etag, `first ${id}`)).text, first.text)
          for (const tag of ["1", 'W/"1"', '"a"', '"1", "2"', '"-1"', '"01"', "*"]) {
            assertProblem(yield* deposit(tag, `malformed ${id}`), "invalid-request")
          }
        })
    )
  })

  it.scopedLive("a key is remembered by the next process (HT6)", () =>
    Effect.gen(function* () {
      const filename = `${yield* temporaryFolder}/daybook.db`
      const send = Effect.gen(function* () {
        const url = yield* Url
        return yield* ask(`${url}/accounts`, { body: { accountId: "a", owner: "A", currency: "EUR" }, key: "k" })
      })
      const first = yield* Effect.provide(send, Service.layer({ filename }))
      const again = yield* Effect.provide(send, Service.layer({ filename }))
      assert.deepStrictEqual([again.status, again.text], [201, first.text])
      assert.strictEqual(again.headers.get("idempotency-replayed"), "true")
    })
  )
})
