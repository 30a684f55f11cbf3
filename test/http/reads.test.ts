/** What can be read: accounts now and then, the read model, pages of it and of the log. */
import { createHash } from "node:crypto"
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { EventStore } from "../../src/core/EventStore.ts"
import { GenerationStore } from "../../src/projection/GenerationStore.ts"
import { assertProblem } from "./Problems.ts"
import * as Service from "./Service.ts"

const { ask, problem, Url } = Service

layer(Service.layer(), { excludeTestServices: true })("reads", (it) => {
  it.effect("tells an account as it was, at a version and at a time", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const store = yield* EventStore
      const id = yield* Service.open(url, { overdraftLimit: "7.5" })
      for (const amount of ["1", "2", "3"]) yield* ask(`${url}/accounts/${id}/deposits`, { body: { amount } })
      const account = { accountId: id, owner: "Anna", currency: "EUR", overdraftLimit: "7.50", status: "open" }
      const get = (query: string) => ask(`${url}/accounts/${id}${query}`)
      const now = yield* get("")
      assert.deepStrictEqual(now.json, { ...account, balance: "6.00", version: 4 })
      assert.strictEqual(now.headers.get("etag"), '"4"')
      const then = yield* get("?version=3")
      assert.deepStrictEqual(then.json, { ...account, balance: "3.00", version: 3 })
      assert.strictEqual(then.headers.get("etag"), '"3"')

      const { events } = yield* store.readStream(`account-${id}` as never)
      for (const { recordedAt } of events) {
        const last = events.findLast((event) => event.recordedAt <= recordedAt)
        const at = yield* get(`?at=${new Date(recordedAt).toISOString()}`)
        assert.strictEqual(at.json.version, last?.version)
      }
      assert.strictEqual((yield* get("?at=2999-01-01T00:00:00Z")).json.version, 4)
      assertProblem(yield* get("?at=1999-01-01T00:00:00Z"), "version-not-found")
      assertProblem(yield* get("?version=5"), "version-not-found")
      for (const query of ["version=0", "version=-1", "version=1e1", "version=", "at=yesterday"]) {
        assertProblem(yield* get(`?${query}`), "invalid-request")
      }
      assertProblem(yield* get("?version=1&version=2"), "invalid-parameter")
      assertProblem(yield* get("?version=1&at=2999-01-01T00:00:00Z"), "invalid-request")
      for (const query of ["", "?version=1", "?at=2999-01-01T00:00:00Z"]) {
        assertProblem(yield* ask(`${url}/accounts/nobody${query}`), "account-not-found")
      }
    })
  )

  it.effect("shows events as they are stored and hashed, and as they read today", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const id = yield* Service.open(url)
      const body = { amount: "12.5", reference: "invoice", bookedOn: "2026-01-31" }
      const { json: receipt } = yield* ask(`${url}/accounts/${id}/deposits`, { body, key: `shown ${id}` })
      const { json: page } = yield* ask(`${url}/accounts/${id}/events?after=1`)
      const [event] = page.events
      const { hash, recordedAt, sequence, ...rest } = event
      assert.isAbove(sequence, 1)
      assert.deepStrictEqual(rest, {
        principal: null,
        position: receipt.position,
        streamId: `account-${id}`,
        version: 2,
        type: "Deposited",
        schemaVersion: 1,
        data: { amount: "12.50", reference: "invoice", bookedOn: "2026-01-31" },
        commandId: `shown ${id}`,
        correlationId: `shown ${id}`
      })
      assert.match(hash, /^[0-9a-f]{64}$/)
      assert.strictEqual(new Date(recordedAt).toISOString(), recordedAt)
      assert.isNull(page.next)
      const { json: log } = yield* ask(`${url}/events?after=${receipt.position - 1}&limit=1`)
      assert.deepStrictEqual(log.events, page.events)
    })
  )

  it.effect("pages join without a hole, the limit is 1 to 1,000, and next is null at the end (HT14)", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const id = yield* Service.open(url)
      for (let n = 0; n < 5; n++) yield* ask(`${url}/accounts/${id}/deposits`, { body: { amount: "1" } })
      const pages = (path: string) =>
        Effect.gen(function* () {
          const found: Array<number> = []
          for (let after: number | null = 0; after !== null; ) {
            const { json }: Service.Answer = yield* ask(`${url}${path}?limit=2&after=${after}`)
            assert.isAtMost(json.events.length, 2)
            // biome-ignore lint/suspicious/noExplicitAny: JSON.
            found.push(...json.events.map((event: any) => (path === "/events" ? event.position : event.version)))
            after = json.next
          }
          return found
        })
      assert.deepStrictEqual(yield* pages(`/accounts/${id}/events`), [1, 2, 3, 4, 5, 6])
      const log = yield* pages("/events")
      assert.deepStrictEqual(
        log,
        [...new Set(log)].sort((left, right) => left - right)
      )
      assert.isNull((yield* ask(`${url}/events?after=${Math.max(...log)}`)).json.next)
      for (const path of ["/events", "/accounts", `/accounts/${id}/events`]) {
        for (const limit of ["0", "1001", "-1", "x", "", "1.5", "1e2", "99999999999999999999"]) {
          assertProblem(yield* ask(`${url}${path}?limit=${limit}`), "invalid-request")
        }
        assert.strictEqual((yield* ask(`${url}${path}?limit=1000`)).status, 200)
      }
      assertProblem(yield* ask(`${url}/events?after=-1`), "invalid-request")
      assertProblem(yield* ask(`${url}/accounts/nobody/events`), "account-not-found")
    })
  )

  it.effect(
    "a listing skips and repeats nothing while accounts come, and a cursor cannot be tampered with (HT14)",
    () =>
      Effect.gen(function* () {
        const url = yield* Url
        const ids: Array<string> = []
        for (let n = 0; n < 5; n++) ids.push(yield* Service.open(url))
        const last = yield* ask(`${url}/accounts`, { body: { accountId: "z", owner: "Z", currency: "EUR" } })
        const minPosition = last.json.position
        const found: Array<string> = []
        let cursor: string | null = null
        do {
          const query: string = cursor === null ? "" : `&cursor=${cursor}`
          const { json }: Service.Answer = yield* ask(`${url}/accounts?limit=2&minPosition=${minPosition}${query}`)
          found.push(...json.accounts.map(({ accountId }: { readonly accountId: string }) => accountId))
          cursor = json.nextCursor
          yield* Service.open(url)
        } while (cursor !== null)
        assert.strictEqual(new Set(found).size, found.length)
        for (const id of ids) assert.include(found, id)

        const good: string = (yield* ask(`${url}/accounts?limit=1`)).json.nextCursor
        const [place = "", signature = ""] = good.split(".")
        const forged = Buffer.from(Buffer.from(place, "base64url").toString().replace("accountId", "owner")).toString(
          "base64url"
        )
        const own = createHash("sha256").update(place).digest().subarray(0, 16).toString("base64url")
        for (const bad of [`${forged}.${signature}`, place, `${place}.`, `${place}.${own}`, `${good}.`, "x", ""]) {
          assertProblem(yield* ask(`${url}/accounts?limit=1&cursor=${bad}`), "invalid-cursor")
        }
        assertProblem(yield* ask(`${url}/accounts?limit=1&sort=owner&cursor=${good}`), "invalid-cursor")
        assert.strictEqual((yield* ask(`${url}/accounts?limit=1&cursor=${good}`)).status, 200)
      })
  )

  it.effect("reads its own writes with minPosition, and says when the view is late", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const generations = yield* GenerationStore
      const id = yield* Service.open(url)
      const { json } = yield* ask(`${url}/accounts/${id}/deposits`, { body: { amount: "3" } })
      const summary = yield* ask(`${url}/accounts/${id}/summary?minPosition=${json.position}`)
      assert.isAtLeast(summary.json.position, json.position)
      assert.deepStrictEqual(
        { ...summary.json, position: 0 },
        {
          accountId: id,
          totalDeposits: "3.00",
          totalWithdrawals: "0.00",
          currentBalance: "3.00",
          transactionCount: 1,
          position: 0
        }
      )
      assertProblem(yield* ask(`${url}/accounts/nobody/summary`), "account-not-found")
      yield* generations.setPaused("account_summary", true)
      const next = yield* ask(`${url}/accounts/${id}/deposits`, { body: { amount: "3" } })
      const late = yield* ask(`${url}/accounts/${id}/summary?minPosition=${next.json.position}`)
      assertProblem(late, "view-behind")
      assertProblem(yield* ask(`${url}/accounts?minPosition=${next.json.position}`), "view-behind")
      yield* generations.setPaused("account_summary", false)
      assert.isUndefined(problem(late).commandId)
    })
  )

  it.effect("rebuilds a read model when asked, and knows the names of those there are", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const asked = yield* ask(`${url}/projections/account_summary/rebuild`, { method: "POST" })
      assert.strictEqual(asked.status, 202)
      assert.strictEqual(asked.json.name, "account_summary")
      assertProblem(yield* ask(`${url}/projections/nope/rebuild`, { method: "POST" }), "projection-not-found")
      const { json } = yield* ask(`${url}/projections`)
      assert.deepStrictEqual(
        json.projections.map(({ name }: { readonly name: string }) => name),
        ["account_summary", "holds", "pending_timers", "timers", "transfers"]
      )
    })
  )
})
