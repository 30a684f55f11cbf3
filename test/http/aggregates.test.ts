/** An aggregate over HTTP, from its contract: the routes, what they promise, and the typed client. */
import { assert, describe, it, layer } from "@effect/vitest"
import { Chunk, Effect, Either, Fiber, Stream } from "effect"
import { EventStore } from "../../src/core/EventStore.ts"
import * as Client from "../../src/http/AggregateClient.ts"
import * as ServedApi from "../../src/http/ServedApi.ts"
import * as Tokens from "../../src/http/Tokens.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import { postgresStore } from "../sql/Postgres.ts"
import { assertProblem } from "./Problems.ts"
import { ask, exchange, problem, Url } from "./Service.ts"
import { application, Pump, service, Tank, TankEmpty, TankFull } from "./Tanks.ts"

const sqlite = SqliteStore.layer({ filename: ":memory:" })

layer(service(sqlite), { excludeTestServices: true })("an aggregate over HTTP", (it) => {
  it.effect("takes its public commands, and answers result, version, position and command id", () =>
    Effect.gen(function* () {
      const tank = `${yield* Url}/aggregates/Tank/first`
      const first = yield* ask(`${tank}/Fill`, { body: { litres: "40" }, key: "fill-1" })
      assert.strictEqual(first.status, 200, first.text)
      const { position } = first.json
      assert.deepStrictEqual(first.json, { result: { litres: "40" }, version: 1, position, commandId: "fill-1" })
      assert.strictEqual(first.headers.get("etag"), '"1"')
      assert.strictEqual(first.headers.get("daybook-position"), String(position))
      assert.match(first.headers.get("daybook-log") ?? "", /^.+\.\d+$/)
      // A command without fields needs no body, and one that answers nothing has no result.
      const drained = yield* ask(`${tank}/Drain`, { method: "POST" })
      assert.strictEqual(drained.status, 200, drained.text)
      assert.deepStrictEqual(Object.keys(drained.json).sort(), ["commandId", "position", "version"])
    })
  )

  it.effect("the same key and body get the same answer again, marked; with another body or route 422 (HT6 HX2)", () =>
    Effect.gen(function* () {
      const tank = `${yield* Url}/aggregates/Tank/keyed`
      const first = yield* ask(`${tank}/Fill`, { body: { litres: "90", by: "hand" }, key: "keyed-1" })
      const again = yield* ask(`${tank}/Fill`, { raw: ' { "by" : "hand", "litres" : "90" } ', key: "keyed-1" })
      assert.deepStrictEqual([again.status, again.text], [first.status, first.text])
      assert.strictEqual(first.headers.get("idempotency-replayed"), null)
      assert.strictEqual(again.headers.get("idempotency-replayed"), "true")
      assert.strictEqual(again.headers.get("daybook-position"), first.headers.get("daybook-position"))
      for (const [route, body] of [
        ["Fill", { litres: "91", by: "hand" }],
        // The default is not what the caller said.
        ["Fill", { litres: "90" }]
      ] as const) {
        assertProblem(yield* ask(`${tank}/${route}`, { body, key: "keyed-1" }), "idempotency-key-reused")
      }
      assertProblem(yield* ask(`${tank}/Drain`, { method: "POST", key: "keyed-1" }), "idempotency-key-reused")
      const elsewhere = yield* ask(`${tank}-other/Fill`, { body: { litres: "90", by: "hand" }, key: "keyed-1" })
      assertProblem(elsewhere, "idempotency-key-reused")
    })
  )

  it.effect("a refusal is a problem with the error in its stored form, and is given again for its key (HT8)", () =>
    Effect.gen(function* () {
      const tank = `${yield* Url}/aggregates/Tank/refusing`
      yield* ask(`${tank}/Fill`, { body: { litres: "90" } })
      const refused = yield* ask(`${tank}/Fill`, { body: { litres: "20" }, key: "too-much" })
      assert.strictEqual(refused.status, 409, refused.text)
      assert.strictEqual(refused.headers.get("content-type"), "application/problem+json")
      assert.deepInclude(refused.json, {
        code: "tank-full",
        type: "urn:daybook:problem:tank-full",
        status: 409,
        detail: "there is room for 10 more",
        instance: "/aggregates/Tank/refusing/Fill",
        error: { _tag: "TankFull", room: "10" },
        commandId: "too-much"
      })
      assert.strictEqual(refused.headers.get("etag"), '"1"')
      yield* ask(`${tank}/Drain`, { method: "POST" })
      const again = yield* ask(`${tank}/Fill`, { body: { litres: "20" }, key: "too-much" })
      assert.deepStrictEqual([again.status, again.text], [refused.status, refused.text])
      assert.strictEqual(again.headers.get("idempotency-replayed"), "true")
      // This one has the status that the application gives it, and is decided again.
      const empty = yield* ask(`${tank}/Drain`, { method: "POST", key: "again" })
      assert.deepStrictEqual([empty.status, problem(empty).code], [422, "tank-empty"])
      yield* ask(`${tank}/Fill`, { body: { litres: "1" } })
      assert.strictEqual((yield* ask(`${tank}/Drain`, { method: "POST", key: "again" })).status, 200)
    })
  )

  it.effect("If-Match holds a command to a version (HT9)", () =>
    Effect.gen(function* () {
      const fill = `${yield* Url}/aggregates/Tank/matched/Fill`
      const at = (tag: string) => ask(fill, { body: { litres: "1" }, headers: { "if-match": tag } })
      assert.strictEqual((yield* at('"0"')).status, 200)
      assertProblem(yield* at('"0"'), "version-mismatch")
      for (const tag of ["1", '"1', '"1."', '"01"', 'W/"1"', "*", '"1", "2"']) {
        assertProblem(yield* at(tag), "invalid-request")
      }
      // What stands behind the point is not compared.
      assert.strictEqual((yield* at('"1.7"')).json.version, 2)
      assertProblem(yield* at('"1.7"'), "version-mismatch")
      assert.strictEqual((yield* at('"2"')).json.version, 3)
    })
  )

  it.effect("shows its state now, at a version and at a time; a client that has it gets 304 (HX4)", () =>
    Effect.gen(function* () {
      const tank = `${yield* Url}/aggregates/Tank/shown`
      assertProblem(yield* ask(tank), "aggregate-not-found")
      assertProblem(yield* ask(`${tank}/events`), "aggregate-not-found")
      assertProblem(yield* ask(`${tank}?version=1`), "aggregate-not-found")
      const before = new Date(Date.now() - 60_000).toISOString()
      const { position } = (yield* ask(`${tank}/Fill`, { body: { litres: "40" } })).json
      const last = (yield* ask(`${tank}/Fill`, { body: { litres: "5" } })).json
      const now = yield* ask(tank)
      assert.deepStrictEqual(now.json, { state: { litres: "45" }, version: 2, position: last.position })
      assert.strictEqual(now.headers.get("etag"), '"2"')
      const then = yield* ask(`${tank}?version=1`)
      assert.deepStrictEqual(then.json, { state: { litres: "40" }, version: 1, position })
      assert.strictEqual(then.headers.get("etag"), '"1"')
      const later = new Date(Date.now() + 1_000).toISOString()
      assert.deepStrictEqual((yield* ask(`${tank}?at=${later}`)).json, now.json)
      assertProblem(yield* ask(`${tank}?at=${before}`), "version-not-found")
      assertProblem(yield* ask(`${tank}?version=3`), "version-not-found")
      for (const query of [
        "version=0",
        "version=1&at=2026-01-31T12:00:00Z",
        "at=yesterday",
        "at=2026-02-30T12:00:00Z"
      ]) {
        assertProblem(yield* ask(`${tank}?${query}`), "invalid-request")
      }
      for (const tag of ['"2"', 'W/"2"', '"7", "2"', "*"]) {
        const known = yield* ask(tank, { headers: { "if-none-match": tag } })
        assert.deepStrictEqual([known.status, known.text, known.headers.get("etag")], [304, "", '"2"'], tag)
      }
      assert.strictEqual((yield* ask(tank, { headers: { "if-none-match": '"1"' } })).status, 200)
      assert.strictEqual((yield* ask(`${tank}?version=1`, { headers: { "if-none-match": '"1"' } })).status, 304)
      assert.strictEqual((yield* ask(`${tank}?minPosition=${last.position}`)).status, 200)
      assertProblem(yield* ask(`${tank}?minPosition=9007199254740991`), "position-ahead")
    })
  )

  it.effect("shows its events, page by page (HT14)", () =>
    Effect.gen(function* () {
      const tank = `${yield* Url}/aggregates/Tank/paged`
      for (const litres of ["1", "2", "3"]) yield* ask(`${tank}/Fill`, { body: { litres } })
      const first = (yield* ask(`${tank}/events?limit=2`)).json
      assert.strictEqual(first.next, 2)
      const { data, streamId, type, version } = first.events[1]
      assert.deepStrictEqual(
        { data, streamId, type, version },
        { data: { litres: "2", by: "hand" }, streamId: "tank-paged", type: "Filled", version: 2 }
      )
      const rest = (yield* ask(`${tank}/events?limit=2&after=2`)).json
      assert.deepStrictEqual([rest.events.length, rest.next], [1, null])
      for (const limit of ["0", "1001", "x"])
        assertProblem(yield* ask(`${tank}/events?limit=${limit}`), "invalid-request")
    })
  )

  it.effect("routes what the application marked public and nothing else (HT4)", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const store = yield* EventStore
      const before = yield* store.lastPosition
      const body = { litres: "1" }
      for (const path of [
        "Tank/x/Adjust",
        "Tank/x/fill",
        "Tank/x/constructor",
        "Pump/x/Start",
        "Nothing/x/Fill",
        "tank/x/Fill"
      ]) {
        assertProblem(yield* ask(`${url}/aggregates/${path}`, { body }), "route-not-found")
      }
      for (const path of ["Nothing/x", "__proto__/x", "Nothing/x/events"]) {
        assertProblem(yield* ask(`${url}/aggregates/${path}`), "route-not-found")
      }
      assertProblem(yield* ask(`${url}/aggregates/Tank/x/Fill`, { method: "PUT" }), "method-not-allowed")
      assert.strictEqual(yield* store.lastPosition, before)
    })
  )

  it.effect("a body or an id that does not fit is 400 with the path, and stores nothing (HT1 HT5)", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const store = yield* EventStore
      const before = yield* store.lastPosition
      const fill = `${url}/aggregates/Tank/strict/Fill`
      const bodies = [
        ['{"litres":1}', "invalid-request", "litres"],
        ['{"litres":"1","version":7}', "invalid-request", "version"],
        ['{"litres":"1","__proto__":{}}', "invalid-request", "__proto__"],
        ["{}", "invalid-request", "litres"],
        ["null", "invalid-request", ""],
        ['{"litres":"1","litres":"2"}', "malformed-json", "litres"],
        ["{", "malformed-json", ""]
      ] as const
      for (const [raw, code, path] of bodies) {
        const answer = yield* ask(fill, { raw })
        assertProblem(answer, code)
        if (path !== "") assert.strictEqual(problem(answer).errors?.[0]?.path, path, answer.text)
        assert.isString(problem(answer).commandId)
      }
      assertProblem(yield* ask(fill, { method: "POST" }), "invalid-request")
      assertProblem(yield* ask(`${url}/aggregates/Tank/strict/Drain`, { body: { litres: "1" } }), "invalid-request")
      assertProblem(
        yield* ask(fill, { raw: "{}", headers: { "content-type": "text/plain" } }),
        "unsupported-media-type"
      )
      assertProblem(yield* ask(fill, { raw: `"${"x".repeat(70_000)}"` }), "body-too-large")
      // As no client that tidies its URLs would send it.
      const head = "HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
      assert.match(yield* exchange(url, `GET /aggregates/Tank/%2e%2e ${head}`), /^HTTP\/1.1 400 /)
      for (const id of ["UPPER", "a%00", "x".repeat(600)]) {
        assertProblem(yield* ask(`${url}/aggregates/Tank/${id}/Fill`, { body: { litres: "1" } }), "invalid-request")
        assertProblem(yield* ask(`${url}/aggregates/Tank/${id}`), "invalid-request")
      }
      assert.strictEqual(yield* store.lastPosition, before)
    })
  )

  it.effect("a parameter that the route does not take, or twice, is 400 with its name (HX3)", () =>
    Effect.gen(function* () {
      const tank = `${yield* Url}/aggregates/Tank/queried`
      yield* ask(`${tank}/Fill`, { body: { litres: "1" } })
      for (const [path, name] of [
        ["?vesion=1", "vesion"],
        ["?version=1&version=1", "version"],
        ["?after=1", "after"],
        ["/events?version=1", "version"],
        ["/events?limit=1&limit=2", "limit"]
      ]) {
        const refused = yield* ask(`${tank}${path}`)
        assertProblem(refused, "invalid-parameter")
        assert.deepStrictEqual(problem(refused).errors?.[0]?.path, name)
      }
      const commanded = yield* ask(`${tank}/Fill?dry=1`, { body: { litres: "1" } })
      assertProblem(commanded, "invalid-parameter")
      assert.strictEqual((yield* ask(tank)).json.version, 1)
    })
  )

  it.effect("every reply of a command has a position, also where nothing was decided (HX2)", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const tank = `${url}/aggregates/Tank/positioned`
      const { position } = (yield* ask(`${tank}/Fill`, { body: { litres: "90" } })).json
      for (const [path, code, asked] of [
        ["Tank/positioned/Fill", "tank-full", { body: { litres: "20" } }],
        ["Tank/positioned/Fill", "version-mismatch", { body: { litres: "1" }, headers: { "if-match": '"7"' } }],
        ["Tank/positioned/Fill", "invalid-request", { body: { litres: 1 } }],
        ["Tank/positioned/Adjust", "route-not-found", { body: { litres: "1" } }],
        ["Nothing/x/Fill", "route-not-found", { body: { litres: "1" } }]
      ] as const) {
        const refused = yield* ask(`${url}/aggregates/${path}`, asked)
        assert.strictEqual(problem(refused).code, code)
        assert.isAtLeast(Number(refused.headers.get("daybook-position")), position, code)
        assert.isString(problem(refused).commandId)
      }
    })
  )

  it.effect("gives the events of an aggregate, of types and of streams from the log, page by page", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const pump = (yield* Pump)("filtered")
      const after = (yield* ask(`${url}/aggregates/Tank/filtered/Fill`, { body: { litres: "1" } })).json.position
      yield* pump.Start(undefined)
      yield* ask(`${url}/aggregates/Tank/filtered/Fill`, { body: { litres: "2" } })
      yield* ask(`${url}/aggregates/Tank/filtered/Drain`, { method: "POST" })
      yield* pump.Start(undefined)
      const page = (query: string) =>
        Effect.map(ask(`${url}/events?after=${after}&${query}`), ({ json, text }) => {
          assert.isArray(json.events, text)
          const events = json.events as ReadonlyArray<{ readonly position: number; readonly type: string }>
          return [events.map(({ position, type }) => `${position - after} ${type}`), json.next && json.next - after]
        })
      assert.deepStrictEqual(yield* page("aggregate=Pump"), [["1 Started", "4 Started"], null])
      assert.deepStrictEqual(yield* page("aggregate=Pump&limit=1"), [["1 Started"], 1])
      assert.deepStrictEqual(yield* page("aggregate=Pump&limit=2"), [["1 Started", "4 Started"], 4])
      assert.deepStrictEqual(yield* page("type=Filled&type=Drained"), [["2 Filled", "3 Drained"], null])
      assert.deepStrictEqual(yield* page("stream=tank-filt&type=Drained"), [["3 Drained"], null])
      assert.deepStrictEqual(yield* page("stream=tank-filt&aggregate=Pump"), [[], null])
      assert.deepStrictEqual(yield* page("type=Nothing"), [[], null])
      assertProblem(yield* ask(`${url}/events?stream=`), "invalid-request")
      assertProblem(yield* ask(`${url}/events?streams=a`), "invalid-parameter")
      assertProblem(yield* ask(`${url}/events?after=9007199254740991&aggregate=Pump`), "position-ahead")
    })
  )

  it.effect("the application's own routes are behind the same boundary", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const started = yield* ask(`${url}/station/pumps/7/start`, { method: "POST" })
      assert.deepStrictEqual([started.status, started.json], [200, { starts: 1 }], started.text)
      assert.match(started.headers.get("daybook-log") ?? "", /^.+\.\d+$/)
      assertProblem(yield* ask(`${url}/station/pumps/7/start`, { method: "PUT" }), "method-not-allowed")
      // What it did is read as any aggregate.
      assert.deepInclude((yield* ask(`${url}/aggregates/Pump/7`)).json, { state: { starts: 1 }, version: 1 })
    })
  )

  it.effect("the document shows each aggregate with its own schemas", () =>
    Effect.gen(function* () {
      const { json } = yield* ask(`${yield* Url}/openapi.json`)
      const paths = Object.keys(json.paths).filter((path) => path.startsWith("/aggregates/"))
      assert.deepStrictEqual(paths.sort(), [
        "/aggregates/Pump/{id}",
        "/aggregates/Pump/{id}/events",
        "/aggregates/Pump/{id}/explain",
        "/aggregates/Pump/{id}/explain/{commandId}",
        "/aggregates/Tank/{id}",
        "/aggregates/Tank/{id}/Drain",
        "/aggregates/Tank/{id}/Fill",
        "/aggregates/Tank/{id}/events",
        "/aggregates/Tank/{id}/explain",
        "/aggregates/Tank/{id}/explain/{commandId}"
      ])
      const fill = json.paths["/aggregates/Tank/{id}/Fill"].post
      const schema = fill.requestBody.content["application/json"].schema
      const payload = schema.$ref === undefined ? schema : json.components.schemas[schema.$ref.split("/").at(-1)]
      assert.deepStrictEqual(payload.required, ["litres"])
      assert.containsAllKeys(fill.responses, ["200", "400", "404", "409", "412", "422", "503"])
      assert.include(JSON.stringify(fill.responses["409"]), "TankFull")
      assert.containsAllKeys(json.paths["/aggregates/Tank/{id}/Drain"].post.responses, ["422"])
    })
  )
})

