/** What requests may look like: the HT cases of JSON, sizes, types, methods and fields. */
import { gzipSync } from "node:zlib"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Duration, Effect, Fiber, Layer, Option } from "effect"
import type { codes } from "../../src/bank/http/BankProblem.ts"
import * as ActorConfig from "../../src/core/ActorConfig.ts"
import { EventStore } from "../../src/core/EventStore.ts"
import * as HttpConfig from "../../src/http/HttpConfig.ts"
import { random } from "../Random.ts"
import { assertProblem } from "./Problems.ts"
import * as Service from "./Service.ts"

const { ask, problem, Url } = Service

const bytes = (text: string, ...before: ReadonlyArray<number>) => new Uint8Array([...before, ...Buffer.from(text)])

layer(Service.layer(), { excludeTestServices: true })("requests", (it) => {
  it.effect("a body that is not one JSON object of one meaning is 400, and stores nothing (HT1)", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const store = yield* EventStore
      const id = yield* Service.open(url)
      const before = yield* store.lastPosition
      const bodies: ReadonlyArray<readonly [raw: string | Uint8Array, code: keyof typeof codes, path: string]> = [
        ['{"amount":', "malformed-json", ""],
        ["", "invalid-request", ""],
        [" ", "malformed-json", ""],
        ["null", "invalid-request", ""],
        ["[]", "invalid-request", ""],
        ['"text"', "invalid-request", ""],
        ['{"amount":"1","amount":"1"}', "malformed-json", "amount"],
        ['{"amount":"1","\\u0061mount":"2"}', "malformed-json", "amount"],
        ['{"amount":"1","reference":{"a":[{"b":1,"b":2}]}}', "malformed-json", "reference.a.0.b"],
        [bytes('{"amount":"1"}', 0xef, 0xbb, 0xbf), "malformed-json", ""],
        [bytes('{"amount":"1","reference":"', 0x20), "malformed-json", ""],
        [new Uint8Array([0x22, 0xff, 0x22]), "malformed-json", ""],
        ['{"amount":"1"} trailing', "malformed-json", ""],
        ['{"amount":1}', "invalid-request", "amount"],
        ['{"amount":"1","bookedOn":"2026-02-30"}', "invalid-request", "bookedOn"],
        ["[".repeat(30_000), "malformed-json", ""],
        [`${"[".repeat(30_000)}${"]".repeat(30_000)}`, "malformed-json", ""]
      ]
      for (const [raw, code, path] of bodies) {
        const answer = yield* ask(`${url}/accounts/${id}/deposits`, { raw, method: "POST" })
        assertProblem(answer, code)
        if (path !== "") assert.strictEqual(problem(answer).errors?.[0]?.path, path, answer.text)
        assert.isString(problem(answer).commandId)
      }
      assert.strictEqual(yield* store.lastPosition, before)
    })
  )

  it.effect(
    "a body over 64 KiB is 413, by its length or once it has come, and the connection stays in order (HT2)",
    () =>
      Effect.gen(function* () {
        const url = yield* Url
        const id = yield* Service.open(url)
        const head = `POST /accounts/${id}/deposits HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n`
        const declared = yield* Service.exchange(url, `${head}connection: close\r\ncontent-length: 99999999\r\n\r\n`)
        assert.match(declared, /^HTTP\/1.1 413 /)

        const chunk = `4000\r\n${"x".repeat(0x4000)}\r\n`
        const chunked = yield* Service.exchange(
          url,
          `${head}transfer-encoding: chunked\r\n\r\n`,
          ...Array.from({ length: 64 }, () => chunk),
          `0\r\n\r\nGET /health/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`
        )
        assert.match(chunked, /^HTTP\/1.1 413 [\s\S]*HTTP\/1.1 200 /)

        const largest = JSON.stringify({ amount: "1" }).padEnd(65_536)
        assert.strictEqual((yield* ask(`${url}/accounts/${id}/deposits`, { raw: largest })).status, 200)
        assertProblem(yield* ask(`${url}/accounts/${id}/deposits`, { raw: `${largest} ` }), "body-too-large")

        const bomb = gzipSync(Buffer.alloc(10_000_000))
        const zipped = yield* ask(`${url}/accounts/${id}/deposits`, {
          raw: bomb,
          headers: { "content-encoding": "gzip" }
        })
        assertProblem(zipped, "unsupported-media-type")
      })
  )

  it.effect("a body that is not sent as JSON is 415; whatever is accepted, the answer is JSON (HT3)", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const id = yield* Service.open(url)
      const deposits = `${url}/accounts/${id}/deposits`
      const types = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonx", ""]
      for (const type of [...types, "application/json; charset=latin1"]) {
        const answer = yield* ask(deposits, { raw: '{"amount":"1"}', headers: { "content-type": type } })
        assertProblem(answer, "unsupported-media-type")
      }
      for (const type of ["application/json", "Application/JSON; charset=UTF-8"]) {
        const answer = yield* ask(deposits, { raw: '{"amount":"1"}', headers: { "content-type": type } })
        assert.strictEqual(answer.status, 200)
      }
      const accepted = yield* ask(`${url}/accounts/${id}`, { headers: { accept: "text/html" } })
      assert.strictEqual(accepted.headers.get("content-type"), "application/json")
    })
  )

  it.effect("an unknown route is 404, a wrong method 405 with Allow; HEAD, OPTIONS and TRACE are sane (HT4)", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const id = yield* Service.open(url)
      for (const path of [
        "/",
        "/nope",
        "/accounts/",
        `/accounts/${id}/nope`,
        "/accounts/%zz",
        "//",
        "/Accounts",
        `/accounts/${id};x`
      ]) {
        assertProblem(yield* ask(`${url}${path}`), "route-not-found")
      }
      const wrong = yield* ask(`${url}/accounts/${id}/deposits`, { method: "PUT", body: {} })
      assertProblem(wrong, "method-not-allowed")
      assert.strictEqual(wrong.headers.get("allow"), "POST, OPTIONS")
      const options = yield* ask(`${url}/accounts`, { method: "OPTIONS" })
      assert.strictEqual(options.status, 204)
      assert.strictEqual(options.headers.get("allow"), "POST, GET, HEAD, OPTIONS")
      const head = yield* ask(`${url}/accounts/${id}`, { method: "HEAD" })
      assert.deepStrictEqual([head.status, head.text, head.headers.get("etag")], [200, "", '"1"'])
      const trace = yield* Service.exchange(url, "TRACE / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
      assert.match(trace, /^HTTP\/1.1 40[45] /)
    })
  )

  it.effect("fields that the contract does not have are 400, and nothing of them is assigned (HT5)", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const id = yield* Service.open(url)
      for (const field of ["balance", "version", "ownerId", "__proto__", "constructor"]) {
        const answer = yield* ask(`${url}/accounts`, {
          raw: `{"owner":"A","currency":"EUR","${field}":{"polluted":1}}`
        })
        assertProblem(answer, "invalid-request")
        assert.strictEqual(problem(answer).errors?.[0]?.path, field)
      }
      assert.isUndefined(({} as { readonly polluted?: unknown }).polluted)
      const closing = yield* ask(`${url}/accounts/${id}/close`, { body: { force: true } })
      assertProblem(closing, "invalid-request")
      assert.strictEqual(problem(closing).errors?.[0]?.path, "force")
      assert.strictEqual((yield* ask(`${url}/accounts/${id}/close`, { body: {} })).status, 200)
    })
  )

  it.effect("names the field of an amount that does not fit the currency, and keeps no such answer", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const id = yield* Service.open(url)
      for (const amount of ["12.501", "-1", "0", "0.00", "1e3", "1".repeat(16), "01", "1.", " 1", "NaN", ""]) {
        const answer = yield* ask(`${url}/accounts/${id}/deposits`, { body: { amount }, key: `amount ${id}` })
        assertProblem(answer, "invalid-request")
        assert.strictEqual(problem(answer).errors?.[0]?.path, "amount")
        assert.strictEqual(problem(answer).commandId, `amount ${id}`)
      }
      const answer = yield* ask(`${url}/accounts/${id}/deposits`, { body: { amount: "12.5" }, key: `amount ${id}` })
      assert.strictEqual(answer.json.balance, "12.50")
      const wrong = yield* ask(`${url}/accounts`, { body: { owner: "A", currency: "XXX" } })
      assertProblem(wrong, "invalid-request")
      assert.strictEqual(problem(wrong).errors?.[0]?.path, "currency")
    })
  )

  it.effect("answers what is no HTTP with a problem too", () =>
    Effect.gen(function* () {
      const url = yield* Url
      for (const [sent, status] of [
        ["NONSENSE\r\n\r\n", 400],
        ["GET /health/live HTTP/1.1\r\n\r\n", 400],
        [`GET / HTTP/1.1\r\nhost: localhost\r\nx: ${"y".repeat(20_000)}\r\n\r\n`, 431]
      ] as const) {
        const answer = yield* Service.exchange(url, sent)
        assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `))
        assert.include(answer, "application/problem+json")
      }
    })
  )
})

describe("limits", () => {
  it.scopedLive(
    "a client that is slow to send its header or its body gets 408 and its connection ends",
    () =>
      Effect.gen(function* () {
        const url = yield* Url
        const id = yield* Service.open(url)
        const start = `POST /accounts/${id}/deposits HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n`
        for (const sent of [start, `${start}content-length: 14\r\n\r\n{"amount"`]) {
          const answer = yield* Service.exchange(url, sent)
          assert.match(answer, /^HTTP\/1.1 408 /)
          assert.include(answer, '"code":"request-timeout"')
        }
        assert.strictEqual((yield* ask(`${url}/accounts/${id}`)).json.version, 1)
      }).pipe(
        Effect.provide(
          Service.layer().pipe(
            Layer.provide(
              HttpConfig.layer({ headerTimeout: Duration.millis(200), requestTimeout: Duration.millis(400) })
            )
          )
        )
      ),
    20_000
  )

  it.scopedLive("more commands than may wait for an account are 503 with Retry-After, and the others are done", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const id = yield* Service.open(url)
      const send = (n: number) => ask(`${url}/accounts/${id}/deposits`, { body: { amount: "1" }, key: `full ${n}` })
      const numbers = Array.from({ length: 200 }, (_, n) => n)
      const answers = yield* Effect.forEach(numbers, send, { concurrency: "unbounded" })
      const busy = answers.filter(({ status }) => status !== 200)
      assert.isAbove(busy.length, 0)
      for (const answer of busy) assertProblem(answer, "account-busy")
      assert.strictEqual((yield* ask(`${url}/accounts/${id}`)).json.version, 1 + numbers.length - busy.length)
      for (const n of numbers) assert.strictEqual((yield* send(n)).status, 200)
      assert.strictEqual((yield* ask(`${url}/accounts/${id}`)).json.version, 1 + numbers.length)
    }).pipe(Effect.provide(Service.layer().pipe(Layer.provide(ActorConfig.layer({ mailboxCapacity: 2 })))))
  )

  it.scopedLive("a client that goes away at any moment leaves no fiber of its request behind", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const id = yield* Service.open(url)
      const next = random("gone")
      const isOfRequest = ({ currentContext }: Fiber.RuntimeFiber<unknown, unknown>) =>
        Option.isSome(Context.getOption(currentContext, HttpServerRequest.HttpServerRequest))
      const open = Effect.map(Fiber.roots, (roots) => Array.from(roots).filter(isOfRequest))
      const text = '{"amount":"1"}'
      const deposit = `content-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`
      for (let n = 0; n < 100; n++) {
        const [line, rest] = [
          [`POST /accounts/${id}/deposits`, deposit],
          [`GET /accounts/${id}`, "\r\n"],
          ["GET /events/stream", "\r\n"]
        ][n % 3] as [string, string]
        yield* Effect.scoped(
          Effect.flatMap(Service.connection(url), ({ send }) =>
            send(`${line} HTTP/1.1\r\nhost: localhost\r\n${rest}`).pipe(Effect.zipRight(Effect.sleep(next() * 10)))
          )
        )
      }
      yield* Effect.repeat(Effect.delay(open, 10), { until: ({ length }) => length === 0 })
    }).pipe(Effect.provide(Service.layer()))
  )
})
