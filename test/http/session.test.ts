/** A browser that signs in with a token: its cookie, what it may do, whose pages may use it, and when it is over. */
import { createHash } from "node:crypto"
import { request } from "node:http"
import { assert, describe, it, layer } from "@effect/vitest"
import { Duration, Effect, Either, Layer } from "effect"
import { EventStore } from "../../src/core/EventStore.ts"
import * as AccessLog from "../../src/http/AccessLog.ts"
import * as HttpConfig from "../../src/http/HttpConfig.ts"
import { SignInAttempts } from "../../src/http/SignInAttempts.ts"
import * as Tokens from "../../src/http/Tokens.ts"
import { assertProblem } from "./Problems.ts"
import * as Service from "./Service.ts"

const { ask, Url } = Service

const sha256 = (token: string) => createHash("sha256").update(token).digest("hex")
const entryOf = (name: string, more: object = {}) => {
  return { name, sha256: sha256(name), scopes: ["admin"], ...more }
}
const parsed = (...entries: ReadonlyArray<object>) => Either.getOrThrow(Tokens.parse(JSON.stringify(entries)))

const tokens = parsed(
  entryOf("boss"),
  entryOf("till", { scopes: ["write"] }),
  entryOf("eye", { scopes: ["read"] }),
  entryOf("one", { aggregates: { Account: ["mine"] } }),
  entryOf("over", { expiresAt: "2020-01-01T00:00:00Z" })
)
let current = tokens

/** `fetch` sets some fields itself, as browsers do. */
const send = (
  url: string,
  method: string,
  headers: Readonly<Record<string, string>> = {},
  body?: object
): Effect.Effect<Service.Answer & { readonly cookies: ReadonlyArray<string> }> =>
  Effect.async((resume) => {
    const payload = body === undefined ? undefined : JSON.stringify(body)
    const sent = { ...(payload !== undefined && { "content-type": "application/json" }), ...headers }
    const client = request(url, { method, headers: sent, agent: false }, (response) => {
      let text = ""
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk
      })
      response.on("end", () => {
        const { "set-cookie": cookies = [], ...fields } = response.headers
        const isJson = fields["content-type"]?.includes("json") === true && text !== ""
        resume(
          Effect.succeed({
            status: response.statusCode ?? 0,
            headers: new Headers(fields as Record<string, string>),
            text,
            json: isJson ? JSON.parse(text) : undefined,
            cookies
          })
        )
      })
    })
    client.on("error", (error) => resume(Effect.die(error)))
    client.end(payload)
  })

/** What a page of the service sends along. */
const ownPage = { "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors" }

const signIn = (url: string, token: string, headers: Readonly<Record<string, string>> = ownPage) =>
  Effect.gen(function* () {
    const answer = yield* send(`${url}/session`, "PUT", headers, { token })
    assert.strictEqual(answer.status, 200, answer.text)
    const cookie = answer.cookies[0]?.split(";")[0] ?? ""
    return {
      answer,
      cookie,
      reads: { ...ownPage, cookie },
      writes: { ...ownPage, cookie, "daybook-csrf": answer.json.csrf }
    }
  })

const lines: Array<AccessLog.Line> = []
const logged = Layer.succeed(AccessLog.AccessLog, (line: AccessLog.Line) => void lines.push(line))
const service = (limits: Partial<HttpConfig.HttpLimits> = {}) =>
  Service.layer({ tokens: Tokens.among(() => current) }).pipe(Layer.provide([HttpConfig.layer(limits), logged]))

const isHere = process.env.DAYBOOK_PROGRAM === undefined

