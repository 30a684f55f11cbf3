/** What one client may cost the others: pipelined requests, answers that nobody reads, waits, and places (HX1). */
import { createHash } from "node:crypto"
import { connect } from "node:net"
import process from "node:process"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Either } from "effect"
import type { HttpLimits } from "../../src/http/HttpConfig.ts"
import * as Tokens from "../../src/http/Tokens.ts"
import { Writer } from "../../src/sql/Writer.ts"
import { follow } from "./Feed.ts"
import { assertProblem } from "./Problems.ts"
import * as Service from "./Service.ts"

const { ask, Url } = Service

const withLimits = (limits: Partial<HttpLimits>, tokens?: ReadonlyArray<Tokens.Token>) =>
  Service.layer(tokens === undefined ? { limits } : { limits, tokens })

/** A client that sends the same request many times on one connection, and reads nothing. */
const rude = (url: string, path: string, count: number) =>
  Effect.acquireRelease(
    Effect.gen(function* () {
      const { hostname, port } = new URL(url)
      const ended = yield* Deferred.make<void>()
      const socket = connect({ host: hostname, port: Number(port) })
      socket.on("error", () => {})
      socket.on("close", () => Deferred.unsafeDone(ended, Effect.void))
      socket.pause()
      const request = `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`
      socket.write(request.repeat(count))
      // One that does not read learns of the end when it writes.
      const write = Effect.delay(
        Effect.sync(() => socket.write(request)),
        "10 millis"
      )
      return {
        ended: Effect.raceFirst(Deferred.await(ended), Effect.forever(write)),
        close: () => socket.destroy()
      }
    }),
    ({ close }) => Effect.sync(close)
  )

/** How many requests of this route have been answered. */
const answered = (url: string, route: string) =>
  Effect.map(ask(`${url}/metrics`), ({ text }) => {
    const line = text
      .split("\n")
      .find(
        (each) =>
          each.startsWith(`http_server_request_duration_seconds_count{`) && each.includes(`http_route="${route}"`)
      )
    return Number(line?.split(" ").at(-1) ?? 0)
  })

const sha256 = (token: string) => createHash("sha256").update(token).digest("hex")
const tokens = Either.getOrThrow(
  Tokens.parse(JSON.stringify(["one", "two"].map((name) => ({ name, sha256: sha256(name), scopes: ["admin"] }))))
)
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

/** Whether the service is in this process, and on Node: its writer can be held, and its sockets tell what they have not sent. */
const isHere = process.env.DAYBOOK_PROGRAM === undefined

describe("a client that waits for a slow command", () => {
  it.scopedLive.skipIf(!isHere)(
    "gets its answer, although nothing moved on its connection for longer than one may be idle (HX1)",
    () =>
      Effect.gen(function* () {
        const url = yield* Url
        const id = yield* Service.open(url)
        const writer = yield* Writer
        const [begun, deposited] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
        // Nothing else is written meanwhile.
        yield* Effect.fork(
          writer.transact(() => Effect.zipRight(Deferred.succeed(begun, undefined), Deferred.await(deposited)))
        )
        yield* Deferred.await(begun)
        const deposit = yield* Effect.fork(ask(`${url}/accounts/${id}/deposits`, { body: { amount: "1" } }))
        yield* Effect.sleep("5 seconds")
        yield* Deferred.succeed(deposited, undefined)
        assert.strictEqual((yield* deposit).status, 200)
      }).pipe(
        Effect.scoped,
        // Long enough for the connection to last from one request to the next, also where other tests have the processor.
        Effect.provide(withLimits({ idleTimeout: Duration.seconds(2), heartbeat: Duration.seconds(1) }))
      )
  )
})