describe("tokens", () => {
  const sha256 = { reads: "reads", writes: "writes" }
  const entry = (name: keyof typeof sha256, scope: string, digest: string) => ({
    name,
    sha256: digest,
    scopes: [scope]
  })
  it.scopedLive("reads and commands of an aggregate need the scopes that all routes need (HT10)", () =>
    Effect.gen(function* () {
      const digests = yield* Effect.promise(() =>
        Promise.all(
          Object.values(sha256).map(async (token) =>
            Buffer.from(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token))).toString("hex")
          )
        )
      )
      const [read = "", write = ""] = digests
      const tokens = Either.getOrThrow(
        Tokens.parse(JSON.stringify([entry("reads", "read", read), entry("writes", "write", write)]))
      )
      yield* Effect.gen(function* () {
        const tank = `${yield* Url}/aggregates/Tank/1`
        const as = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })
        const fill = { body: { litres: "1" } }
        assertProblem(yield* ask(`${tank}/Fill`, fill), "unauthorized")
        assertProblem(yield* ask(`${tank}/Fill`, { ...fill, ...as("reads") }), "forbidden")
        assert.strictEqual((yield* ask(`${tank}/Fill`, { ...fill, ...as("writes") })).status, 200)
        for (const path of ["", "/events"]) {
          assertProblem(yield* ask(`${tank}${path}`), "unauthorized")
          assert.strictEqual((yield* ask(`${tank}${path}`, as("reads"))).status, 200)
        }
        // Who may not ask does not learn what there is.
        assertProblem(yield* ask(`${tank}/Adjust`, fill), "unauthorized")
        const refused = yield* Client.make(Tank, { baseUrl: yield* Url })("1").state.pipe(Effect.flip)
        assert.strictEqual(refused._tag === "RequestFailed" && refused.code, "unauthorized")
        const { state } = yield* Client.make(Tank, { baseUrl: yield* Url, token: "reads" })("1").state
        assert.deepStrictEqual(state, { litres: 1n })
      }).pipe(Effect.provide(service(sqlite, tokens)))
    })
  )
})