describe.runIf(isHere)("a sign-in", () => {
  layer(service({ maxSignInFailures: 1_000 }), { excludeTestServices: true })((it) => {
    it.effect("sets a cookie that no script reads, that goes to this service alone, and that is not the token", () =>
      Effect.gen(function* () {
        const url = yield* Url
        const { answer, cookie } = yield* signIn(url, "boss")
        const [field = ""] = answer.cookies
        const parts = field.split("; ").slice(1)
        assert.match(cookie, /^daybook-session=[\w-]{80,}$/)
        for (const part of ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=28800"]) assert.include(parts, part)
        assert.isFalse(parts.some((part) => part === "Secure" || part.startsWith("Domain")))
        assert.notInclude(Buffer.from(cookie.split("=")[1] ?? "", "base64url").toString("latin1"), "boss")
        assert.notInclude(answer.text, sha256("boss"))
        assert.deepInclude(answer.json, { tokens: true, principal: "boss", scope: "admin", readOnly: false })
        assert.isAbove(Date.parse(answer.json.expiresAt), Date.now())

        // Over TLS it is of this host alone, whatever proxy ends it.
        for (const tls of [{ "x-forwarded-proto": "https" }, { origin: url.replace("http:", "https:") }]) {
          const { answer: secure } = yield* signIn(url, "boss", tls)
          assert.match(secure.cookies[0] ?? "", /^__Host-daybook-session=.*; Secure/)
        }
        const again = yield* signIn(url, "boss")
        assert.notStrictEqual(again.cookie, cookie)
        assert.notStrictEqual(again.answer.json.csrf, answer.json.csrf)
      })
    )

    it.effect("is the principal that its token is: in events, the journal and the access log", () =>
      Effect.gen(function* () {
        const url = yield* Url
        const { answer, writes } = yield* signIn(url, "boss")
        lines.length = 0
        const body = { accountId: "by-cookie", owner: "A", currency: "EUR" }
        assert.strictEqual((yield* send(`${url}/accounts`, "POST", writes, body)).status, 201)
        assert.deepInclude(lines.at(-1), { route: "/accounts", status: 201, principal: "boss", refused: null })
        const { json } = yield* send(`${url}/accounts/by-cookie/events`, "GET", writes)
        assert.deepStrictEqual(
          json.events.map(({ principal }: { principal: string }) => principal),
          ["boss"]
        )
        const paused = yield* send(`${url}/projections/account_summary/pause`, "POST", writes, { reason: "a look" })
        assert.deepInclude(paused.json, { principal: "boss", reason: "a look" })
        yield* send(`${url}/projections/account_summary/resume`, "POST", writes)
        const { json: shown } = yield* send(`${url}/session`, "GET", writes)
        assert.deepStrictEqual(shown, answer.json)
        assert.deepInclude(lines.at(-1), { route: "/session", principal: "boss" })
      })
    )

    it.effect("only reads, unless its token is an administrator's", () =>
      Effect.gen(function* () {
        const url = yield* Url
        const store = yield* EventStore
        const before = yield* store.lastPosition
        const body = { accountId: "not-this-way", owner: "A", currency: "EUR" }
        for (const token of ["till", "eye"]) {
          const { answer, writes } = yield* signIn(url, token)
          assert.strictEqual(answer.json.scope, "read")
          assert.strictEqual((yield* send(`${url}/events`, "GET", writes)).status, 200)
          assertProblem(yield* send(`${url}/accounts`, "POST", writes, body), "forbidden")
          assertProblem(yield* send(`${url}/projections/account_summary/pause`, "POST", writes), "forbidden")
          assertProblem(yield* send(`${url}/operations`, "GET", writes), "forbidden")
        }
        assert.strictEqual(yield* store.lastPosition, before)
        // The token itself may.
        const bearer = { authorization: "Bearer till" }
        assert.strictEqual((yield* send(`${url}/accounts`, "POST", bearer, body)).status, 201)
      })
    )

    it.effect("reaches no more than its token where that is for some aggregates", () =>
      Effect.gen(function* () {
        const url = yield* Url
        yield* send(
          `${url}/accounts`,
          "POST",
          { authorization: "Bearer boss" },
          { accountId: "mine", owner: "A", currency: "EUR" }
        )
        const { reads } = yield* signIn(url, "one")
        assert.strictEqual((yield* send(`${url}/accounts/mine`, "GET", reads)).status, 200)
        for (const path of [
          "/accounts/other",
          "/accounts",
          "/console/overview",
          "/console/search?q=mine",
          "/projections"
        ]) {
          assertProblem(yield* send(`${url}${path}`, "GET", reads), "forbidden")
        }
      })
    )

    it.effect("is for the service's own pages: a foreign one changes nothing with it, and reads nothing", () =>
      Effect.gen(function* () {
        const url = yield* Url
        const store = yield* EventStore
        const { host } = new URL(url)
        const { answer, cookie } = yield* signIn(url, "boss")
        const csrf = { "daybook-csrf": answer.json.csrf as string }
        const before = yield* store.lastPosition
        const body = { accountId: "forged", owner: "A", currency: "EUR" }
        const foreign: ReadonlyArray<Readonly<Record<string, string>>> = [
          { "sec-fetch-site": "cross-site" },
          { "sec-fetch-site": "same-site" },
          { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" },
          { "sec-fetch-site": "cross-site", origin: `http://${host}` },
          { origin: "https://evil.example" },
          { origin: "null" },
          { origin: `http://${host}.evil.example` }
        ]
        for (const headers of foreign) {
          assertProblem(yield* send(`${url}/accounts`, "POST", { ...headers, ...csrf, cookie }, body), "foreign-page")
          assertProblem(yield* send(`${url}/events`, "GET", { ...headers, cookie }), "foreign-page")
          assertProblem(yield* send(`${url}/session`, "GET", { ...headers, cookie }), "foreign-page")
          assertProblem(yield* send(`${url}/session`, "DELETE", { ...headers, ...csrf, cookie }), "foreign-page")
          assertProblem(yield* send(`${url}/session`, "PUT", headers, { token: "boss" }), "foreign-page")
        }
        // One's own page without the secret, with another one, or with that of another sign-in.
        const { answer: other } = yield* signIn(url, "boss")
        for (const wrong of [
          {},
          { "daybook-csrf": "x" },
          { "daybook-csrf": other.json.csrf },
          { "daybook-csrf": "" }
        ]) {
          const headers = { ...ownPage, ...wrong, cookie } as Record<string, string>
          assertProblem(yield* send(`${url}/accounts`, "POST", headers, body), "foreign-page")
          assertProblem(yield* send(`${url}/projections/account_summary/pause`, "POST", headers), "foreign-page")
          assertProblem(yield* send(`${url}/session`, "DELETE", headers), "foreign-page")
        }
        assert.strictEqual(yield* store.lastPosition, before)
        for (const headers of [{}, { origin: `http://${host}` }]) {
          assert.strictEqual((yield* send(`${url}/events`, "GET", { ...headers, cookie })).status, 200)
        }
        // Behind a proxy that ends TLS and renames the host.
        const renamed = { "sec-fetch-site": "same-origin", origin: "https://renamed.example" }
        const { reads, writes } = yield* signIn(url, "boss", renamed)
        assert.strictEqual((yield* send(`${url}/events`, "GET", { ...reads, ...renamed })).status, 200)
        assert.strictEqual((yield* send(`${url}/accounts`, "POST", { ...writes, ...renamed }, body)).status, 201)
      })
    )

    it.effect("with a token beside it counts for nothing: the token is who asks, and needs no secret", () =>
      Effect.gen(function* () {
        const url = yield* Url
        const { cookie } = yield* signIn(url, "boss")
        const eye = { authorization: "Bearer eye", cookie }
        assertProblem(yield* send(`${url}/accounts/none/close`, "POST", eye), "forbidden")
        assertProblem(yield* send(`${url}/events`, "GET", { authorization: "Bearer nobody", cookie }), "unauthorized")
        assertProblem(yield* send(`${url}/events`, "GET", { authorization: "Basic eDp5", cookie }), "unauthorized")
        const till = { authorization: "Bearer till", cookie, origin: "https://shop.example" }
        assertProblem(yield* send(`${url}/accounts/none/close`, "POST", till), "account-not-found")
      })
    )

    it.effect("cannot be made up, changed, or taken from among several", () =>
      Effect.gen(function* () {
        const url = yield* Url
        const { cookie } = yield* signIn(url, "boss")
        const [name = "", value = ""] = cookie.split("=")
        const flipped = `${value.slice(0, 40)}${value[40] === "A" ? "B" : "A"}${value.slice(41)}`
        const wrong = [
          `${name}=`,
          `${name}=x`,
          `${name}=boss`,
          `${name}=${sha256("boss")}`,
          `${name}=${flipped}`,
          `${name}=${value.slice(0, -4)}`,
          `${name}=${"A".repeat(400)}`,
          `${cookie}; ${name}=x`,
          `x${cookie}`
        ]
        for (const each of wrong) {
          assertProblem(yield* send(`${url}/events`, "GET", { ...ownPage, cookie: each }), "unauthorized")
          assert.isNull((yield* send(`${url}/session`, "GET", { ...ownPage, cookie: each })).json.scope)
        }
        assert.strictEqual(
          (yield* send(`${url}/events`, "GET", { ...ownPage, cookie: `a=b; ${cookie}; c=d` })).status,
          200
        )
      })
    )

    it.effect("is of the host alone over TLS: a cookie that a neighbour can have set counts for nothing there", () =>
      Effect.gen(function* () {
        const url = yield* Url
        const { cookie } = yield* signIn(url, "boss")
        const tls = { ...ownPage, "x-forwarded-proto": "https" }
        const { cookie: ofHost } = yield* signIn(url, "eye", tls)
        const whose = (sent: string, headers: Readonly<Record<string, string>>) =>
          Effect.map(send(`${url}/session`, "GET", { ...headers, cookie: sent }), ({ json }) => json.principal)
        for (const [sent, headers, principal] of [
          [ofHost, tls, "eye"],
          [ofHost, ownPage, "eye"],
          [`${cookie}; ${ofHost}`, tls, "eye"],
          [`${ofHost}; ${cookie}`, ownPage, "eye"],
          [cookie, ownPage, "boss"],
          [cookie, tls, null],
          [cookie, { ...ownPage, "x-forwarded-proto": "HTTPS, http" }, null],
          [cookie, { origin: url.replace("http:", "https:") }, null],
          // Two of one name are nobody's, and no reason to take the other name's.
          [`${ofHost}; ${ofHost}`, tls, null],
          [`${ofHost}; ${cookie}; ${ofHost}x`, ownPage, null],
          [`__Host-daybook-session=; ${cookie}`, ownPage, null],
          [ofHost.replace("__Host-", "__host-"), tls, null],
          [`${cookie}; ${cookie}`, ownPage, null]
        ] as const) {
          assert.strictEqual(yield* whose(sent, headers), principal, JSON.stringify([sent.length, headers]))
        }
      })
    )

    it.effect(
      "is over when its holder signs out, also for anyone who has a copy of the cookie, and its feed ends",
      () =>
        Effect.gen(function* () {
          const url = yield* Url
          const { reads, writes } = yield* signIn(url, "boss")
          const other = yield* signIn(url, "boss")
          const done = yield* send(`${url}/session`, "DELETE", writes)
          assert.strictEqual(done.status, 204)
          for (const name of ["daybook-session", "__Host-daybook-session"]) {
            const found = done.cookies.find((field) => field.startsWith(`${name}=;`))
            assert.match(found ?? "", /Max-Age=0/)
          }
          assertProblem(yield* send(`${url}/events`, "GET", reads), "unauthorized")
          assert.isNull((yield* send(`${url}/session`, "GET", reads)).json.scope)
          assert.strictEqual((yield* send(`${url}/events`, "GET", other.reads)).status, 200)
          // One who has signed out may say so again.
          assert.strictEqual((yield* send(`${url}/session`, "DELETE", writes)).status, 204)
        })
    )

    it.effect("is over with its token: removed, expired, or for less than before", () =>
      Effect.gen(function* () {
        const url = yield* Url
        const { reads, writes } = yield* signIn(url, "boss")
        for (const [now, code] of [
          [parsed(entryOf("eye")), "unauthorized"],
          [parsed(entryOf("boss", { expiresAt: "2020-01-01T00:00:00Z" })), "unauthorized"]
        ] as const) {
          current = now
          assertProblem(yield* send(`${url}/events`, "GET", reads), code)
          assert.isNull((yield* send(`${url}/session`, "GET", reads)).json.principal)
        }
        current = parsed(entryOf("boss", { scopes: ["read"] }))
        assert.strictEqual((yield* send(`${url}/events`, "GET", reads)).status, 200)
        assertProblem(yield* send(`${url}/accounts/none/close`, "POST", writes), "forbidden")
        current = tokens
      })
    )

    it.effect("takes one token, as it is meant, and says nothing of one that nobody has", () =>
      Effect.gen(function* () {
        const url = yield* Url
        lines.length = 0
        const unknown = yield* send(`${url}/session`, "PUT", ownPage, { token: "nobody" })
        assertProblem(unknown, "unauthorized")
        const over = yield* send(`${url}/session`, "PUT", ownPage, { token: "over" })
        assert.strictEqual(over.text, unknown.text)
        assert.deepStrictEqual(
          lines.map(({ principal, refused }) => [principal, refused]),
          [
            [null, "unknown"],
            [null, "expired"]
          ]
        )
        for (const body of [
          {},
          { token: "" },
          { token: "a b" },
          { token: "x".repeat(2_049) },
          { token: "boss", more: 1 }
        ]) {
          const answer = yield* send(`${url}/session`, "PUT", ownPage, body)
          assertProblem(answer, "invalid-request")
          assert.strictEqual(answer.cookies.length, 0)
        }
        const form = { ...ownPage, "content-type": "text/plain" }
        assertProblem(yield* send(`${url}/session`, "PUT", form, { token: "boss" }), "unsupported-media-type")
        assertProblem(yield* send(`${url}/session`, "POST", ownPage, { token: "boss" }), "method-not-allowed")
      })
    )
  })

  it.scopedLive("is over after its life, whatever the browser keeps", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const { reads } = yield* signIn(url, "boss")
      yield* Effect.repeat(send(`${url}/events`, "GET", reads), { until: ({ status }) => status === 401 })
    }).pipe(Effect.provide(service({ signInLife: Duration.seconds(1) })))
  )

  it.scopedLive("ends the feed that follows by it, once its holder has signed out", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const { reads, writes } = yield* signIn(url, "boss")
      const feed = yield* Effect.promise((signal) => fetch(`${url}/events/stream`, { headers: reads, signal }))
      assert.strictEqual(feed.status, 200)
      const ended = feed.text()
      assert.strictEqual((yield* send(`${url}/session`, "DELETE", writes)).status, 204)
      assert.include(yield* Effect.promise(() => ended), "retry: 1000")
    }).pipe(Effect.provide(service({ heartbeat: Duration.millis(20) })))
  )

  it.scopedLive("is refused to an address that has tried too many tokens, whichever it tries next", () =>
    Effect.gen(function* () {
      const url = yield* Url
      // Those that are known are not among those that failed.
      for (let n = 0; n < 5; n++) yield* signIn(url, "boss")
      const tries = yield* Effect.forEach(
        Array.from({ length: 20 }, (_, n) => `guess-${n}`),
        (token) => send(`${url}/session`, "PUT", ownPage, { token }),
        { concurrency: 10 }
      )
      assert.strictEqual(tries.filter(({ status }) => status === 401).length, 3)
      const refused = yield* send(`${url}/session`, "PUT", ownPage, { token: "boss" })
      assertProblem(refused, "too-many-requests")
      assert.match(refused.headers.get("retry-after") ?? "", /^\d+$/)
      // The token itself is taken as ever.
      assert.strictEqual((yield* ask(`${url}/events`, { headers: { authorization: "Bearer boss" } })).status, 200)
    }).pipe(Effect.provide(service({ maxSignInFailures: 3 })))
  )
})

