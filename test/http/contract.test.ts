/** What holds for every request: keys, marks, versions, parameters, tags, cursors and times. */
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"
import { assertProblem } from "./Problems.ts"
import * as Service from "./Service.ts"

const { ask, problem, Url } = Service

/** One request as no client of HTTP would send it; the status and the code of its answer. */
const raw = (url: string, line: string, fields: ReadonlyArray<string>, body = "") =>
  Effect.map(
    Service.exchange(
      url,
      `${line} HTTP/1.1\r\n${["host: localhost", "connection: close", ...fields].join("\r\n")}\r\n` +
        `${body === "" ? "" : `content-type: application/json\r\ncontent-length: ${body.length}\r\n`}\r\n${body}`
    ),
    (text) => ({ status: Number(text.split(" ")[1]), code: /"code":"([^"]+)"/.exec(text)?.[1], text })
  )

/** Places a hold that is soon over, and gives the answer: with more time where it was over when the request came to be done. */
const placeSoonOver = (url: string, id: string) =>
  Effect.gen(function* () {
    for (let millis = 500; ; millis *= 2) {
      const expiresAt = new Date(Date.now() + millis).toISOString()
      const key = `hold ${id} until ${expiresAt}`
      const first = yield* ask(`${url}/accounts/${id}/holds`, { body: { amount: "1", expiresAt }, key })
      if (first.status === 201) return { expiresAt, first }
      assertProblem(first, "invalid-request")
    }
  })

