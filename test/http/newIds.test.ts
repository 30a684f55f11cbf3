/** What is made without an id gets one that cannot be guessed, and a retry finds it. */
import { createHash } from "node:crypto"
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { EventStore } from "../../src/core/EventStore.ts"
import { assertProblem } from "./Problems.ts"
import * as Service from "./Service.ts"

const { ask, Url } = Service

layer(Service.layer(), { excludeTestServices: true })("an id that the server makes", (it) => {
  /**
   * Accounts with money to send, and what is made without an id: where it is answered to be, and how often it was done.
   */
  const setting = Effect.gen(function* () {
    const url = yield* Url
    const account = yield* Service.open(url, { overdraftLimit: "100" })
    const other = yield* Service.open(url)
    return [
      ["account", `${url}/accounts`, { owner: "B", currency: "EUR" }],
      ["transfer", `${url}/transfers`, { from: account, to: other, amount: "1" }],
      ["hold", `${url}/accounts/${account}/holds`, { amount: "1" }]
    ] as const
  })

  it.effect("is another one for each key, found again by it, also by two at the same time", () =>
    Effect.gen(function* () {
      const store = yield* EventStore
      for (const [what, path, body] of yield* setting) {
        const key = `made-${what}`
        const [one, two] = yield* Effect.all([ask(path, { body, key }), ask(path, { body, key })], {
          concurrency: "unbounded"
        })
        const again = yield* ask(path, { body, key })
        const location = one.headers.get("location")
        assert.match(location ?? "", /\/[0-9a-f]{32}$/, one.text)
        for (const answer of [one, two, again]) {
          assert.strictEqual(answer.status, 201, answer.text)
          assert.strictEqual(answer.headers.get("location"), location)
          assert.strictEqual(answer.text, one.text)
        }
        assert.strictEqual(again.headers.get("idempotency-replayed"), "true")
        const elsewhere = yield* ask(path, { body, key: `${key}-2` })
        assert.notStrictEqual(elsewhere.headers.get("location"), location)
        // An id that the client names is another request.
        const named = { ...body, [`${what}Id`]: `named-${what}` }
        assert.strictEqual((yield* ask(path, { body: named, key: `${key}-3` })).status, 201)
        if (what !== "hold") assertProblem(yield* ask(path, { body, key: `${key}-3` }), "idempotency-key-reused")
        assertProblem(yield* ask(path, { body: named, key }), "idempotency-key-reused")
        const { events } = yield* store.readAll(0)
        assert.strictEqual(events.filter(({ commandId }) => commandId === key).length, 1)
      }
    })
  )

  it.effect("cannot be taken in advance by who knows the key, and no key of something else leads to one", () =>
    Effect.gen(function* () {
      const url = yield* Url
      // As it was once made.
      const accountId = createHash("sha256").update("account\0known").digest("hex").slice(0, 26)
      const deposit = yield* Service.open(url)
      yield* ask(`${url}/accounts/${deposit}/deposits`, { body: { amount: "1" }, key: "of a deposit" })
      const reused = yield* ask(`${url}/accounts`, { body: { owner: "A", currency: "EUR" }, key: "of a deposit" })
      assertProblem(reused, "idempotency-key-reused")
      yield* ask(`${url}/accounts`, { body: { accountId, owner: "Eve", currency: "EUR" } })
      const opened = yield* ask(`${url}/accounts`, { body: { owner: "A", currency: "EUR" }, key: "known" })
      assert.strictEqual(opened.status, 201, opened.text)
      assert.notInclude(opened.headers.get("location") ?? "", accountId)
    })
  )
})