describe("attempts to sign in", () => {
  it("are counted by address, or network of IPv6, for a window; what succeeded is not", () => {
    const attempts = new SignInAttempts({ most: 2, windowMs: 1_000 })
    const waits = (address: string, now: number) => attempts.begin(address, now)
    assert.deepStrictEqual([waits("10.0.0.1", 0), waits("10.0.0.1", 500), waits("10.0.0.1", 600)], [0, 0, 400])
    assert.strictEqual(waits("10.0.0.2", 600), 0)
    assert.strictEqual(waits("10.0.0.1", 1_000), 0)
    assert.deepStrictEqual(
      [waits("2001:db8::1", 0), waits("2001:db8:0:0:9::2", 0), waits("2001:db8::3", 0)],
      [0, 0, 1_000]
    )
    assert.strictEqual(waits("2001:db8:0:1::1", 0), 0)
    for (let n = 0; n < 5; n++) {
      assert.strictEqual(waits("::ffff:10.0.0.3", 0), 0)
      attempts.succeeded("::ffff:10.0.0.3")
    }
  })

  it("take no more room than some thousands of addresses", () => {
    const attempts = new SignInAttempts({ most: 1, windowMs: 1_000 })
    const addressOf = (n: number) => `10.0.${n >> 8}.${n & 255}`
    const most = 5_000
    assert.isTrue(Array.from({ length: most }, (_, n) => attempts.begin(addressOf(n), 0)).every((wait) => wait === 0))
    // The first of them is forgotten, the last one is not.
    assert.strictEqual(attempts.begin(addressOf(0), 0), 0)
    assert.isAbove(attempts.begin(addressOf(most - 1), 0), 0)
  })
})

layer(Service.layer(), { excludeTestServices: true })("without tokens", (it) => {
  it.effect("everyone on this machine is signed in, and there is no cookie", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const all = { tokens: false, principal: null, scope: "admin", expiresAt: null, csrf: null, readOnly: false }
      assert.deepStrictEqual((yield* ask(`${url}/session`)).json, all)
      const signed = yield* send(`${url}/session`, "PUT", ownPage, { token: "boss" })
      assert.deepStrictEqual([signed.json, signed.cookies], [all, []])
      assert.strictEqual((yield* send(`${url}/session`, "DELETE", ownPage)).status, 204)
    })
  )
})