/** What a caller finds, whichever way it asks. */
const roundTrip = Effect.gen(function* () {
  const baseUrl = yield* Url
  const embedded = (yield* Tank)("side by side/ü")
  const remote = Client.make(Tank, { baseUrl, lookInterval: 5 })("side by side/ü")
  const { hash: _, ...untouched } = yield* embedded.state
  assert.deepStrictEqual(yield* remote.state, untouched)

  const following = yield* remote.changes().pipe(Stream.take(3), Stream.runCollect, Effect.fork)
  assert.deepStrictEqual(yield* remote.Fill({ litres: 40n }), { litres: 40n })
  assert.deepStrictEqual(yield* embedded.Fill({ litres: 50n }), { litres: 90n })
  const full = yield* Effect.flip(remote.Fill({ litres: 20n }))
  assert.isTrue(full instanceof TankFull && full.room === 10n)
  assert.isUndefined(yield* remote.Drain(undefined))
  assert.instanceOf(yield* Effect.flip(remote.Drain(undefined)), TankEmpty)
  const steps = Chunk.toReadonlyArray(yield* Fiber.join(following))
  assert.deepStrictEqual(
    steps.map(({ events, stored: { version } }) => ({ events, version })),
    [
      { events: [{ _tag: "Filled", litres: 40n, by: "hand" }], version: 1 },
      { events: [{ _tag: "Filled", litres: 50n, by: "hand" }], version: 2 },
      { events: [{ _tag: "Drained", litres: 90n }], version: 3 }
    ]
  )

  // One id is one command, through either door.
  const options = { commandId: "both doors", expectedVersion: 3 }
  const first = yield* remote.ask("Fill", { litres: 7n }, options)
  const again = yield* embedded.ask("Fill", { litres: 7n }, options)
  assert.deepStrictEqual(first, { ...again, replayed: false })
  assert.isTrue(again.replayed)
  assert.isTrue((yield* remote.ask("Fill", { litres: 7n }, options)).replayed)
  const reused = yield* Effect.flip(remote.Fill({ litres: 8n }, options))
  assert.isTrue(reused instanceof Client.RequestFailed && reused.code === "idempotency-key-reused")
  const stale = yield* Effect.flip(remote.Fill({ litres: 8n }, { expectedVersion: 1 }))
  assert.isTrue(stale instanceof Client.RequestFailed && stale.status === 412 && stale.commandId !== null)

  const misfit = yield* Effect.flip(remote.Fill({ litres: 1 as unknown as bigint }))
  assert.strictEqual(misfit._tag, "Misfit")
  const hidden = yield* Effect.flip(remote.Adjust({ litres: 1n }))
  assert.isTrue(hidden instanceof Client.RequestFailed && hidden.code === "route-not-found")
  yield* (yield* Pump)("7").Start(undefined)
  assert.deepInclude(yield* Client.make(Pump, { baseUrl })("7").state, { state: { starts: 1 }, version: 1 })
  const { hash: __, ...state } = yield* embedded.state
  assert.deepStrictEqual(yield* remote.state, state)
})

