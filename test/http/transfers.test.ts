/** Transfers and holds over HTTP. */
import process from "node:process"
import { assert, describe, layer } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import { maxUnsettled } from "../../src/bank/account/Account.ts"
import { appendRaw } from "../../src/testing/Notes.ts"
import { ask, open, problem, layer as service, Url } from "./Service.ts"

const funded = (url: string, amount: string) =>
  Effect.tap(open(url), (id) => ask(`${url}/accounts/${id}/deposits`, { body: { amount } }))
const balance = (url: string, id: string) => Effect.map(ask(`${url}/accounts/${id}`), ({ json }) => json.balance)

describe("transfers over HTTP", () => {
  layer(service())((it) => {
    it.effect("moves money in one round trip, with one id on both accounts (TR1)", () =>
      Effect.gen(function* () {
        const url = yield* Url
        const [from, to] = [yield* funded(url, "20"), yield* open(url)]
        const body = { transferId: "rent-1", from, to, amount: "12.5", reference: "rent" }
        const made = yield* ask(`${url}/transfers`, { body, key: "rent-1-key" })
        assert.strictEqual(made.status, 201, made.text)
        assert.strictEqual(made.headers.get("location"), "/transfers/rent-1")
        const { reference: _, ...view } = { ...body, amount: "12.50", status: "completed" }
        assert.deepStrictEqual(made.json, view)
        assert.deepStrictEqual((yield* ask(`${url}/transfers/rent-1`)).json, view)
        assert.deepStrictEqual([yield* balance(url, from), yield* balance(url, to)], ["7.50", "12.50"])

        const position = made.headers.get("daybook-position")
        const summary = yield* ask(`${url}/accounts/${from}/summary?minPosition=${position}`)
        assert.strictEqual(summary.json.totalWithdrawals, "12.50")
        assert.strictEqual(summary.json.transactionCount, 2)
        const legs = yield* Effect.forEach([from, to], (id) => ask(`${url}/accounts/${id}/events`))
        assert.deepStrictEqual(
          legs.map(({ json }) => {
            const { data, type } = json.events.at(-1)
            return [type, data.transferId, data.amount]
          }),
          [
            ["TransferDebited", "rent-1", "12.50"],
            ["TransferCredited", "rent-1", "12.50"]
          ]
        )

        const again = yield* ask(`${url}/transfers`, { body, key: "rent-1-key" })
        assert.deepStrictEqual([again.status, again.text], [201, made.text])
        assert.strictEqual(again.headers.get("idempotency-replayed"), "true")
        assert.strictEqual(again.headers.get("daybook-position"), position)
        const other = yield* ask(`${url}/transfers`, { body: { ...body, amount: "1" }, key: "rent-1-key" })
        assert.strictEqual(problem(other).code, "idempotency-key-reused")
        assert.strictEqual(problem(yield* ask(`${url}/transfers`, { body })).code, "transfer-exists")
      })
    )

    it.effect("finds the same transfer again by its key where the request named none", () =>
      Effect.gen(function* () {
        const url = yield* Url
        const [from, to] = [yield* funded(url, "20"), yield* open(url)]
        const twice = yield* Effect.all(
          [1, 2].map(() => ask(`${url}/transfers`, { body: { from, to, amount: "1" }, key: "unnamed" })),
          { concurrency: 2 }
        )
        assert.strictEqual(twice[0]?.text, twice[1]?.text)
        assert.strictEqual(yield* balance(url, to), "1.00")
      })
    )

    it.effect("refuses what its accounts refuse, and says why for ever", () =>
      Effect.gen(function* () {
        const url = yield* Url
        const [from, to, yen, gone] = [
          yield* funded(url, "20"),
          yield* open(url),
          yield* open(url, { currency: "JPY" }),
          yield* open(url)
        ]
        yield* ask(`${url}/accounts/${gone}/close`, { method: "POST" })
        const cases = [
          [to, "20.01", "insufficient-funds", "insufficient-funds"],
          ["nobody-1", "1", "transfer-refused", "target-not-found"],
          [gone, "1", "transfer-refused", "target-closed"],
          [yen, "1", "transfer-refused", "currency-mismatch"]
        ] as const
        for (const [target, amount, code, reason] of cases) {
          const transferId = `${from}-${reason}`
          const body = { transferId, from, to: target, amount }
          const refused = yield* ask(`${url}/transfers`, { body, key: transferId })
          assert.strictEqual(refused.status, 409)
          assert.strictEqual(problem(refused).code, code)
          const { json } = yield* ask(`${url}/transfers/${transferId}`)
          assert.deepInclude(json, { status: "refused", reason })
          const again = yield* ask(`${url}/transfers`, { body, key: transferId })
          assert.deepStrictEqual([again.status, again.text], [409, refused.text])
          assert.strictEqual(yield* balance(url, from), "20.00")
        }
        const closed = yield* ask(`${url}/transfers`, { body: { from: gone, to, amount: "1" } })
        assert.strictEqual(problem(closed).code, "account-closed")
      })
    )

    it.effect("refuses one more where as many as may be are under way from its source", () =>
      Effect.gen(function* () {
        const url = yield* Url
        const to = yield* open(url)
        const opened = { accountId: "full", owner: "Ada", currency: "EUR", overdraftLimit: "50.00" }
        const debited = Array.from({ length: maxUnsettled }, (_, index) => ({
          type: "TransferDebited",
          data: JSON.stringify({ transferId: `undone-${index}`, amount: "0.01", to })
        }))
        yield* appendRaw("account-full", [{ type: "AccountOpened", data: JSON.stringify(opened) }, ...debited])
        const body = { transferId: "one-more", from: "full", to, amount: "1" }
        const refused = yield* ask(`${url}/transfers`, { body, key: "one-more-key" })
        assert.deepStrictEqual([refused.status, problem(refused).code], [409, "too-many-transfers"], refused.text)
        const { json } = yield* ask(`${url}/transfers/one-more`)
        assert.deepInclude(json, { status: "refused", reason: "too-many-transfers" })
        const again = yield* ask(`${url}/transfers`, { body, key: "one-more-key" })
        assert.deepStrictEqual([again.text, again.headers.get("idempotency-replayed")], [refused.text, "true"])
        // What else the account does goes on.
        const deposit = yield* ask(`${url}/accounts/full/deposits`, { body: { amount: "1" } })
        assert.strictEqual(deposit.status, 200, deposit.text)
      })
    )

    it.effect("takes no transfer that cannot be one (TR4)", () =>
      Effect.gen(function* () {
        const url = yield* Url
        const [from, to] = [yield* funded(url, "20"), yield* open(url)]
        const wrong = [
          { from, to: from, amount: "1" },
          { from, to, amount: "0" },
          { from, to, amount: "-1" },
          { from, to, amount: "1.005" },
          { from, to, amount: "1000000000000000" },
          { from, to, amount: 1 },
          { from, to, amount: "1", currency: "EUR" },
          { from, amount: "1" },
          { transferId: "a b", from, to, amount: "1" }
        ]
        for (const body of wrong) {
          const answer = yield* ask(`${url}/transfers`, { body })
          assert.strictEqual(answer.status, 400, answer.text)
        }
        const missing = yield* ask(`${url}/transfers`, { body: { from: "nobody-2", to, amount: "1" } })
        assert.strictEqual(problem(missing).code, "account-not-found")
        assert.strictEqual(problem(yield* ask(`${url}/transfers/nothing`)).code, "transfer-not-found")
        assert.strictEqual((yield* ask(`${url}/accounts/${from}/events`)).json.events.length, 2)
      })
    )

    it.effect("an account closes once all that it sent has arrived", () =>
      Effect.gen(function* () {
        const url = yield* Url
        const [from, to] = [yield* funded(url, "20"), yield* open(url)]
        yield* ask(`${url}/transfers`, { body: { from, to, amount: "20" } })
        assert.strictEqual((yield* ask(`${url}/accounts/${from}/close`, { method: "POST" })).status, 200)
      })
    )
  })
})