layer(Service.layer(), { excludeTestServices: true })("every POST", (it) => {
  it.effect("takes a key, gives its first answer again with a mark, and refuses another request under it (HX2)", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const [id, other] = [yield* Service.open(url), yield* Service.open(url)]
      yield* ask(`${url}/accounts/${id}/deposits`, { body: { amount: "50" } })
      yield* ask(`${url}/accounts/${id}/holds`, { body: { holdId: "h1", amount: "1" } })
      yield* ask(`${url}/accounts/${id}/holds`, { body: { holdId: "h2", amount: "1" } })
      const posts: ReadonlyArray<readonly [path: string, body: object, status: number]> = [
        ["/accounts", { owner: "A", currency: "EUR" }, 201],
        [`/accounts/${id}/deposits`, { amount: "1" }, 200],
        [`/accounts/${id}/withdrawals`, { amount: "1" }, 200],
        [`/accounts/${id}/holds`, { amount: "1" }, 201],
        [`/accounts/${id}/holds/h1/capture`, {}, 200],
        [`/accounts/${id}/holds/h2/release`, {}, 200],
        [`/accounts/${other}/close`, {}, 200],
        ["/transfers", { from: id, to: "nobody", amount: "1" }, 409],
        ["/projections/account_summary/rebuild", {}, 202]
      ]
      for (const [index, [path, body, status]] of posts.entries()) {
        const key = `every ${id} ${index}`
        const first = yield* ask(`${url}${path}`, { body, key })
        assert.strictEqual(first.status, status, `${path} ${first.text}`)
        assert.isNull(first.headers.get("idempotency-replayed"), path)
        assert.match(first.headers.get("daybook-position") ?? "", /^\d+$/, path)
        const again = yield* ask(`${url}${path}`, { body, key })
        assert.deepStrictEqual([again.status, again.text], [first.status, first.text], path)
        assert.strictEqual(again.headers.get("idempotency-replayed"), "true", path)
        assert.match(again.headers.get("daybook-position") ?? "", /^\d+$/, path)
        for (const [elsewhere, sent] of [posts[index + 1] ?? posts[0] ?? assert.fail()]) {
          assertProblem(yield* ask(`${url}${elsewhere}`, { body: sent, key }), "idempotency-key-reused")
        }
      }
    })
  )

  it.effect("builds a model again once for each key (F57)", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const id = yield* Service.open(url)
      const rebuild = (key: string, name = "account_summary") =>
        ask(`${url}/projections/${name}/rebuild`, { method: "POST", key })
      const first = yield* rebuild(`rebuild ${id}`)
      // Another event changes what a second rebuild would answer.
      yield* Service.open(url)
      const again = yield* rebuild(`rebuild ${id}`)
      assert.deepStrictEqual([again.status, again.text], [202, first.text])
      yield* ask(`${url}/accounts/${id}/deposits`, { body: { amount: "1" }, key: `deposit ${id}` })
      assertProblem(yield* rebuild(`deposit ${id}`), "idempotency-key-reused")
      assertProblem(yield* rebuild(`rebuild ${id}`, "transfers"), "idempotency-key-reused")
      assertProblem(yield* rebuild(`unknown ${id}`, "nope"), "projection-not-found")
    })
  )

  it.effect("takes why a model is built again, for the journal, where somebody says so", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const key = `why ${yield* Service.open(url)}`
      const rebuild = (body: unknown) =>
        ask(`${url}/projections/account_summary/rebuild`, { method: "POST", body, key })
      const first = yield* rebuild({ reason: "a column was wrong" })
      assert.deepStrictEqual([first.status, Object.keys(first.json)], [202, ["name", "events"]], first.text)
      const again = yield* rebuild({ reason: "a column was wrong" })
      assert.deepStrictEqual(
        [again.status, again.text, again.headers.get("idempotency-replayed")],
        [202, first.text, "true"]
      )
      for (const other of [{}, undefined, { reason: "another" }]) {
        assertProblem(yield* rebuild(other), "idempotency-key-reused")
      }
      for (const wrong of [{ reason: 1 }, { reason: "x".repeat(4_097) }, { more: 1 }, [], "x"]) {
        assertProblem(yield* rebuild(wrong), "invalid-request")
      }
      const { operations } = (yield* ask(`${url}/operations`)).json
      assert.deepStrictEqual(
        operations.flatMap((each: Record<string, unknown>) => (each.key === key ? [[each.name, each.reason]] : [])),
        [["projections.rebuild", "a column was wrong"]]
      )
    })
  )

  it.effect("marks a refusal that is given again, whatever it is about (F60)", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const [from, to] = [yield* Service.open(url), yield* Service.open(url)]
      yield* ask(`${url}/accounts/${from}/deposits`, { body: { amount: "5" } })
      const body = { transferId: `t-${from}`, from, to, amount: "1" }
      yield* ask(`${url}/transfers`, { body })
      const refused = ask(`${url}/transfers`, { body: { ...body, amount: "2" }, key: `taken ${from}` })
      const first = yield* refused
      assertProblem(first, "transfer-exists")
      const again = yield* refused
      assert.strictEqual(again.text, first.text)
      assert.strictEqual(again.headers.get("idempotency-replayed"), "true")
      assert.strictEqual(again.headers.get("daybook-position"), first.headers.get("daybook-position"))
    })
  )

  it.effect("refuses If-Match where no version could be meant (HX2 F58)", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const id = yield* Service.open(url)
      const headers = { "if-match": '"1"' }
      for (const [path, body] of [
        ["/accounts", { owner: "A", currency: "EUR" }],
        ["/transfers", { from: id, to: id, amount: "1" }],
        ["/projections/account_summary/rebuild", {}]
      ] as const) {
        assertProblem(yield* ask(`${url}${path}`, { body, headers }), "if-match-not-applicable")
      }
      const stale = { "if-match": '"7.3"' }
      for (const [path, body] of [
        [`/accounts/${id}/deposits`, { amount: "1" }],
        [`/accounts/${id}/withdrawals`, { amount: "1" }],
        [`/accounts/${id}/holds`, { amount: "1" }],
        [`/accounts/${id}/holds/h/capture`, {}],
        [`/accounts/${id}/holds/h/release`, {}],
        [`/accounts/${id}/close`, {}]
      ] as const) {
        assertProblem(yield* ask(`${url}${path}`, { body, headers: stale }), "version-mismatch")
      }
    })
  )

  it.effect("says where the log ends when it was not decided: 400, 404, 412, 422", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const id = yield* Service.open(url)
      const { position } = (yield* ask(`${url}/accounts/${id}/deposits`, { body: { amount: "1" }, key: `p ${id}` }))
        .json
      for (const [path, asked, status] of [
        ["/accounts/nobody/deposits", { body: { amount: "1" } }, 404],
        [`/accounts/${id}/deposits`, { body: { amount: "x" } }, 400],
        [`/accounts/${id}/deposits`, { body: { amount: "1" }, headers: { "if-match": '"9"' } }, 412],
        [`/accounts/${id}/deposits`, { body: { amount: "2" }, key: `p ${id}` }, 422]
      ] as const) {
        const answer = yield* ask(`${url}${path}`, asked)
        assert.strictEqual(answer.status, status)
        assert.isAtLeast(Number(answer.headers.get("daybook-position")), position)
        // It can be waited for.
        assert.strictEqual(
          (yield* ask(`${url}/accounts?minPosition=${answer.headers.get("daybook-position")}`)).status,
          200
        )
      }
    })
  )

  it.effect("refuses fields that stand twice (HX2)", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const id = yield* Service.open(url)
      const line = `POST /accounts/${id}/deposits`
      for (const fields of [
        ["idempotency-key: a", "idempotency-key: a"],
        ["Idempotency-Key: a", "idempotency-key: b"],
        ['if-match: "1"', 'if-match: "1"'],
        ["host: localhost"]
      ]) {
        const { code, status } = yield* raw(url, line, fields, '{"amount":"1"}')
        assert.deepStrictEqual([status, code], [400, "invalid-request"], fields.join())
      }
      assert.strictEqual((yield* ask(`${url}/accounts/${id}`)).json.version, 1)
    })
  )
})

