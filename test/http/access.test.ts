/** Who may do what: no token, a bad one, and one whose scope is too small. */
import { createHash } from "node:crypto"
import { assert, layer } from "@effect/vitest"
import { Effect, Either } from "effect"
import * as Tokens from "../../src/http/Tokens.ts"
import { assertProblem } from "./Problems.ts"
import * as Service from "./Service.ts"

const { ask, Url } = Service

const scopes = ["read", "write", "admin"] as const
const sha256 = (token: string) => createHash("sha256").update(token).digest("hex")
const tokens = Either.getOrThrow(
  Tokens.parse(
    JSON.stringify(scopes.map((scope) => ({ name: scope, sha256: sha256(`${scope}-token`), scopes: [scope] })))
  )
)
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

/** Each route, the scope it needs, and what it answers to those who may. */
const routes = [
  ["GET", "/accounts", "read", 200],
  ["GET", "/accounts/anna", "read", 200],
  ["GET", "/accounts/anna?version=1", "read", 200],
  ["GET", "/accounts/anna/events", "read", 200],
  ["GET", "/events", "read", 200],
  ["HEAD", "/events/stream", "read", 200],
  ["GET", "/projections", "read", 200],
  ["GET", "/metrics", "read", 200],
  ["POST", "/accounts", "write", 400],
  ["POST", "/accounts/anna/deposits", "write", 400],
  ["POST", "/accounts/anna/withdrawals", "write", 400],
  ["POST", "/accounts/nobody/close", "write", 404],
  ["POST", "/projections/account_summary/rebuild", "admin", 202],
  ["POST", "/projections/account_summary/pause", "admin", 202],
  ["POST", "/projections/account_summary/resume", "admin", 202],
  ["POST", "/projections/account_summary/retry", "admin", 400],
  ["POST", "/projections/account_summary/skip", "admin", 400],
  ["POST", "/projections/account_summary/unskip", "admin", 400],
  ["POST", "/reactions/transfers/retry", "admin", 400],
  ["POST", "/reactions/transfers/abandon", "admin", 400],
  ["POST", "/reactions/transfers/take-up", "admin", 400],
  ["GET", "/timers", "read", 200],
  ["POST", "/timers/none/cancel", "admin", 409],
  ["POST", "/timers/none/fire", "admin", 409],
  ["GET", "/operations", "admin", 200],
  ["GET", "/health/live", "none", 200],
  ["GET", "/health/ready", "none", 200],
  ["GET", "/openapi.json", "none", 200]
] as const

layer(Service.layer({ tokens }), { excludeTestServices: true })("access", (it) => {
  it.effect("none or a bad token is 401 with WWW-Authenticate, too small a scope 403, on every route (HT10)", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const body = { accountId: "anna", owner: "A", currency: "EUR" }
      assert.strictEqual((yield* ask(`${url}/accounts`, { body, headers: bearer("write-token") })).status, 201)
      for (const [method, path, needed, status] of routes) {
        const send = (headers: Readonly<Record<string, string>>) => ask(`${url}${path}`, { method, headers })
        const level = scopes.indexOf(needed as "read")
        for (const [held, scope] of scopes.entries()) {
          const answer = yield* send(bearer(`${scope}-token`))
          assert.strictEqual(answer.status, held >= level ? status : 403, `${method} ${path} with ${scope}`)
          if (answer.status === 403) assert.include(answer.headers.get("www-authenticate") ?? "", "insufficient_scope")
        }
        if (needed === "none") continue
        // The algorithm "none" of JSON Web Tokens, among others.
        const unsigned = `${Buffer.from('{"alg":"none"}').toString("base64url")}.e30.`
        const bad = ["", "x", "read-toke", "read-tokenx", sha256("admin-token"), unsigned, "admin-token x"].map(bearer)
        for (const headers of [{}, { authorization: "Basic cmVhZDp0b2tlbg==" }, ...bad]) {
          const answer = yield* send(headers)
          assert.strictEqual(answer.status, 401, `${method} ${path}`)
          if (method !== "HEAD") assertProblem(answer, "unauthorized")
          assert.include(answer.headers.get("www-authenticate") ?? "", "Bearer")
        }
      }
    })
  )

  it.effect("takes the file of tokens only as it is meant", () =>
    Effect.sync(() => {
      const entry = { name: "a", sha256: sha256("a"), scopes: ["read"] }
      assert.isTrue(Either.isRight(Tokens.parse(JSON.stringify([entry]))))
      for (const wrong of [
        [],
        {},
        [{ ...entry, sha256: "plain" }],
        [{ ...entry, scopes: [] }],
        [{ ...entry, scopes: ["all"] }],
        [{ ...entry, token: "a" }]
      ]) {
        assert.isTrue(Either.isLeft(Tokens.parse(JSON.stringify(wrong))), JSON.stringify(wrong))
      }
      assert.isTrue(Either.isLeft(Tokens.parse("no JSON")))
      // What is wrong is said by its place: what stands there may be a token.
      const twice = JSON.stringify([entry]).replace('"name":"a"', '"name":"a","name":"s3cret"')
      for (const [text, says] of [
        [JSON.stringify([entry, { ...entry, sha256: "s3cret" }]), "1.sha256 does not fit"],
        [JSON.stringify([{ ...entry, expiresAt: "s3cret" }]), "0.expiresAt does not fit"],
        [JSON.stringify({ token: "s3cret" }), "the whole does not fit"],
        ["s3cret", "is not JSON"],
        ["", "is empty"],
        [`\ufeff${JSON.stringify([entry])}`, "begins with a byte-order mark"],
        [twice, "0.name stands twice"]
      ] as const) {
        assert.deepStrictEqual(Tokens.parse(text), Either.left(says))
      }
    })
  )
})
