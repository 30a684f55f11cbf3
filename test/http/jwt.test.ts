/** HX9: JSON Web Tokens of an issuer, made here by hand, so that nothing that checks them has made them. */
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto"
import { writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import process from "node:process"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule, TestClock } from "effect"
import * as Jwt from "../../src/http/Jwt.ts"
import * as Cli from "../cli/Cli.ts"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"
import * as Service from "./Service.ts"

const issuer = "https://issuer.example"
const audience = "daybook"

const keyPairs = {
  RS256: generateKeyPairSync("rsa", { modulusLength: 2_048 }),
  ES256: generateKeyPairSync("ec", { namedCurve: "P-256" }),
  EdDSA: generateKeyPairSync("ed25519")
}
type Algorithm = keyof typeof keyPairs
const stranger = generateKeyPairSync("rsa", { modulusLength: 2_048 })

const jwkOf = (alg: string, key: KeyObject) => ({ ...key.export({ format: "jwk" }), alg, kid: alg, use: "sig" })
const keys: Jwt.KeySet = { keys: Object.entries(keyPairs).map(([alg, { publicKey }]) => jwkOf(alg, publicKey)) }

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url")
const signature = (alg: string, text: string, key: KeyObject): Buffer =>
  alg === "ES256"
    ? sign("sha256", Buffer.from(text), { key, dsaEncoding: "ieee-p1363" })
    : sign(alg === "EdDSA" ? null : "sha256", Buffer.from(text), key)

interface Made {
  readonly alg?: Algorithm
  readonly claims?: object
  readonly header?: object
  readonly key?: KeyObject
}

/** A token that is valid at second 1,000 of the test's clock, except for what is said. */
const token = ({ alg = "RS256", claims = {}, header = {}, key = keyPairs[alg].privateKey }: Made = {}): string => {
  const payload = { iss: issuer, aud: audience, sub: "anna", exp: 2_000, scope: "openid read write", ...claims }
  const text = `${encode({ alg, kid: alg, ...header })}.${encode(payload)}`
  return `${text}.${signature(alg, text, key).toString("base64url")}`
}

const unsigned = (): string => `${encode({ alg: "none" })}.${token().split(".")[1]}.`
/** Signed with a public key as if that were a shared secret, by who has no other. */
const [header, payload] = token({ header: { alg: "HS256" } }).split(".")

// Who checks them is this process, whatever serves.
const isHere = process.env.DAYBOOK_PROGRAM === undefined

