/** A web page in a browser on the same machine, against a service without tokens; and one with them. */
import { request } from "node:http"
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { EventStore } from "../../src/core/EventStore.ts"
import type * as Tokens from "../../src/http/Tokens.ts"
import { assertProblem } from "./Problems.ts"
import * as Service from "./Service.ts"

const { Url } = Service

/** `fetch` sets these fields itself, as browsers do. */
const send = (url: string, method: string, path: string, headers: Readonly<Record<string, string>>) =>
  Effect.async<Service.Answer>((resume) => {
    const client = request(`${url}${path}`, { method, headers, agent: false }, (response) => {
      let text = ""
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk
      })
      response.on("end", () => {
        const answered = new Headers(response.headers as Record<string, string>)
        const isJson = answered.get("content-type")?.includes("json") === true
        const json = isJson ? JSON.parse(text) : undefined
        resume(Effect.succeed({ status: response.statusCode ?? 0, headers: answered, text, json }))
      })
    })
    client.on("error", (error) => resume(Effect.die(error)))
    client.end()
  })

layer(Service.layer(), { excludeTestServices: true })("without tokens", (it) => {
  it.effect("a page of somebody else reaches nothing, by no name and from no origin", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const id = yield* Service.open(url)
      const store = yield* EventStore
      const before = yield* store.lastPosition
      const { host, port } = new URL(url)
      const close = `/accounts/${id}/close`
      const foreign: ReadonlyArray<Readonly<Record<string, string>>> = [
        { host: `evil.example:${port}` },
        { host: "evil.example" },
        { host: "127.0.0.1.evil.example" },
        { host: "localhost.evil.example" },
        { host: "127.0.0.1@evil.example" },
        { host: "10.0.0.1" },
        { host: `evil.example:${port}`, origin: `http://evil.example:${port}` },
        { host, origin: "http://evil.example" },
        { host, origin: "null" },
        { host, origin: "" },
        { host, origin: "http://localhost:1" },
        { host, origin: `http://${host}.evil.example` },
        { host, "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" },
        { host, "sec-fetch-site": "same-site", "sec-fetch-mode": "cors" }
      ]
      for (const headers of foreign) {
        for (const [method, path] of [
          ["POST", close],
          ["GET", "/events"],
          ["GET", "/nowhere"],
          ["GET", "/health/live"]
        ] as const) {
          assertProblem(yield* send(url, method, path, headers), "foreign-page")
        }
      }
      assert.strictEqual(yield* store.lastPosition, before)

      const own: ReadonlyArray<Readonly<Record<string, string>>> = [
        { host },
        { host: `localhost:${port}` },
        { host: "LOCALHOST" },
        { host: "[::1]:1" },
        { host: "127.9.9.9" },
        { host, origin: `http://${host}` },
        { host: `localhost:${port}`, origin: `http://localhost:${port}` },
        // Behind a proxy of this machine that does TLS.
        { host: "localhost", origin: "https://localhost" },
        { host, "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors" },
        { host, "sec-fetch-site": "none", "sec-fetch-mode": "navigate" },
        // A link that somebody follows.
        { host, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" }
      ]
      for (const headers of own) {
        assert.strictEqual((yield* send(url, "GET", "/events", headers)).status, 200, JSON.stringify(headers))
      }
      assert.strictEqual((yield* send(url, "POST", close, own[5] ?? {})).status, 200)
    })
  )
})

const tokens: ReadonlyArray<Tokens.Token> = [{ name: "nobody", digest: Buffer.alloc(32), level: 0 }]

layer(Service.layer({ tokens }), { excludeTestServices: true })("with tokens", (it) => {
  it.effect("the service answers under any name: no page knows a token", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const headers = { host: "bank.example", origin: "https://shop.example" }
      assert.strictEqual((yield* send(url, "GET", "/health/live", headers)).status, 200)
      assertProblem(yield* send(url, "GET", "/events", headers), "unauthorized")
    })
  )
})
