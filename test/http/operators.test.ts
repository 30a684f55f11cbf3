/** What operators do over HTTP: once under a key, under the name of their token, and listed. */
import { createHash } from "node:crypto"
import { assert, layer } from "@effect/vitest"
import { Effect, Either } from "effect"
import * as Tokens from "../../src/http/Tokens.ts"
import { assertProblem } from "./Problems.ts"
import * as Service from "./Service.ts"

const { ask, Url } = Service

const sha256 = (token: string) => createHash("sha256").update(token).digest("hex")
const tokens = Either.getOrThrow(
  Tokens.parse(JSON.stringify(["anna", "bert"].map((name) => ({ name, sha256: sha256(name), scopes: ["admin"] }))))
)
const as = (name: string, key?: string) => ({
  authorization: `Bearer ${name}`,
  ...(key !== undefined && { "idempotency-key": key })
})

layer(Service.layer({ tokens }), { excludeTestServices: true })("operators over HTTP", (it) => {
  it.effect("a verb is done once under its key, and listed with who and why (RD7, HX2)", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const pause = (name: string, key: string, body: unknown) =>
        ask(`${url}/projections/account_summary/pause`, { method: "POST", body, headers: as(name, key) })
      const status = Effect.map(ask(`${url}/projections`, { headers: as("anna") }), ({ json }) =>
        json.projections.find(({ name }: { name: string }) => name === "account_summary")
      )
      const first = yield* pause("anna", "k-1", { reason: "it is late" })
      assert.strictEqual(first.status, 202, first.text)
      assert.deepInclude(first.json, {
        name: "projections.pause",
        principal: "anna",
        reason: "it is late",
        key: "k-1",
        detail: { projection: "account_summary" }
      })
      assert.isNull(first.headers.get("idempotency-replayed"))
      assert.isNotNull(first.headers.get("daybook-position"))
      assert.strictEqual((yield* status).status, "paused")
      // If somebody resumed it meanwhile, a retry does not undo that.
      const resume = `${url}/projections/account_summary/resume`
      const resumed = yield* ask(resume, { method: "POST", headers: as("bert") })
      assert.strictEqual(resumed.status, 202, resumed.text)
      const again = yield* pause("anna", "k-1", { reason: "it is late" })
      assert.deepStrictEqual([again.status, again.json], [202, first.json])
      assert.strictEqual(again.headers.get("idempotency-replayed"), "true")
      assert.notStrictEqual((yield* status).status, "paused")
      for (const other of [
        pause("anna", "k-1", {}),
        pause("bert", "k-1", { reason: "it is late" }),
        ask(resume, { method: "POST", body: {}, headers: as("anna", "k-1") })
      ]) {
        assertProblem(yield* other, "idempotency-key-reused")
      }
      // Before it stand the registrations of the reactions.
      const before = first.json.sequence - 1
      const page = yield* ask(`${url}/operations?limit=1&after=${before}`, { headers: as("anna") })
      assert.deepStrictEqual([page.json.operations, page.json.next], [[first.json], first.json.sequence])
      const rest = yield* ask(`${url}/operations?after=${page.json.next}`, { headers: as("anna") })
      assert.deepStrictEqual(rest.json.next, null)
      assert.deepStrictEqual(
        rest.json.operations.map(({ name, principal }: { name: string; principal: string }) => [name, principal]),
        [["projections.resume", "bert"]]
      )
    })
  )

  it.effect("a dry run keeps no key, and is refused one that was used (HX2)", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const post = (path: string, key: string, body: unknown) =>
        ask(`${url}${path}`, { method: "POST", body, headers: as("anna", key) })
      const dryRun = (key: string) =>
        post("/reactions/transfers/abandon", key, { streamId: "transfer-1", dryRun: true })
      const resume = (key: string) => post("/projections/account_summary/resume", key, {})
      assert.strictEqual((yield* resume("dry-operation")).status, 202)
      const opened = yield* post("/accounts", "dry-command", { owner: "A", currency: "EUR" })
      assert.strictEqual(opened.status, 201, opened.text)
      for (const key of ["dry-operation", "dry-command"]) {
        assertProblem(yield* dryRun(key), "idempotency-key-reused")
      }
      const last = Effect.map(ask(`${url}/operations?limit=1000`, { headers: as("anna") }), ({ json }) => json)
      const before = yield* last
      for (const _ of [1, 2]) assertProblem(yield* dryRun("dry-free"), "nothing-to-do")
      assert.deepStrictEqual(yield* last, before)
      assert.strictEqual((yield* resume("dry-free")).status, 202)
    })
  )

  it.effect("what there is nothing to do for is 409, and what there is not 404 (RD7)", () =>
    Effect.gen(function* () {
      const url = yield* Url
      const post = (path: string, body: unknown) => ask(`${url}${path}`, { method: "POST", body, headers: as("anna") })
      const streamId = "transfer-1"
      assertProblem(yield* post("/projections/account_summary/retry", { streamId }), "nothing-to-do")
      assertProblem(yield* post("/projections/account_summary/unskip", { streamId, version: 1 }), "nothing-to-do")
      assertProblem(yield* post("/reactions/transfers/take-up", { streamId }), "nothing-to-do")
      assertProblem(yield* post("/reactions/transfers/abandon", { streamId, dryRun: true }), "nothing-to-do")
      assertProblem(yield* post("/projections/transfers/skip", { streamId }), "wrong-kind")
      assertProblem(yield* post("/reactions/account_summary/abandon", { streamId }), "wrong-kind")
      assertProblem(yield* post("/projections/nothing/skip", { streamId }), "projection-not-found")
      assertProblem(yield* post("/projections/account_summary/skip", { streamId, more: 1 }), "invalid-request")
      assertProblem(yield* post("/projections/account_summary/pause", { reason: 1 }), "invalid-request")
      // Nothing may be said, and `null` is something (HT1).
      for (const verb of ["pause", "resume"]) {
        for (const body of [null, [], "", 0]) {
          assertProblem(yield* post(`/projections/account_summary/${verb}`, body), "invalid-request")
        }
      }
    })
  )
})
