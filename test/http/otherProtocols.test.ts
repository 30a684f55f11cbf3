/** Requests for what is not HTTP: a tunnel, and a change of protocol. Each gets an answer, and its connection stays in order (HT4). */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as Service from "./Service.ts"

const { ask, exchange, Url } = Service

const isAlive = (url: string) => Effect.map(ask(`${url}/health/live`), ({ status }) => assert.strictEqual(status, 200))

layer(Service.layer(), { excludeTestServices: true })("a request", (it) => {
  it.effect("for a tunnel is 501, a problem, and ends the connection", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const targets = [
        "example.com:443",
        "127.0.0.1:22",
        "[::1]:80",
        "example.com:0",
        "/",
        "/accounts",
        "http://a/b",
        ""
      ]
      for (const target of targets) {
        for (const fields of ["host: localhost\r\n", "", "host: evil.example\r\nproxy-authorization: Basic eDp5\r\n"]) {
          const answer = yield* exchange(url, `CONNECT ${target} HTTP/1.1\r\n${fields}\r\n`)
          assert.match(answer, /^HTTP\/1.1 501 Not Implemented\r\n/, target)
          assert.include(answer, "application/problem+json")
          assert.match(answer, /^daybook-log: \S+\r$/im)
          assert.match(answer, /^connection: close\r$/im)
          assert.match(answer, /\r\n\r\n\{.*"code":"method-not-implemented".*\}$/)
        }
      }
    })
  )

  it.effect("for a tunnel is answered in its turn, and nothing of what follows is a request", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const id = yield* Service.open(url)
      const body = '{"amount":"1"}'
      const deposit = [
        `POST /accounts/${id}/deposits HTTP/1.1`,
        "host: localhost",
        "content-type: application/json",
        `content-length: ${body.length}`,
        "",
        body
      ].join("\r\n")
      const answer = yield* exchange(url, `${deposit}CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n${deposit}`)
      assert.match(answer, /^HTTP\/1.1 200 OK[\s\S]*"balance":"1.00"[\s\S]*HTTP\/1.1 501 /)
      assert.strictEqual(answer.split("HTTP/1.1 ").length, 3, answer)
      assert.strictEqual((yield* ask(`${url}/accounts/${id}`)).json.version, 2)
    })
  )

  it.effect("for a tunnel harms nobody where its client goes away", () =>
    Effect.gen(function* () {
      const url = yield* Url
      for (const before of ["", "GET /events/stream HTTP/1.1\r\nhost: localhost\r\n\r\n"]) {
        const { close, send } = yield* Service.connection(url)
        yield* send(`${before}CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n${"x".repeat(100_000)}`)
        close()
        yield* isAlive(url)
      }
    }).pipe(Effect.scoped)
  )

  it.effect("for another protocol is answered in this one, since nobody need change it", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const websocket = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n"
      for (const [protocol, fields] of [
        ["websocket", websocket],
        ["h2c", "http2-settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"],
        ["TLS/1.0", ""],
        ["daybook/2, websocket", ""]
      ]) {
        const upgrade = `connection: upgrade\r\nupgrade: ${protocol}\r\n${fields}`
        const asked = `GET /health/live HTTP/1.1\r\nhost: localhost\r\n${upgrade}\r\n`
        const alone = yield* exchange(url, asked)
        assert.match(alone, /^HTTP\/1.1 200 OK\r\n/, protocol)
        assert.match(alone, /^connection: close\r$/im)
        assert.notMatch(alone, /^upgrade:/im)
        // What comes behind it, at once or later, might be of the other protocol.
        const next = "GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n"
        for (const parts of [[asked + next], [asked + next, next]]) {
          assert.strictEqual((yield* exchange(url, ...parts)).split("HTTP/1.1 ").length, 2)
        }
      }
      const early = yield* exchange(url, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
      assert.match(early, /^HTTP\/1.1 400 [\s\S]*"code":"invalid-request"/)
    })
  )
})
