/** HX9: tokens that are revoked, expired, rotated, or for some aggregates alone. */
import { createHash } from "node:crypto"
import { renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it, layer } from "@effect/vitest"
import { Duration, Effect, Either, Layer, Schedule, Stream } from "effect"
import { EventStore } from "../../src/core/EventStore.ts"
import * as HttpConfig from "../../src/http/HttpConfig.ts"
import * as Tokens from "../../src/http/Tokens.ts"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"
import { assertProblem } from "./Problems.ts"
import * as Service from "./Service.ts"

const { ask, Url } = Service

const sha256 = (token: string) => createHash("sha256").update(token).digest("hex")
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const entryOf = (name: string, more: object = {}) => {
  return { name, sha256: sha256(name), scopes: ["admin"], ...more }
}
const parsed = (...entries: ReadonlyArray<object>) => Either.getOrThrow(Tokens.parse(JSON.stringify(entries)))
const past = "2020-01-01T00:00:00Z"
const isHere = process.env.DAYBOOK_PROGRAM === undefined

const tokens = parsed(
  entryOf("all"),
  entryOf("over", { expiresAt: past }),
  entryOf("later", { expiresAt: "2199-01-01T00:00:00Z" }),
  // One token under several names: what is over does not count.
  { ...entryOf("both", { expiresAt: past }) },
  { ...entryOf("both", { scopes: ["read"] }) },
  entryOf("first", { aggregates: { Account: ["one-1"] } }),
  entryOf("pair", { aggregates: { Account: ["one-1", "two-2"] } }),
  entryOf("one", { aggregates: { Account: ["mine", "new"], Nothing: ["mine"] } })
)

