/** What a request asks for by its first line, also where that names a host, as it does to a proxy (RFC 9112, section 3.2.2). */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as Service from "./Service.ts"

const { exchange, Url } = Service

/** The answer to one request, whose target no client of HTTP would send to a server. */
const ask = (url: string, line: string, { body = "", fields = ["host: localhost"] } = {}) => {
  const sized = body === "" ? [] : ["content-type: application/json", `content-length: ${body.length}`]
  const head = [`${line} HTTP/1.1`, "connection: close", ...fields, ...sized].join("\r\n")
  return Effect.map(exchange(url, `${head}\r\n\r\n${body}`), (text) => ({
    text,
    status: Number(text.split(" ")[1]),
    body: text.split("\r\n\r\n")[1] ?? "",
    code: /"code":"([^"]+)"/.exec(text)?.[1]
  }))
}

layer(Service.layer(), { excludeTestServices: true })("a target", (it) => {
  it.effect("that goes on behind what ends a path for some leads nowhere", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const id = yield* Service.open(url)
      for (const end of [";", ";version=1", "#", "#top", ";?version=1", "#?version=1"]) {
        for (const path of [`/accounts/${id}`, "/events", "/accounts"]) {
          assert.strictEqual((yield* ask(url, `GET ${path}${end}`)).code, "route-not-found", path + end)
        }
      }
      // Encoded they are characters of the id.
      for (const character of ["%3B", "%23"]) {
        assert.strictEqual((yield* ask(url, `GET /accounts/${id}${character}x`)).code, "invalid-request", character)
      }
    })
  )
})

layer(Service.layer(), { excludeTestServices: true })("a target in absolute form", (it) => {
  it.effect("is answered as its path", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const id = yield* Service.open(url)
      const plain = yield* ask(url, `GET /accounts/${id}?version=1`)
      for (const origin of ["http://localhost", "HTTPS://LOCALHOST:8443"]) {
        const absolute = yield* ask(url, `GET ${origin}/accounts/${id}?version=1`)
        assert.deepStrictEqual([absolute.status, absolute.body], [200, plain.body], absolute.text)
      }
      const sent = { body: '{"amount":"1"}', fields: ["host: localhost", `idempotency-key: absolute ${id}`] }
      const path = `/accounts/${id}/deposits`
      assert.strictEqual((yield* ask(url, `POST http://localhost${path}`, sent)).status, 200)
      assert.match((yield* ask(url, `POST ${path}`, sent)).text, /^idempotency-replayed: true\r$/im)

      const misspelt = yield* ask(url, `GET http://localhost/accounts/${id}?vresion=1`)
      assert.strictEqual(misspelt.code, "invalid-parameter")
      assert.strictEqual((yield* ask(url, "GET http://localhost/accounts/%2e%2e")).code, "invalid-request")
      assert.match((yield* ask(url, "DELETE http://localhost/events")).text, /^allow: GET/im)
      for (const target of ["http://localhost", "http://localhost?version=1", "http://localhost/?version=1"]) {
        const answer = yield* ask(url, `GET ${target}`)
        assert.deepStrictEqual([answer.status, answer.code], [404, "route-not-found"], target)
        assert.include(answer.text, '"instance":"/"')
      }
    })
  )

  it.effect("is of the host that it names, whatever the field beside it says, and has one", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const fields = ["host: daybook.example"]
      assert.strictEqual((yield* ask(url, "GET http://daybook.example/health/live")).code, "foreign-page")
      assert.strictEqual((yield* ask(url, "GET /health/live", { fields })).code, "foreign-page")
      assert.strictEqual((yield* ask(url, "GET http://localhost/health/live", { fields })).status, 200)
      assert.strictEqual((yield* ask(url, "GET http://localhost/health/live", { fields: [] })).status, 400)
      const twice = ["host: localhost", "host: localhost"]
      assert.strictEqual((yield* ask(url, "GET http://localhost/health/live", { fields: twice })).status, 400)
      for (const target of ["http://anna@localhost", "ftp://localhost", "http://"]) {
        assert.strictEqual((yield* ask(url, `GET ${target}/health/live`)).code, "route-not-found", target)
      }
    })
  )
})