describe("holds over HTTP", () => {
  layer(service())((it) => {
    it.effect("reserve, and are captured or released", () =>
      Effect.gen(function* () {
        const url = yield* Url
        const id = yield* funded(url, "20")
        const account = `${url}/accounts/${id}`
        const placed = yield* ask(`${account}/holds`, { body: { holdId: "h1", amount: "15" }, key: "h1-key" })
        assert.strictEqual(placed.status, 201, placed.text)
        assert.strictEqual(placed.headers.get("location"), `/accounts/${id}/holds/h1`)
        assert.strictEqual(placed.json.balance, "20.00")
        assert.deepInclude((yield* ask(account)).json, { balance: "20.00", availableBalance: "5.00" })
        const again = yield* ask(`${account}/holds`, { body: { holdId: "h1", amount: "15" }, key: "h1-key" })
        assert.deepStrictEqual([again.status, again.text], [201, placed.text])

        const withdrawn = yield* ask(`${account}/withdrawals`, { body: { amount: "5.01" } })
        assert.strictEqual(problem(withdrawn).code, "insufficient-funds")
        assert.strictEqual(problem(yield* ask(`${account}/close`, { method: "POST" })).code, "hold-open")
        const more = yield* ask(`${account}/holds/h1/capture`, { body: { amount: "15.01" } })
        assert.strictEqual(problem(more).code, "hold-exceeded")
        const captured = yield* ask(`${account}/holds/h1/capture`, { body: { amount: "10" } })
        assert.deepInclude(captured.json, { balance: "10.00" })
        assert.notProperty((yield* ask(account)).json, "availableBalance")
        const gone = yield* ask(`${account}/holds/h1/capture`, { body: {} })
        assert.deepStrictEqual([gone.status, problem(gone).code], [404, "hold-not-found"])

        const unnamed = yield* ask(`${account}/holds`, { body: { amount: "10" }, key: "h2-key" })
        const released = yield* ask(`${url}${unnamed.headers.get("location")}/release`, { method: "POST" })
        assert.strictEqual(released.status, 200, released.text)
        const summary = yield* ask(`${account}/summary?minPosition=${released.json.position}`)
        assert.deepInclude(summary.json, { totalWithdrawals: "10.00", currentBalance: "10.00", transactionCount: 2 })
      })
    )

    // A service in another process has a clock of its own, to which 1970 is past.
    it.effect.skipIf(process.env.DAYBOOK_PROGRAM !== undefined)("expire at their time", () =>
      Effect.gen(function* () {
        const url = yield* Url
        const account = `${url}/accounts/${yield* funded(url, "20")}`
        // The service has the clock of the test, which begins in 1970.
        const body = { holdId: "h1", amount: "20", expiresAt: "1970-01-01T00:00:02Z" }
        assert.strictEqual((yield* ask(`${account}/holds`, { body })).status, 201)
        assert.strictEqual((yield* ask(account)).json.availableBalance, "0.00")
        yield* TestClock.adjust("2 seconds")
        assert.notProperty((yield* ask(account)).json, "availableBalance")
        const withdrawn = yield* ask(`${account}/withdrawals`, { body: { amount: "20" } })
        assert.strictEqual(withdrawn.status, 200, withdrawn.text)
      })
    )
  })
})
