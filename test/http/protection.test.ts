/** The fields that keep browsers from making more of an answer than it is: on every answer, whatever it is. */
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Console from "../../src/http/Console.ts"
import * as Service from "./Service.ts"

const { ask, Url } = Service

const expected = {
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY"
}

/** A policy's directives. */
const policyOf = (text: string): ReadonlyMap<string, string> =>
  new Map(
    text.split("; ").map((directive) => {
      const [name = "", ...rest] = directive.split(" ")
      return [name, rest.join(" ")]
    })
  )

const assertProtected = (headers: Pick<Headers, "get">, what: string): ReadonlyMap<string, string> => {
  for (const [name, value] of Object.entries(expected)) assert.strictEqual(headers.get(name), value, `${what}: ${name}`)
  const policy = policyOf(headers.get("content-security-policy") ?? "")
  for (const name of ["default-src", "frame-ancestors", "base-uri", "form-action"]) {
    assert.strictEqual(policy.get(name), "'none'", `${what}: ${name}`)
  }
  return policy
}

const bytes = new TextEncoder().encode("<!doctype html><title>console</title>")
const files: Console.Files = new Map([
  [Console.indexName, { contentType: "text/html; charset=utf-8", bytes }],
  ["app.js", { contentType: "text/javascript; charset=utf-8", bytes: new TextEncoder().encode("export {}") }]
])
const withConsole = Service.layer().pipe(Layer.provide(Layer.succeed(Console.Console, Effect.succeed(files))))

layer(withConsole, { excludeTestServices: true })("protective fields", (it) => {
  it.effect("are on every answer: success and 304, refusal and fault, of any method, and the feed", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const id = yield* Service.open(url)
      const statuses = new Set<number>()
      const { headers: first } = yield* ask(`${url}/accounts/${id}`)
      const requests: ReadonlyArray<readonly [string, Service.Asked?]> = [
        [`/accounts/${id}`],
        [`/accounts/${id}`, { headers: { "if-none-match": first.get("etag") ?? "" } }],
        [`/accounts/${id}`, { method: "HEAD" }],
        [`/accounts/${id}/deposits`, { body: { amount: "1" } }],
        [`/accounts/${id}/withdrawals`, { body: { amount: "100" } }],
        [`/accounts/${id}/deposits`, { raw: "{" }],
        [`/accounts/${id}/deposits`, { raw: JSON.stringify("x".repeat(70_000)) }],
        [`/accounts/${id}/deposits`, { raw: "x", headers: { "content-type": "text/plain" } }],
        [`/accounts/${id}/deposits`, { body: { amount: "1" }, headers: { "if-match": '"1"' } }],
        [`/accounts/${id}`, { method: "DELETE" }],
        [`/accounts/${id}`, { method: "OPTIONS" }],
        ["/nowhere"],
        ["/events?after=x"],
        ["/events?after=99999"],
        ["/accounts", { headers: { "sec-fetch-site": "cross-site" } }],
        ["/session"],
        ["/metrics"],
        ["/openapi.json"]
      ]
      for (const [path, asked] of requests) {
        const { headers, status } = yield* ask(`${url}${path}`, asked)
        statuses.add(status)
        assert.strictEqual(assertProtected(headers, `${asked?.method ?? ""} ${path} ${status}`).size, 4)
      }
      assert.sameMembers([...statuses], [200, 304, 409, 400, 413, 415, 412, 405, 204, 404, 403])
      const feed = yield* Effect.promise((signal) => fetch(`${url}/events/stream`, { signal }))
      assertProtected(feed.headers, "feed")
      yield* Effect.promise(async () => feed.body?.cancel())
    })
  )

  it.effect("are on what is refused before it is a request", () =>
    Effect.gen(function* () {
      const url = yield* Url
      for (const sent of [
        "NONSENSE\r\n\r\n",
        "GET /health/live HTTP/1.1\r\n\r\n",
        `GET / HTTP/1.1\r\nhost: localhost\r\nx: ${"y".repeat(20_000)}\r\n\r\n`
      ]) {
        const [head = ""] = (yield* Service.exchange(url, sent)).split("\r\n\r\n")
        const fields = head
          .split("\r\n")
          .slice(1)
          .map((line): [string, string] => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)])
        assertProtected(new Headers(fields), head)
      }
    })
  )

  it.effect("let the console load its own files and no script of anything else", () =>
    Effect.gen(function* () {
      const url = yield* Url
      for (const path of ["/console", "/console/assets/app.js"]) {
        const { headers, status } = yield* ask(`${url}${path}`)
        assert.strictEqual(status, 200)
        const policy = assertProtected(headers, path)
        for (const name of ["script-src", "style-src", "connect-src", "font-src"]) {
          assert.strictEqual(policy.get(name), "'self'", `${path}: ${name}`)
        }
        assert.strictEqual(headers.get("cross-origin-opener-policy"), "same-origin")
        assert.notMatch(headers.get("content-security-policy") ?? "", /unsafe|\*|https?:/)
      }
      const page = yield* ask(`${url}/console`)
      assert.strictEqual(page.text, new TextDecoder().decode(bytes))
      const again = yield* ask(`${url}/console`, { headers: { "if-none-match": page.headers.get("etag") ?? "" } })
      assert.strictEqual(again.status, 304)
      assert.strictEqual((yield* ask(`${url}/console/assets/other.js`)).status, 404)
      const docs = yield* ask(`${url}/docs`)
      assert.notMatch(assertProtected(docs.headers, "/docs").get("connect-src") ?? "", /\*|http/)
    })
  )
})

describe("a service without a console", () => {
  it.scopedLive("has no page", () =>
    Effect.gen(function* () {
      const url = yield* Url
      assert.strictEqual((yield* ask(`${url}/console`)).status, 404)
    }).pipe(Effect.provide(Service.layer()))
  )
})