describe("a client that reads nothing", () => {
  it.scopedLive("has one answer computed, however many requests it has sent (HX1)", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const before = yield* answered(url, "/docs")
      yield* rude(url, "/docs", 500)
      // Others are served meanwhile, and are many more than the answers to the first.
      yield* Effect.repeat(answered(url, "/docs"), { until: (count) => count > before })
      yield* Effect.replicateEffect(ask(`${url}/health/live`), 200, { discard: true })
      // A second one may have gone to the buffers of the system.
      assert.isAtMost((yield* answered(url, "/docs")) - before, 4)
    }).pipe(Effect.scoped, Effect.provide(withLimits({})))
  )

  it.scopedLive("is ended where it sends more than all connections may have waiting (HX1)", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const { ended } = yield* rude(url, "/docs", 500)
      yield* ended
      assert.strictEqual((yield* ask(`${url}/health/live`)).status, 200)
    }).pipe(Effect.scoped, Effect.provide(withLimits({ maxOpenRequests: 20 })))
  )

  it.scopedLive.skipIf(!isHere)(
    "is ended where answers wait that are too large together, the longest unread first (HX1)",
    () =>
      Effect.gen(function* () {
        const url = yield* Url
        const before = yield* answered(url, "/docs")
        const first = yield* rude(url, "/docs", 5)
        yield* Effect.repeat(answered(url, "/docs"), { until: (count) => count > before })
        yield* rude(url, "/docs", 5)
        yield* first.ended
        assert.strictEqual((yield* ask(`${url}/health/live`)).status, 200)
      }).pipe(Effect.scoped, Effect.provide(withLimits({ maxUnreadBytes: 0 })))
  )

  it.scopedLive("gets all of its answers, in order, once it reads (HX1)", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const paths = Array.from({ length: 3_000 }, (_, n) => `/none/${n}`)
      const requests = paths.map((path) => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`).join("")
      const last = "GET /health/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
      const received = yield* Service.exchange(url, requests, last)
      assert.deepStrictEqual(
        [...received.matchAll(/"instance":"([^"]*)"/g)].map(([, path]) => path),
        paths
      )
      assert.match(received, /\{"status":"ok"\}\s*$/)
    }).pipe(Effect.scoped, Effect.provide(withLimits({})))
  )
})

describe("waits", () => {
  const pause = (url: string, asked: Service.Asked = {}) =>
    Effect.map(ask(`${url}/projections/account_summary/pause`, { method: "POST", ...asked }), ({ status, text }) =>
      assert.strictEqual(status, 202, text)
    )

  it.scopedLive("are bounded: one more that waits is 503, and a query that need not wait is served (HX1)", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const id = yield* Service.open(url)
      const { position } = (yield* ask(`${url}/accounts/${id}/deposits`, { body: { amount: "1" } })).json
      yield* ask(`${url}/accounts/${id}/summary?minPosition=${position}`)
      yield* pause(url)
      const later = yield* ask(`${url}/accounts/${id}/deposits`, { body: { amount: "1" } })
      const wait = ask(`${url}/accounts?minPosition=${later.json.position}`)
      const answers = yield* Effect.replicateEffect(wait, 5, { concurrency: "unbounded" })
      const codes = answers.map((answer) => Service.problem(answer).code)
      assert.deepStrictEqual(codes.sort(), [...Array(3).fill("too-many-waits"), ...Array(2).fill("view-behind")])
      for (const answer of answers) assertProblem(answer, Service.problem(answer).code as never)
      assert.strictEqual((yield* ask(`${url}/accounts/${id}/summary?minPosition=${position}`)).status, 200)
    }).pipe(Effect.scoped, Effect.provide(withLimits({ maxWaits: 2, maxWaitsPerToken: 2 })))
  )

  it.scopedLive("of one token leave room for another: 429 for the one, a place for the other (HX1)", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const of = (token: string) => ({ headers: bearer(token) })
      const body = { accountId: "a", owner: "A", currency: "EUR" }
      yield* pause(url, of("one"))
      const { position } = (yield* ask(`${url}/accounts`, { body, ...of("one") })).json
      const wait = (token: string) => ask(`${url}/accounts?minPosition=${position}`, of(token))
      const answers = yield* Effect.all([wait("one"), wait("one"), wait("two")], { concurrency: "unbounded" })
      const codes = answers.map((answer) => Service.problem(answer).code)
      assert.deepStrictEqual(codes.slice(0, 2).sort(), ["too-many-requests", "view-behind"])
      assert.strictEqual(codes[2], "view-behind")
      for (const answer of answers) assert.isNotNull(answer.headers.get("retry-after"))
    }).pipe(Effect.scoped, Effect.provide(withLimits({ maxWaitsPerToken: 1 }, tokens)))
  )

  it.scopedLive("for the past, and places at the feed, are counted by token too (HX1)", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const of = (token: string) => ({ headers: bearer(token) })
      yield* ask(`${url}/accounts`, { body: { accountId: "a", owner: "A", currency: "EUR" }, ...of("one") })
      yield* follow(`${url}/events/stream`, bearer("one"))
      assertProblem(yield* ask(`${url}/events/stream`, of("one")), "too-many-requests")
      for (const past of ["accounts/a?version=1", "aggregates/Account/a?version=1", "aggregates/Account/a/explain"]) {
        assertProblem(yield* ask(`${url}/${past}`, of("two")), "too-many-requests")
      }
      const other = yield* follow(`${url}/events/stream`, bearer("two"))
      assert.strictEqual(other.headers["content-type"], "text/event-stream")
    }).pipe(Effect.scoped, Effect.provide(withLimits({ maxSubscribersPerToken: 1, maxWaitsPerToken: 0 }, tokens)))
  )

  it.scopedLive("for a transfer are given up where there is no place, and the transfer goes on", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const [from, to] = [yield* Service.open(url), yield* Service.open(url)]
      yield* ask(`${url}/accounts/${from}/deposits`, { body: { amount: "5" } })
      const body = { transferId: "t", from, to, amount: "1" }
      assert.strictEqual((yield* ask(`${url}/transfers`, { body })).status, 202)
      yield* Effect.repeat(ask(`${url}/transfers/t`), { until: ({ json }) => json.status === "completed" })
    }).pipe(Effect.scoped, Effect.provide(withLimits({ maxWaits: 0 })))
  )
})

describe("the rate of a token", () => {
  it.scopedLive("is bounded: what is over is 429 with Retry-After, and another token does not notice", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const list = (token: string) => ask(`${url}/projections`, { headers: bearer(token) })
      const answers = yield* Effect.replicateEffect(list("one"), 50, { concurrency: "unbounded" })
      const over = answers.filter(({ status }) => status !== 200)
      assert.isAbove(over.length, 0)
      assert.isBelow(over.length, 50)
      for (const answer of over) {
        assertProblem(answer, "too-many-requests")
        assert.match(answer.headers.get("retry-after") ?? "", /^[1-9]\d*$/)
      }
      assert.strictEqual((yield* list("two")).status, 200)
      assert.strictEqual((yield* ask(`${url}/health/ready`)).status, 200)
    }).pipe(Effect.scoped, Effect.provide(withLimits({ maxRate: 1, viewTimeout: Duration.seconds(1) }, tokens)))
  )
})