describe("JSON Web Tokens", () => {
  it.effect.runIf(isHere)(
    "of the issuer's keys are taken, with the principal iss#sub and the scopes of the claim (HX9)",
    () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(1_000_000)
        const find = yield* Jwt.make({ keys: () => keys, issuer, audience })
        for (const alg of ["RS256", "ES256", "EdDSA"] as const) {
          assert.deepStrictEqual(yield* find(token({ alg })), { name: `${issuer}#anna`, level: 1 })
        }
        for (const [claims, level] of [
          [{ scope: "admin" }, 2],
          [{ scope: "read" }, 0],
          [{ aud: ["other", audience] }, 1]
        ] as const) {
          assert.deepStrictEqual(yield* find(token({ claims })), { name: `${issuer}#anna`, level })
        }
        for (const scope of [undefined, "", "reader administrator", ["admin"]]) {
          const bearer = yield* find(token({ claims: { scope } }))
          assert.isTrue(typeof bearer !== "string" && bearer.level < 0, String(scope))
        }
        // Clocks differ by seconds.
        assert.isObject(yield* find(token({ claims: { exp: 980 } })))
        assert.isObject(yield* find(token({ claims: { nbf: 1_020 } })))
      })
  )

  it.effect.runIf(isHere)(
    "of another issuer, audience, key or algorithm, over or too early, or changed, are not (HX9)",
    () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(1_000_000)
        const find = yield* Jwt.make({ keys: () => keys, issuer, audience })
        assert.strictEqual(yield* find(token({ claims: { exp: 960 } })), "expired")
        const [head, , end] = token().split(".")
        for (const [what, wrong] of Object.entries({
          issuer: token({ claims: { iss: "https://other.example" } }),
          audience: token({ claims: { aud: "other" } }),
          "no audience": token({ claims: { aud: undefined } }),
          "no end": token({ claims: { exp: undefined } }),
          "no subject": token({ claims: { sub: undefined } }),
          "an empty subject": token({ claims: { sub: "" } }),
          "a subject that no store takes": token({ claims: { sub: "a\0b" } }),
          "too early": token({ claims: { nbf: 1_060 } }),
          "another key": token({ key: stranger.privateKey }),
          "a key that nobody knows": token({ header: { kid: "other", alg: "RS256" }, key: stranger.privateKey }),
          "no algorithm": unsigned(),
          "the algorithm none with a signature": token({ header: { alg: "none" } }),
          "a shared secret": `${header}.${payload}.${Buffer.alloc(32).toString("base64url")}`,
          "another algorithm of the same key": token({ header: { alg: "PS256" } }),
          "another payload": `${head}.${encode({ iss: issuer, aud: audience, sub: "eve", exp: 2_000 })}.${end}`,
          "no token": "plain",
          "a critical extension": token({ header: { crit: ["x"], x: 1 } })
        })) {
          assert.strictEqual(yield* find(wrong), "unknown", what)
        }
      })
  )

  const timeout = 60_000

  it.scopedLive(
    "are taken by the service beside its own, with keys from a file or a URL, which may be rotated (HX9)",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const file = join(folder, "keys.json")
        const exp = Math.floor(Date.now() / 1_000) + 600
        const write = (...names: ReadonlyArray<Algorithm>) =>
          writeFileSync(file, JSON.stringify({ keys: names.map((alg) => jwkOf(alg, keyPairs[alg].publicKey)) }))
        write("RS256")
        const remote = yield* Effect.acquireRelease(
          Effect.async<{ readonly url: string; readonly close: () => void }>((resume) => {
            const server = createServer((_, response) => void response.end(JSON.stringify(keys)))
            server.listen(0, "127.0.0.1", () => {
              const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`
              resume(Effect.succeed({ url, close: () => void server.close() }))
            })
          }),
          ({ close }) => Effect.sync(close)
        )
        const start = (name: string, jwks: string) =>
          Service.start([
            ...["--db", `sqlite:${join(folder, name)}`, "--host", "127.0.0.1", "--jwks", jwks],
            ...["--issuer", issuer, "--audience", audience]
          ])
        const statusOf = (url: string, made: Made, method = "GET") =>
          Effect.map(
            Service.ask(`${url}/accounts${method === "GET" ? "" : "/none/close"}`, {
              method,
              headers: { authorization: `Bearer ${token({ ...made, claims: { exp, ...made.claims } })}` }
            }),
            ({ status }) => status
          )

        const { url } = yield* start("file.db", file)
        assert.strictEqual(yield* statusOf(url, {}), 200)
        assert.strictEqual(yield* statusOf(url, { alg: "ES256" }), 401)
        assert.strictEqual(yield* statusOf(url, { claims: { scope: "read" } }, "POST"), 403)
        assert.strictEqual(yield* statusOf(url, {}, "POST"), 404)
        write("ES256")
        yield* Effect.repeat(statusOf(url, { alg: "ES256" }), {
          until: (status) => status === 200,
          schedule: Schedule.spaced("50 millis")
        })
        assert.strictEqual(yield* statusOf(url, {}), 401)

        const second = yield* start("url.db", remote.url)
        assert.strictEqual(yield* statusOf(second.url, { alg: "EdDSA" }), 200)
        assert.strictEqual(yield* statusOf(second.url, { key: stranger.privateKey }), 401)
      }),
    timeout
  )

  it.scopedLive(
    "need all three flags, and keys that nobody can change on their way",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const wrong = join(folder, "wrong.json")
        writeFileSync(wrong, '{"keys": []}')
        const whole = ["--issuer", issuer, "--audience", audience]
        for (const [args, says, ends] of [
          [["--jwks", wrong], /belong together/, 2],
          [["--jwks", wrong, ...whole], /not a JSON Web Key Set/, 1],
          [["--jwks", join(folder, "none.json"), ...whole], /cannot be read/, 1],
          [["--jwks", "http://issuer.example/keys", ...whole], /https/, 2]
        ] as const) {
          const { code, stderr } = yield* Cli.run(["serve", "--db", `sqlite:${join(folder, "d.db")}`, ...args])
          assert.strictEqual(code, ends, stderr)
          assert.match(stderr, says)
        }
      }),
    timeout
  )
})
