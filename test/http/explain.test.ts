/** `GET …/explain`: how the state of any aggregate came to be, and why a command was refused. */
import { assert, describe, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as HttpConfig from "../../src/http/HttpConfig.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import { postgresStore } from "../sql/Postgres.ts"
import { assertProblem } from "./Problems.ts"
import { ask, Url } from "./Service.ts"
import { service } from "./Tanks.ts"

const memory = SqliteStore.layer({ filename: ":memory:" })
const stores = { "sqlite::memory:": memory, postgres: postgresStore() }

describe("explain over HTTP, bounded", () => {
  layer(service(memory).pipe(Layer.provide(HttpConfig.layer({ maxRedecisions: 2 }))), { excludeTestServices: true })(
    (it) => {
      it.effect("decides a refusal again on few events, and says that there were more", () =>
        Effect.gen(function* () {
          const tank = `${yield* Url}/aggregates/Tank/long`
          yield* ask(`${tank}/Fill`, { body: { litres: "90" }, key: "l-1" })
          assert.strictEqual((yield* ask(`${tank}/Fill`, { body: { litres: "20" }, key: "l-2" })).status, 409)
          for (const key of ["l-3", "l-4"]) yield* ask(`${tank}/Fill`, { body: { litres: "1" }, key })
          const upToTheEnd = yield* ask(`${tank}/explain/l-2`)
          assert.deepStrictEqual(upToTheEnd.json.wouldPass, { _tag: "Never", upTo: 3, isEnd: true })
          // It would pass on the state after this one, which is not looked at any more.
          yield* ask(`${tank}/Drain`, { method: "POST", key: "l-5" })
          const cut = yield* ask(`${tank}/explain/l-2`)
          assert.deepStrictEqual(cut.json.wouldPass, { _tag: "Never", upTo: 3, isEnd: false })
        })
      )
    }
  )
})

describe.each(Object.entries(stores))("explain over HTTP, on %s", (_, store) => {
  layer(service(store), { excludeTestServices: true })((it) => {
    it.effect("tells each event with what it changed and added, page by page", () =>
      Effect.gen(function* () {
        const tank = `${yield* Url}/aggregates/Tank/explained`
        for (const litres of ["40", "20", "10"]) yield* ask(`${tank}/Fill`, { body: { litres }, key: `fill-${litres}` })
        const first = yield* ask(`${tank}/explain?field=litres&limit=2`)
        assert.strictEqual(first.status, 200, first.text)
        assert.deepInclude(first.json, { aggregate: "Tank", id: "explained", streamId: "tank-explained", next: 2 })
        assert.deepStrictEqual(
          first.json.events.map((event: { field: unknown; commandId: string }) => [event.commandId, event.field]),
          [
            ["fill-40", { before: "0", after: "40", contribution: "40" }],
            ["fill-20", { before: "40", after: "60", contribution: "20" }]
          ]
        )
        const rest = yield* ask(`${tank}/explain?after=2`)
        assert.deepStrictEqual([rest.json.events.length, rest.json.next], [1, null])
        assert.notProperty(rest.json.events[0], "field")
        const upTo = yield* ask(`${tank}/explain?version=2`)
        assert.deepStrictEqual([upTo.json.events.length, upTo.json.next], [2, null])
        assertProblem(yield* ask(`${tank}/explain?version=9`), "version-not-found")
        assertProblem(yield* ask(`${tank}-none/explain`), "aggregate-not-found")
        assertProblem(yield* ask(`${yield* Url}/aggregates/Nothing/x/explain`), "route-not-found")
        assertProblem(yield* ask(`${tank}/explain?feild=litres`), "invalid-parameter")
        assertProblem(yield* ask(`${tank}/explain?limit=1001`), "invalid-request")
        const misspelt = yield* ask(`${tank}/explain?field=liters`)
        assertProblem(misspelt, "invalid-request")
        assert.match(misspelt.json.detail, /^field names nothing in the state, which has litres/)
      })
    )

    it.effect("tells why a command was refused, and after which event it would have passed", () =>
      Effect.gen(function* () {
        const tank = `${yield* Url}/aggregates/Tank/refused`
        yield* ask(`${tank}/Fill`, { body: { litres: "90" }, key: "r-1" })
        const refused = yield* ask(`${tank}/Fill`, { body: { litres: "20" }, key: "r-2" })
        assert.strictEqual(refused.status, 409)
        const told = yield* ask(`${tank}/explain/r-2`)
        assert.strictEqual(told.status, 200, told.text)
        assert.deepInclude(told.json, { outcome: "refusal", command: "Fill", version: 1 })
        assert.deepStrictEqual(told.json.answer, refused.json.error)
        assert.deepStrictEqual(told.json.wouldPass, { _tag: "Never", upTo: 1, isEnd: true })
        yield* ask(`${tank}/Drain`, { method: "POST", key: "r-3" })
        const later = yield* ask(`${tank}/explain/r-2`)
        assert.deepInclude(later.json.wouldPass, { _tag: "After", version: 2 })
        const done = yield* ask(`${tank}/explain/r-3`)
        assert.deepInclude(done.json, { outcome: "success", events: 1, version: 2, wouldPass: null })
        assertProblem(yield* ask(`${tank}/explain/r-9`), "command-not-found")
        // Another aggregate's command is none of this one's.
        assertProblem(yield* ask(`${tank}-other/explain/r-2`), "command-not-found")
      })
    )
  })
})