layer(Service.layer(), { excludeTestServices: true })("every request", (it) => {
  it.effect("has the parameters of its route, each once (HX3)", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const id = yield* Service.open(url)
      for (const [path, name] of [
        ["/accounts?limit=5&offset=10", "offset"],
        ["/accounts?limit=5&limit=5", "limit"],
        ["/accounts?Limit=5", "Limit"],
        ["/accounts?limit%5B%5D=5", "limit[]"],
        [`/accounts/${id}?vesion=1`, "vesion"],
        [`/accounts/${id}?version=1&version=1`, "version"],
        [`/accounts/${id}/events?before=3`, "before"],
        [`/accounts/${id}/holds?limit=3`, "limit"],
        ["/events?after=0&after=1", "after"],
        ["/events/stream?skip=true", "skip"],
        ["/health/live?x", "x"],
        ["/openapi.json?v=1", "v"],
        ["/projections?=", ""]
      ] as const) {
        const answer = yield* ask(`${url}${path}`)
        assertProblem(answer, "invalid-parameter")
        assert.strictEqual(problem(answer).errors?.[0]?.path, name, path)
      }
      for (const [path, body] of [
        [`/events?stream=${"x".repeat(513)}`],
        [`/aggregates/Account/${id}/explain?field=${"x".repeat(513)}`],
        ["/projections/account_summary/rebuild", { reason: "x".repeat(4_097) }]
      ] as const) {
        const answer = yield* ask(`${url}${path}`, { body })
        assertProblem(answer, "invalid-request")
        assert.match(problem(answer).errors?.[0]?.reason ?? "", /^is (?:a |1 to )/, path)
      }
      const posted = yield* ask(`${url}/accounts/${id}/deposits?dry-run=true`, { body: { amount: "1" } })
      assertProblem(posted, "invalid-parameter")
      assert.strictEqual((yield* ask(`${url}/accounts/${id}?`)).json.version, 1)
    })
  )

  it.effect("is not about an id that is a step in a path", () =>
    Effect.gen(function* () {
      const url = yield* Url
      for (const id of [".", "..", "%2e", "%2E.", "%2e%2e"]) {
        for (const line of [`GET /accounts/${id}`, `GET /accounts/${id}/events`, `GET /transfers/${id}`]) {
          const { code, status } = yield* raw(url, line, [])
          assert.deepStrictEqual([status, code], [400, "invalid-request"], line)
        }
      }
      const known = yield* Service.open(url)
      for (const id of [".", ".."]) {
        for (const [path, body] of [
          ["/accounts", { accountId: id, owner: "A", currency: "EUR" }],
          ["/transfers", { transferId: id, from: known, to: "b", amount: "1" }],
          ["/transfers", { from: known, to: id, amount: "1" }],
          [`/accounts/${known}/holds`, { holdId: id, amount: "1" }]
        ] as const) {
          assertProblem(yield* ask(`${url}${path}`, { body }), "invalid-request")
        }
      }
      assert.strictEqual(
        (yield* ask(`${url}/accounts`, { body: { accountId: "...", owner: "A", currency: "EUR" } })).status,
        201
      )
    })
  )

  it.effect("names days and times that exist, within the calendar of the contract (HX7 F55)", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const id = yield* Service.open(url)
      yield* ask(`${url}/accounts/${id}/deposits`, { body: { amount: "9" } })
      const field = (path: string, body: object) =>
        Effect.map(ask(`${url}/accounts/${id}${path}`, { body }), (answer) =>
          answer.status < 300 ? "ok" : problem(answer).errors?.[0]?.path
        )
      for (const [bookedOn, result] of [
        ["1900-01-01", "ok"],
        ["2199-12-31", "ok"],
        ["2024-02-29", "ok"],
        ["1899-12-31", "bookedOn"],
        ["2200-01-01", "bookedOn"],
        ["2023-02-29", "bookedOn"],
        ["2023-13-01", "bookedOn"],
        ["2023-1-1", "bookedOn"],
        ["0000-00-00", "bookedOn"]
      ] as const) {
        assert.strictEqual(yield* field("/deposits", { amount: "1", bookedOn }), result, bookedOn)
        assert.strictEqual(yield* field("/withdrawals", { amount: "1", bookedOn }), result, bookedOn)
      }
      const past = new Date(Date.now() - 1_000).toISOString()
      for (const [expiresAt, result] of [
        ["2199-12-31T23:59:59.999999999Z", "ok"],
        ["2198-12-31T23:59:59Z", "ok"],
        ["2200-01-01T00:00:00Z", "expiresAt"],
        ["2190-02-30T12:00:00Z", "expiresAt"],
        ["2190-01-01T24:00:00Z", "expiresAt"],
        ["2190-01-01T12:00:60Z", "expiresAt"],
        ["2190-01-01T12:00:00+00:00", "expiresAt"],
        ["2190-01-01", "expiresAt"],
        ["1970-01-01T00:00:00Z", "expiresAt"],
        [past, "expiresAt"]
      ] as const) {
        assert.strictEqual(yield* field("/holds", { amount: "0.01", expiresAt }), result, expiresAt)
      }
      for (const at of [
        "2023-02-29T00:00:00Z",
        "2024-01-01T24:00:00Z",
        "2024-01-01T00:00:00",
        "2024-01-01T00:00:00+01:00"
      ]) {
        assertProblem(yield* ask(`${url}/accounts/${id}?at=${encodeURIComponent(at)}`), "invalid-request")
      }
      assert.strictEqual((yield* ask(`${url}/accounts/${id}?at=2998-02-28T00:00:00Z`)).status, 200)
    })
  )

  it.effect("gets the answer again that it was given, when by now its hold would be in the past", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const id = yield* Service.open(url)
      yield* ask(`${url}/accounts/${id}/deposits`, { body: { amount: "9" } })
      const { expiresAt, first } = yield* placeSoonOver(url, id)
      const body = { amount: "1", expiresAt }
      const place = ask(`${url}/accounts/${id}/holds`, { body, key: `hold ${id} until ${expiresAt}` })
      yield* Effect.repeat(ask(`${url}/accounts/${id}`), { until: ({ json }) => json.availableBalance === undefined })
      const again = yield* place
      assert.deepStrictEqual([again.status, again.text], [201, first.text])
    })
  )
})

