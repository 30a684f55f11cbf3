/**
 * The feed of server-sent events: every event once, in order, from where a client was; and no client that costs without
 * end.
 */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Layer } from "effect"
import { EventStore } from "../../src/core/EventStore.ts"
import * as HttpConfig from "../../src/http/HttpConfig.ts"
import { Tampering } from "../../src/testing/Tampering.ts"
import * as SqlTampering from "../sql/Tampering.ts"
import { follow, nextEvent, nextMessage, positions } from "./Feed.ts"
import { assertProblem } from "./Problems.ts"
import * as Service from "./Service.ts"

const { ask, Url } = Service

const deposits = (url: string, id: string, count: number) =>
  Effect.forEach(Array.from({ length: count }), () =>
    Effect.map(
      ask(`${url}/accounts/${id}/deposits`, { body: { amount: "1", reference: "line\nbreak\r\u2028" } }),
      ({ json }): number => json.position
    )
  )

describe("feed", () => {
  it.scopedLive(
    "gives each event under its position, what is stored and then what comes, and resumes where it was (HT15)",
    () =>
      Effect.gen(function* () {
        const url = yield* Url
        const id = yield* Service.open(url)
        const before = yield* deposits(url, id, 3)
        const feed = yield* follow(`${url}/events/stream?after=0`)
        assert.strictEqual(feed.headers["content-type"], "text/event-stream")
        assert.strictEqual(feed.headers["cache-control"], "no-store")
        assert.strictEqual(feed.headers["x-accel-buffering"], "no")
        assert.deepStrictEqual(yield* feed.next, { retry: "1000" })
        assert.deepStrictEqual(yield* positions(feed, 4), [1, ...before])
        const [live = 0] = yield* deposits(url, id, 1)
        const event = yield* nextEvent(feed)
        assert.deepInclude(event, { id: String(live), event: "Deposited" })
        const page = yield* ask(`${url}/events?after=${live - 1}`)
        assert.deepStrictEqual(JSON.parse(event.data ?? ""), page.json.events[0])

        // The header knows better than the URL, which stays as it was at first.
        const resumed = yield* follow(`${url}/events/stream?after=0`, { "last-event-id": String(before[1]) })
        assert.deepStrictEqual(yield* positions(resumed, 2), [before[2] ?? 0, live])
      }).pipe(Effect.provide(Service.layer()))
  )

  it.scopedLive(
    "refuses an id that is not a position, and one that is beyond the log, wherever it is asked (HT15 JR7)",
    () =>
      Effect.gen(function* () {
        const url = yield* Url
        const id = yield* Service.open(url)
        for (const garbage of ["x", "-1", "1.5", "", "99999999999999999999"]) {
          const headers = { "last-event-id": garbage }
          assertProblem(yield* ask(`${url}/events/stream`, { headers }), "invalid-request")
        }
        assertProblem(yield* ask(`${url}/events/stream?after=x`), "invalid-request")
        const [end = 0] = yield* deposits(url, id, 1)
        const asked = [
          ask(`${url}/events/stream?after=${end + 1}`),
          ask(`${url}/events/stream`, { headers: { "last-event-id": String(end + 1) } }),
          ask(`${url}/events?after=${end + 1}`),
          ask(`${url}/accounts?minPosition=${end + 1}`),
          ask(`${url}/accounts/${id}/summary?minPosition=${Number.MAX_SAFE_INTEGER}`)
        ]
        for (const ahead of asked) {
          const answer = yield* ahead
          assertProblem(answer, "position-ahead")
          assert.strictEqual(answer.json.detail, `the log ends at position ${end}`)
        }
        // At the end there is nothing yet, and what comes is given.
        assert.deepStrictEqual((yield* ask(`${url}/events?after=${end}`)).json, { events: [], next: null })
        const feed = yield* follow(`${url}/events/stream?after=${end}`)
        const stored = yield* deposits(url, id, 1)
        assert.deepStrictEqual(yield* positions(feed, 1), stored)
        // What a receipt says can be asked for at once.
        for (let n = 0; n < 20; n++) {
          const [position] = yield* deposits(url, id, 1)
          assert.strictEqual((yield* ask(`${url}/accounts/${id}/summary?minPosition=${position}`)).status, 200)
        }
      }).pipe(Effect.provide(Service.layer()))
  )

  it.scopedLive("gives only what fits the filter, stored and new, and the same bytes to each who follows (RD6)", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const [one, other] = [yield* Service.open(url), yield* Service.open(url)]
      const stored = yield* deposits(url, one, 2)
      yield* deposits(url, other, 1)
      const stream = `${url}/events/stream`
      const ofOne = yield* follow(`${stream}?stream=account-${one}`)
      assert.deepStrictEqual(yield* positions(ofOne, 3), [1, ...stored])
      const openings = yield* follow(`${stream}?type=AccountOpened&type=AccountClosed&aggregate=account`)
      assert.deepStrictEqual(yield* positions(openings, 2), [1, 2])
      const none = yield* follow(`${stream}?aggregate=nothing`)
      const all = yield* Effect.replicateEffect(follow(`${stream}?after=${stored[1]}`), 2)
      yield* deposits(url, other, 1)
      const [last = 0] = yield* deposits(url, one, 1)
      assert.deepStrictEqual(yield* positions(ofOne, 1), [last])
      const given = yield* Effect.forEach(all, (feed) => Effect.replicateEffect(nextEvent(feed), 3))
      assert.deepStrictEqual(given[0], given[1])
      const closed = yield* ask(`${url}/accounts/${yield* Service.open(url)}/close`, { body: {} })
      assert.deepStrictEqual(yield* positions(openings, 2), [closed.json.position - 1, closed.json.position])
      for (const twice of ["stream=a&stream=b", "after=1&after=1", "type=A&after=1&type=B&after=1"]) {
        assertProblem(yield* ask(`${stream}?${twice}`), "invalid-parameter")
      }
      assertProblem(yield* ask(`${stream}?${"type=A&".repeat(33)}`), "invalid-request")
      for (const wrong of ["type=", "aggregate=", "stream=", `stream=${"x".repeat(513)}`]) {
        assertProblem(yield* ask(`${stream}?${wrong}`), "invalid-request")
      }
      assert.deepStrictEqual(yield* none.next, { retry: "1000" })
    }).pipe(Effect.provide(Service.layer()))
  )

  it.scopedLive("says which event is damaged and ends, and goes on behind it only when asked (VR1 VR2)", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const id = yield* Service.open(url)
      yield* deposits(url, id, 3)
      // What a filter would drop is damaged too: no client asks for such a type.
      yield* Effect.flatMap(Tampering, (hand) => hand.edit(3, { type: "Unwanted" }))
      const data = JSON.stringify({ position: 3, streamId: `account-${id}`, version: 3 })
      const feed = yield* follow(`${url}/events/stream`)
      assert.deepStrictEqual(yield* positions(feed, 2), [1, 2])
      assert.deepStrictEqual(yield* nextMessage(feed), { event: "damaged", data })
      yield* feed.ended
      // As a browser comes again.
      const again = yield* follow(`${url}/events/stream`, { "last-event-id": "2" })
      assert.deepStrictEqual(yield* nextMessage(again), { event: "damaged", data })

      const skipping = yield* follow(`${url}/events/stream?skipDamaged=true`)
      assert.deepStrictEqual(yield* positions(skipping, 2), [1, 2])
      assert.deepStrictEqual(yield* nextMessage(skipping), { id: "3", event: "damaged", data })
      assert.deepStrictEqual(yield* positions(skipping, 1), [4])

      const page = yield* ask(`${url}/events`)
      assert.deepStrictEqual([page.json.events.length, page.json.next], [2, 2])
      const next = yield* ask(`${url}/events?after=2`)
      assertProblem(next, "data-damaged")
      assert.strictEqual(next.json.detail, `account-${id} version 3 is damaged, at position 3`)
      const behind = yield* ask(`${url}/events?after=3`)
      assert.deepStrictEqual([behind.json.events.length, behind.json.next], [1, null])
      const own = yield* ask(`${url}/accounts/${id}/events`)
      assert.deepStrictEqual([own.json.events.length, own.json.next], [2, 2])
      assertProblem(yield* ask(`${url}/accounts/${id}/events?after=2`), "data-damaged")
      assertProblem(yield* ask(`${url}/accounts/${id}?version=4`), "data-damaged")
      assert.strictEqual((yield* ask(`${url}/accounts/${id}?version=2`)).status, 200)
    }).pipe(Effect.provide(Layer.provideMerge(SqlTampering.layer, Service.layer())))
  )

  it.scopedLive("says on every reply which log it is, and in which epoch (JR7)", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const { epoch, logId } = yield* Effect.flatMap(EventStore, (store) => store.identity)
      const log = `${logId}.${epoch}`
      const id = yield* Service.open(url)
      const asked = [
        ask(`${url}/accounts/${id}`),
        ask(`${url}/accounts/${id}/deposits`, { body: { amount: "1" } }),
        ask(`${url}/accounts/${id}/deposits`, { raw: "{" }),
        ask(`${url}/accounts/nobody`),
        ask(`${url}/events?after=1000`),
        ask(`${url}/nowhere`),
        ask(`${url}/accounts`, { method: "DELETE" }),
        ask(`${url}/accounts`, { method: "OPTIONS" }),
        ask(`${url}/health/live`),
        ask(`${url}/health/ready`),
        ask(`${url}/metrics`),
        ask(`${url}/openapi.json`)
      ]
      for (const one of asked) {
        const { headers, status } = yield* one
        assert.strictEqual(headers.get("daybook-log"), log, String(status))
      }
      assert.strictEqual((yield* ask(`${url}/health/ready`)).json.log, log)
      assert.strictEqual((yield* follow(`${url}/events/stream`)).headers["daybook-log"], log)
      // What never became a request, too.
      assert.include(yield* Service.exchange(url, "nonsense\r\n\r\n"), `Daybook-Log: ${log}\r\n`)
      // Another epoch is said without a restart.
      yield* Effect.flatMap(EventStore, (store) =>
        store.record({ kind: "epoch", name: "promote", detail: "{}", principal: null })
      )
      yield* Effect.repeat(ask(`${url}/health/live`), {
        until: ({ headers }) => headers.get("daybook-log") === `${logId}.${epoch + 1}`
      })
    }).pipe(Effect.provide(Service.layer()))
  )

  it.scopedLive("sends a comment line to a client for which there is nothing (HT15)", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const feed = yield* follow(`${url}/events/stream`)
      yield* feed.next
      for (let n = 0; n < 3; n++) assert.property(yield* feed.next, "comment")
    }).pipe(Effect.provide(Service.layer().pipe(Layer.provide(HttpConfig.layer({ heartbeat: Duration.millis(20) })))))
  )

  it.scopedLive("refuses one client more than it may have, and takes it when another has gone", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const follower = (yield* Effect.forkScoped(
        Effect.scoped(
          Effect.zipRight(
            Effect.flatMap(follow(`${url}/events/stream`), ({ next }) => next),
            Effect.never
          )
        )
      )) as Fiber.RuntimeFiber<never>
      const full = yield* Effect.repeat(ask(`${url}/metrics`), {
        until: ({ text }) => text.includes("daybook_http_subscribers 1")
      })
      assert.strictEqual(full.status, 200)
      assertProblem(yield* ask(`${url}/events/stream`), "too-many-subscribers")
      yield* Fiber.interrupt(follower)
      yield* Effect.repeat(ask(`${url}/metrics`), { until: ({ text }) => text.includes("daybook_http_subscribers 0") })
      const feed = yield* follow(`${url}/events/stream`)
      assert.deepStrictEqual(yield* feed.next, { retry: "1000" })
    }).pipe(Effect.provide(Service.layer().pipe(Layer.provide(HttpConfig.layer({ maxSubscribers: 1 })))))
  )

  it.scopedLive("takes no more clients than it may have, however many come at once", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const come = Effect.acquireRelease(
        Effect.promise(() => fetch(`${url}/events/stream`)),
        ({ body }) => Effect.promise(async () => body?.cancel())
      )
      const answers = yield* Effect.all(
        Array.from({ length: 40 }, () => come),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(answers.filter(({ status }) => status === 200).length, 3)
      const { text } = yield* ask(`${url}/metrics`)
      assert.include(text, "daybook_http_subscribers 3")
    }).pipe(Effect.provide(Service.layer().pipe(Layer.provide(HttpConfig.layer({ maxSubscribers: 3 })))))
  )

  it.scopedLive(
    "ends a client that reads nothing, so that it costs nothing more",
    () =>
      Effect.gen(function* () {
        const url = yield* Url
        const id = yield* Service.open(url)
        const feed = yield* follow(`${url}/events/stream`)
        yield* feed.stall
        const reference = "x".repeat(500)
        const body = { amount: "1", reference }
        const one = ask(`${url}/accounts/${id}/deposits`, { body })
        const some = Effect.replicateEffect(one, 1_000, { concurrency: 64, discard: true })
        // As many as the buffers of both ends hold, and more: how many that is, the system decides.
        yield* Effect.repeat(Effect.zipRight(some, ask(`${url}/metrics`)), {
          until: ({ text }) => text.includes("daybook_http_subscribers 0")
        })
      }).pipe(
        Effect.provide(
          Service.layer().pipe(
            Layer.provide(
              HttpConfig.layer({
                idleTimeout: Duration.seconds(1),
                heartbeat: Duration.millis(300)
              })
            )
          )
        )
      ),
    60_000
  )
})
