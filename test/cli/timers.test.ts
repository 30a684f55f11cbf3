/**
 * What operators have of timers: a list, one fired now, one cancelled, over HTTP and from the command line, each an
 * entry of the journal.
 */
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { assertProblem } from "../http/Problems.ts"
import * as Serve from "../http/Serve.ts"
import { ask } from "../http/Service.ts"
import * as Cli from "./Cli.ts"
import * as Module from "./Module.ts"

const ok = Effect.map((ended: Cli.Ended) => {
  assert.strictEqual(ended.code, 0, ended.stderr)
  return ended.stdout
})

type Timer = { readonly key: string; readonly due: string; readonly late: boolean; readonly command: string }

describe("timers", () => {
  it.scoped("are listed page by page, fired and cancelled by operators, and none is lost with the process", () =>
    Effect.gen(function* () {
      const folder = yield* Cli.folder
      const app = Module.built("Belfry")
      const db = `sqlite:${join(folder, "belfry.db")}`
      const run = (...args: ReadonlyArray<string>) => Cli.run([...args, "--app", app, "--db", db])
      const { ended, process: served, url } = yield* Serve.start(Cli.program(), ["--app", app, "--db", db])
      const post = (path: string, body: unknown, headers = {}) =>
        ask(`${url}${path}`, { method: "POST", body, headers })
      for (const [bell, minutes] of [
        ["a/1 ä", 60],
        ["b", 30],
        ["c", 90],
        ["d", 120]
      ] as const) {
        const answer = yield* post(`/aggregates/Bell/${encodeURIComponent(bell)}/RingLater`, { minutes })
        assert.strictEqual(answer.status, 200, answer.text)
      }
      const listed = Effect.map(ask(`${url}/timers`), ({ json }) => json)
      const soon = (isSo: Effect.Effect<boolean>) => Effect.repeat(isSo, { until: (so) => so })
      yield* soon(Effect.map(listed, ({ pending }) => pending === 4))
      const all = yield* listed
      assert.deepInclude(all, { pending: 4, due: 0, lateSeconds: 0, nextCursor: null })
      const keys = (timers: ReadonlyArray<Timer>) => timers.map(({ key }) => key)
      assert.deepStrictEqual(keys(all.timers), ["bell-b", "bell-a/1 ä", "bell-c", "bell-d"])
      assert.deepInclude(all.timers[0], { aggregate: "Bell", id: "b", command: "Ring", late: false, version: 1 })
      const first = (yield* ask(`${url}/timers?limit=3`)).json
      const rest = (yield* ask(`${url}/timers?limit=3&cursor=${first.nextCursor}`)).json
      assert.deepStrictEqual(keys([...first.timers, ...rest.timers]), keys(all.timers))
      assert.isNull(rest.nextCursor)
      assertProblem(yield* ask(`${url}/timers?cursor=x`), "invalid-cursor")
      assert.match((yield* ask(`${url}/metrics`)).text, /^daybook_timers_pending 4$/m)

      const path = `/timers/${encodeURIComponent("bell-a/1 ä")}/fire`
      const fired = yield* post(path, { reason: "the fair" }, { "idempotency-key": "k-1" })
      assert.strictEqual(fired.status, 202, fired.text)
      assert.deepInclude(fired.json, { name: "timers.fire", reason: "the fair", key: "k-1" })
      const again = yield* post(path, { reason: "the fair" }, { "idempotency-key": "k-1" })
      assert.deepStrictEqual([again.json, again.headers.get("idempotency-replayed")], [fired.json, "true"])
      assertProblem(yield* post(path, {}), "nothing-to-do")
      assertProblem(yield* post("/timers/none/cancel", {}), "nothing-to-do")
      assertProblem(yield* post("/timers/none/cancel", { more: 1 }), "invalid-request")
      const rings = (bell: string) =>
        Effect.map(ask(`${url}/aggregates/Bell/${encodeURIComponent(bell)}`), ({ json }) => json.state.rung === 1)
      yield* soon(rings("a/1 ä"))

      // Beside the process that runs them.
      const cancelled = yield* ok(run("timers", "cancel", "bell-c", "--by", "anna", "--reason", "rain", "--json"))
      assert.deepInclude(JSON.parse(cancelled), { name: "timers.cancel", principal: "anna", reason: "rain" })
      const twice = yield* run("timers", "cancel", "bell-c")
      assert.deepStrictEqual([twice.code, twice.stderr.includes("has been cancelled")], [1, true], twice.stderr)
      assert.include(yield* ok(run("timers", "fire", "bell-b")), "it has fired")
      yield* soon(rings("b"))
      served.kill("SIGTERM")
      assert.strictEqual(yield* ended, 0)
      const text = yield* ok(run("timers"))
      assert.match(text, /^1 timer waits\n\S+Z {2}bell-d {2}Ring to Bell d\n$/)
      assert.include(yield* ok(run("operations")), 'timers.cancel  by anna  (rain)  {"position":')
      yield* ok(run("verify"))
    })
  )

  it.scoped("an application without them has none, and says so", () =>
    Effect.gen(function* () {
      const folder = yield* Cli.folder
      const db = `sqlite:${join(folder, "none.db")}`
      const { url } = yield* Serve.start(Cli.program(), ["--app", Module.built("Shop"), "--db", db])
      assert.deepInclude((yield* ask(`${url}/timers`)).json, { timers: [], pending: 0, nextCursor: null })
      assertProblem(yield* ask(`${url}/timers/x/fire`, { method: "POST", body: {} }), "route-not-found")
      const refused = yield* Cli.run(["timers", "fire", "x", "--app", Module.built("Shop"), "--db", db])
      assert.deepStrictEqual([refused.code, refused.stderr.includes("has no timers")], [2, true], refused.stderr)
    })
  )
})