describe("the typed client", () => {
  for (const [name, store] of Object.entries({ sqlite, postgres: postgresStore() })) {
    it.scopedLive(`has the methods of the embedded aggregate, and their answers, on ${name}`, () =>
      Effect.provide(roundTrip, service(store))
    )
  }

  it.live("says of a command without an answer which id to send it with again", () =>
    Effect.gen(function* () {
      const fetch = () => Promise.reject(new TypeError("fetch failed"))
      const tank = Client.make(Tank, { baseUrl: "http://127.0.0.1:9", fetch })("1")
      const lost = yield* Effect.flip(tank.Drain(undefined, { commandId: "mine" }))
      assert.isTrue(lost instanceof Client.Unreachable && lost.commandId === "mine")
      const proxy = () => Promise.resolve(new Response("<h1>Bad gateway</h1>", { status: 502 }))
      const other = yield* Effect.flip(Client.make(Tank, { baseUrl: "http://127.0.0.1:9", fetch: proxy })("1").state)
      assert.isTrue(other instanceof Client.RequestFailed && other.code === "http-502")
    })
  )
})

describe("the contract of an application", () => {
  it.effect("has the routes of any aggregate once, whatever the application has", () =>
    Effect.gen(function* () {
      const part = yield* ServedApi.load(application)
      const { routes } = ServedApi.make(application, part)
      assert.deepStrictEqual(routes.find("POST", "/aggregates/Tank/7/Fill"), {
        method: "POST",
        path: "/aggregates/:name/:id/:command",
        parameters: new Set<string>(),
        lists: new Set<string>(),
        takesVersion: true,
        about: { aggregate: { parameter: "name" }, id: "id" }
      })
    })
  )
})