layer(Service.layer(), { excludeTestServices: true })("holds and tags", (it) => {
  it.effect("makes a document for all readers, also when the first one goes away meanwhile", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const { close, send } = yield* Service.connection(url)
      yield* send("GET /docs HTTP/1.1\r\nhost: localhost\r\n\r\n")
      // Its request has been read by the time that the next one is answered.
      yield* ask(`${url}/health/live`)
      close()
      assert.strictEqual((yield* ask(`${url}/docs`)).status, 200)
    }).pipe(Effect.scoped)
  )

  it.effect("lists holds and reads each under its Location, while it is open", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const id = yield* Service.open(url)
      yield* ask(`${url}/accounts/${id}/deposits`, { body: { amount: "9" } })
      assert.deepStrictEqual((yield* ask(`${url}/accounts/${id}/holds`)).json, { holds: [] })
      const placed = yield* ask(`${url}/accounts/${id}/holds`, {
        body: { amount: "1.5", expiresAt: "2190-01-01T00:00:00Z" }
      })
      const { holdId } = placed.json
      assert.strictEqual(placed.headers.get("location"), `/accounts/${id}/holds/${holdId}`)
      const hold = { holdId, amount: "1.50", expiresAt: "2190-01-01T00:00:00.000Z" }
      assert.deepStrictEqual((yield* ask(`${url}${placed.headers.get("location")}`)).json, hold)
      yield* ask(`${url}/accounts/${id}/holds`, { body: { holdId: "second", amount: "2" } })
      const { json } = yield* ask(`${url}/accounts/${id}/holds`)
      assert.deepStrictEqual(json, { holds: [hold, { holdId: "second", amount: "2.00" }] })
      yield* ask(`${url}/accounts/${id}/holds/${holdId}/release`, { method: "POST" })
      assertProblem(yield* ask(`${url}/accounts/${id}/holds/${holdId}`), "hold-not-found")
      assertProblem(yield* ask(`${url}/accounts/nobody/holds`), "account-not-found")
      assertProblem(yield* ask(`${url}/accounts/nobody/holds/x`), "account-not-found")
    })
  )

  it.effect("has another tag wherever the body differs, also when only time has passed (HX4 F56)", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const id = yield* Service.open(url)
      const bodies = new Map<string, string>()
      const look = (path: string) =>
        Effect.map(ask(`${url}/accounts/${id}${path}`), (answer) => {
          const tag = `${path} ${answer.headers.get("etag")}`
          assert.strictEqual(bodies.get(tag) ?? answer.text, answer.text, tag)
          bodies.set(tag, answer.text)
          return answer
        })
      const all = ["", "?version=2", "?version=3", "/holds"]
      yield* ask(`${url}/accounts/${id}/deposits`, { body: { amount: "9" } })
      yield* placeSoonOver(url, id)
      yield* ask(`${url}/accounts/${id}/holds`, { body: { amount: "1", expiresAt: "2190-01-01T00:00:00Z" } })
      // First time alone has passed, and then the hold's timer has the account say so.
      yield* Effect.repeat(Effect.forEach(all, look), { until: ([now]) => now?.headers.get("etag") === '"5.1"' })
      const now = yield* look("")
      assert.strictEqual(now.json.availableBalance, "8.00")
      assert.strictEqual((yield* look("?version=2")).headers.get("etag"), '"2"')

      // The tag as it stands is what If-Match takes.
      const headers = { "if-match": now.headers.get("etag") ?? "" }
      assert.strictEqual((yield* ask(`${url}/accounts/${id}/deposits`, { body: { amount: "1" }, headers })).status, 200)
      assertProblem(
        yield* ask(`${url}/accounts/${id}/deposits`, { body: { amount: "1" }, headers }),
        "version-mismatch"
      )
    })
  )

  it.effect("answers 304 to a client that has it, with the tag and nothing else (HX4)", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const id = yield* Service.open(url)
      yield* ask(`${url}/transfers`, { body: { transferId: `t-${id}`, from: id, to: "nobody", amount: "1" } })
      for (const path of [
        `/accounts/${id}`,
        `/accounts/${id}?version=1`,
        `/accounts/${id}/holds`,
        `/transfers/t-${id}`,
        "/openapi.json",
        "/docs"
      ]) {
        const first = yield* ask(`${url}${path}`)
        const etag = first.headers.get("etag") ?? assert.fail(path)
        for (const known of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
          const again = yield* ask(`${url}${path}`, { headers: { "if-none-match": known } })
          assert.deepStrictEqual([again.status, again.text], [304, ""], `${path} ${known}`)
          assert.strictEqual(again.headers.get("etag"), etag)
          assert.isNotNull(again.headers.get("daybook-log"))
        }
        for (const other of ['"other"', `${etag.slice(0, -1)}x"`]) {
          assert.strictEqual((yield* ask(`${url}${path}`, { headers: { "if-none-match": other } })).status, 200)
        }
      }
      yield* ask(`${url}/accounts/${id}/deposits`, { body: { amount: "1" } })
      assert.strictEqual((yield* ask(`${url}/accounts/${id}`, { headers: { "if-none-match": '"1"' } })).status, 200)
    })
  )

  it.effect("sends its documents compressed, under a tag of their own", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const sizes = new Map<string, number>()
      for (const coding of ["identity", "gzip", "gzip;q=0", "br, gzip;q=0.5"]) {
        const text = yield* Service.exchange(
          url,
          `GET /docs HTTP/1.1\r\nhost: localhost\r\naccept-encoding: ${coding}\r\nconnection: close\r\n\r\n`
        )
        sizes.set(coding, text.length)
        assert.match(text, /^vary: accept-encoding\r$/im)
      }
      assert.isBelow(sizes.get("gzip") ?? 0, (sizes.get("identity") ?? 0) / 2)
      assert.strictEqual(sizes.get("gzip"), sizes.get("br, gzip;q=0.5"))
      assert.strictEqual(sizes.get("identity"), sizes.get("gzip;q=0"))
    })
  )

  it.effect("shows one document to people and to programs (F61)", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const { json } = yield* ask(`${url}/openapi.json`)
      const { text } = yield* ask(`${url}/docs`)
      const shown = /<script id="api-reference" type="application\/json">([\s\S]*?)<\/script>/.exec(text)?.[1] ?? ""
      assert.deepStrictEqual(JSON.parse(shown), json)
    })
  )
})

describe("cursors", () => {
  it.scopedLive("hold after a restart, and not in another log (HX5 F13)", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const list = (query: string) => Effect.flatMap(Url, (url) => ask(`${url}/accounts?limit=1${query}`))
      const on = <A, E>(name: string, effect: Effect.Effect<A, E, Service.Url>) =>
        Effect.provide(effect, Service.layer({ filename: `${folder}/${name}.db` }))
      const cursor = yield* on(
        "first",
        Effect.gen(function* () {
          const url = yield* Url
          yield* Service.open(url)
          const id = yield* Service.open(url)
          const { json } = yield* ask(`${url}/accounts/${id}/deposits`, { body: { amount: "1" } })
          return (yield* list(`&minPosition=${json.position}`)).json.nextCursor
        })
      )
      const next = yield* on("first", list(`&cursor=${cursor}`))
      assert.deepStrictEqual([next.status, next.json.accounts.length], [200, 1])
      assertProblem(yield* on("second", list(`&cursor=${cursor}`)), "invalid-cursor")
    })
  )
})