layer(Service.layer({ tokens }), { excludeTestServices: true })("tokens", (it) => {
  it.effect.runIf(isHere)("an expired one is 401, like one that nobody knows (HX9)", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const statusOf = (token: string, path: string, method = "GET") =>
        Effect.map(ask(`${url}${path}`, { method, headers: bearer(token) }), ({ status }) => status)
      assert.strictEqual(yield* statusOf("all", "/events"), 200)
      assert.strictEqual(yield* statusOf("later", "/events"), 200)
      assert.strictEqual(yield* statusOf("both", "/events"), 200)
      assert.strictEqual(yield* statusOf("both", "/accounts/none/close", "POST"), 403)
      const over = yield* ask(`${url}/events`, { headers: bearer("over") })
      assertProblem(over, "unauthorized")
      const unknown = yield* ask(`${url}/events`, { headers: bearer("unknown") })
      assert.strictEqual(over.text, unknown.text)
      assert.strictEqual(over.headers.get("www-authenticate"), unknown.headers.get("www-authenticate"))
    })
  )

  it.effect.runIf(isHere)(
    "one that is for some aggregates reads and changes these alone, and no list or metric (HX9)",
    () =>
      Effect.gen(function* () {
        const url = yield* Url
        const store = yield* EventStore
        const headers = bearer("one")
        const open = (accountId: string | undefined, as: string) =>
          ask(`${url}/accounts`, { body: { accountId, owner: "A", currency: "EUR" }, headers: bearer(as) })
        // An id is one whole id: not one that begins so, and not the name of a stream.
        for (const accountId of ["mine", "mine2", "account-mine", "other"]) yield* open(accountId, "all")
        assert.strictEqual((yield* open("new", "one")).status, 201)
        assertProblem(yield* open("newer", "one"), "forbidden")
        assertProblem(yield* open(undefined, "one"), "forbidden")
        const before = yield* store.lastPosition

        const paths = ["", "/summary?minPosition=1", "/events", "/holds", "/statement", "?version=1"]
        for (const path of paths) {
          const own = yield* ask(`${url}/accounts/mine${path}`, { headers })
          assert.strictEqual(own.status, 200, `${path} ${own.text}`)
          for (const other of ["mine2", "account-mine", "other", "none"]) {
            assertProblem(yield* ask(`${url}/accounts/${other}${path}`, { headers }), "forbidden")
          }
        }
        const body = { amount: "1" }
        const deposit = yield* ask(`${url}/accounts/mine/deposits`, { body, headers, key: "mine-1" })
        assert.strictEqual(deposit.status, 200)
        // Escapes are the same id.
        assert.strictEqual((yield* ask(`${url}/accounts/%6dine/deposits`, { body, headers })).status, 200)
        for (const id of ["other", "%6fther", "mine2", "mine%2F..%2Fother"]) {
          for (const route of ["deposits", "withdrawals", "holds", "close"]) {
            const answer = yield* ask(`${url}/accounts/${id}/${route}`, { body, headers })
            assert.include([400, 403, 404], answer.status, `${id} ${route}`)
            if (id === "other") assertProblem(answer, "forbidden")
          }
        }
        const order = { from: "mine", to: "other", amount: "1" }
        assertProblem(yield* ask(`${url}/transfers`, { body: order, headers }), "forbidden")
        for (const path of ["/accounts", "/projections", "/metrics", "/operations", "/stats", "/transfers/mine"]) {
          assertProblem(yield* ask(`${url}${path}`, { headers }), "forbidden")
        }
        assertProblem(
          yield* ask(`${url}/projections/account_summary/rebuild`, { method: "POST", headers }),
          "forbidden"
        )
        for (const path of ["", "/events", "/explain", "/explain/mine-1"]) {
          assert.strictEqual((yield* ask(`${url}/aggregates/Account/mine${path}`, { headers })).status, 200)
          assertProblem(yield* ask(`${url}/aggregates/Account/other${path}`, { headers }), "forbidden")
          assertProblem(yield* ask(`${url}/aggregates/Transfer/mine${path}`, { headers }), "forbidden")
        }
        assert.strictEqual(yield* store.lastPosition, before + 2)
      })
  )

  it.effect.runIf(isHere)("its explanations have no links to other aggregates (HX9)", () =>
    Effect.gen(function* () {
      const url = yield* Url
      for (const accountId of ["one-1", "two-2"]) {
        yield* ask(`${url}/accounts`, { body: { accountId, owner: "A", currency: "EUR" }, headers: bearer("all") })
      }
      yield* ask(`${url}/accounts/one-1/deposits`, { body: { amount: "9" }, headers: bearer("all") })
      const body = { transferId: "t-1", from: "one-1", to: "two-2", amount: "1" }
      assert.strictEqual((yield* ask(`${url}/transfers`, { body, headers: bearer("all") })).status, 201)
      const besideOf = (token: string) =>
        Effect.map(
          ask(`${url}/aggregates/Account/one-1/explain?after=2&limit=1`, { headers: bearer(token) }),
          (answer) => answer.json.events[0].beside.map(({ streamId }: { readonly streamId: string }) => streamId)
        )
      assert.include(yield* besideOf("all"), "account-two-2")
      assert.deepStrictEqual(yield* besideOf("first"), [])
      assert.deepStrictEqual(yield* besideOf("pair"), ["account-two-2"])
    })
  )

  it.effect.runIf(isHere)("its page of the log and its feed have the events of these aggregates alone (HX9)", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const headers = bearer("one")
      const all: Array<{ streamId: string; position: number }> = []
      let next: number | null = 0
      while (next !== null) {
        const { json }: Service.Answer = yield* ask(`${url}/events?after=${next}&limit=2`, { headers })
        all.push(...json.events)
        next = json.next
      }
      assert.deepStrictEqual(
        all.map(({ streamId }) => streamId),
        ["account-mine", "account-new", "account-mine", "account-mine"]
      )
      const feed = Effect.promise((signal) => fetch(`${url}/events/stream`, { headers, signal }))
      const ids = yield* Stream.unwrap(
        Effect.map(feed, ({ body }) => Stream.fromAsyncIterable(body as never as AsyncIterable<Uint8Array>, String))
      ).pipe(
        Stream.decodeText(),
        Stream.splitLines,
        Stream.filter((line) => line.startsWith("id: ")),
        Stream.take(all.length),
        Stream.runCollect
      )
      assert.deepStrictEqual(
        [...ids],
        all.map(({ position }) => `id: ${position}`)
      )
    })
  )
})

const short = HttpConfig.layer({ heartbeat: Duration.millis(20) })
let revocable = tokens

layer(Service.layer({ tokens: Tokens.among(() => revocable) }).pipe(Layer.provide(short)), {
  excludeTestServices: true
})("a token that is revoked", (it) => {
  it.effect.runIf(isHere)("ends the feed that it follows, and so does one that is for less now (HX9)", () =>
    Effect.gen(function* () {
      const url = yield* Url
      for (const now of [parsed(entryOf("other")), parsed(entryOf("all", { aggregates: { Account: ["a"] } }))]) {
        revocable = tokens
        const feed = yield* Effect.promise((signal) =>
          fetch(`${url}/events/stream`, { headers: bearer("all"), signal })
        )
        assert.strictEqual(feed.status, 200)
        const ended = feed.text()
        revocable = now
        assert.include(yield* Effect.promise(() => ended), "retry: 1000")
      }
    })
  )
})

const timeout = 60_000

describe("the file of tokens", () => {
  it.scopedLive(
    "is read again when it changes, replaced or written, and on SIGHUP; what is wrong with it changes nothing (HX9)",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const file = join(folder, "tokens.json")
        const write = (...entries: ReadonlyArray<object>) => writeFileSync(file, JSON.stringify(entries))
        write(entryOf("old"))
        const service = yield* Service.start(["--db", `sqlite:${join(folder, "d.db")}`, "--tokens", file])
        const statusOf = (token: string) =>
          Effect.map(ask(`${service.url}/events`, { headers: bearer(token) }), ({ status }) => status)
        const until = (token: string, status: number) =>
          Effect.repeat(statusOf(token), {
            until: (now) => now === status,
            schedule: Schedule.spaced("50 millis")
          })
        assert.strictEqual(yield* statusOf("old"), 200)

        write(entryOf("old"), entryOf("new"))
        yield* until("new", 200)
        assert.strictEqual(yield* statusOf("old"), 200)

        // Replaced as a whole.
        writeFileSync(`${file}.new`, JSON.stringify([entryOf("new")]))
        renameSync(`${file}.new`, file)
        yield* until("old", 401)
        assert.strictEqual(yield* statusOf("new"), 200)

        writeFileSync(file, '[{"name": "new"')
        service.process.kill("SIGHUP")
        yield* Effect.repeat(
          Effect.sync(() => service.stderr()),
          { until: (text) => text.includes("what was read before stays"), schedule: Schedule.spaced("20 millis") }
        )
        assert.strictEqual(yield* statusOf("new"), 200)
        assert.isNull(service.process.exitCode)

        write(entryOf("last", { expiresAt: "2199-01-01T00:00:00Z", aggregates: { Account: ["a"] } }))
        service.process.kill("SIGHUP")
        yield* until("last", 200)
        assert.strictEqual(yield* statusOf("new"), 401)
        service.process.kill("SIGTERM")
        assert.strictEqual(yield* service.ended, 0)
      }),
    timeout
  )

  it("is taken only as it is meant", () => {
    for (const more of [
      { expiresAt: "2026-01-01" },
      { expiresAt: "2026-02-30T00:00:00Z" },
      { expiresAt: 1 },
      { aggregates: ["a"] },
      { aggregates: { Account: "a" } },
      { aggregates: { Account: [""] } },
      { name: "reaction:transfers" },
      { name: "a\0b" }
    ]) {
      assert.isTrue(Either.isLeft(Tokens.parse(JSON.stringify([entryOf("a", more)]))), JSON.stringify(more))
    }
    assert.isTrue(Either.isRight(Tokens.parse(JSON.stringify([entryOf("a", { aggregates: {} })]))))
  })
})
