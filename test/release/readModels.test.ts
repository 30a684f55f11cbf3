/**
 * A rolling deploy of a read model: this release serves a PostgreSQL database beside the next one, whose summary of
 * accounts has a higher version. Both take commands and answer queries all the while, each from a model of its own
 * version, and each event counts once.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { inject } from "vitest"
import { ask } from "../http/Service.ts"
import { client, schema } from "../sql/Postgres.ts"
import * as Recording from "./Recording.ts"
import * as Releases from "./Releases.ts"

const accounts = ["a", "b", "c"]
/** Deposits to each account, to either release in turn, after the newer one was started. */
const deposits = 40

const raised: Releases.Edit = {
  file: "bank/account/AccountSummary.ts",
  from: '  name: "account_summary",\n  version: 1,',
  to: '  name: "account_summary",\n  version: 2,'
}

/** A release answers from its own model as soon as that is built; until then it says that it is late. */
const served = (url: string, path: string) =>
  Effect.repeat(ask(`${url}${path}`), {
    until: ({ json, status }) => {
      assert.isTrue(status === 200 || json.code === "view-behind", json.code)
      return status === 200
    }
  })

describe("a release whose projection's version rose, beside the one before", () => {
  it.scopedLive(
    "builds the new model while both serve, and both go on; nothing is doubled and nothing lost (RD2)",
    () =>
      Effect.gen(function* () {
        const db = yield* schema
        const sql = yield* client(db)
        const dist = yield* Releases.next(raised)
        const older = yield* Recording.serve(inject("dist"), db)
        for (const accountId of accounts) {
          const body = { accountId, owner: "Ada", currency: "EUR" }
          assert.strictEqual((yield* ask(`${older.url}/accounts`, { body, key: accountId })).status, 201)
        }
        const [first] = accounts
        yield* served(older.url, `/accounts/${first}/summary`)

        const newer = yield* Recording.serve(dist, db)
        const urls = [older.url, newer.url]
        const one = (accountId: string) =>
          Effect.forEach(Array.from({ length: deposits }), (_, number) =>
            Effect.gen(function* () {
              const url = urls[number % 2] as string
              const asked = { body: { amount: "1.00" }, key: `${accountId}-${number}` }
              const { json, status, text } = yield* ask(`${url}/accounts/${accountId}/deposits`, asked)
              assert.strictEqual(status, 200, text)
              return json.position as number
            })
          )
        const sending = yield* Effect.fork(Effect.forEach(accounts, one, { concurrency: "unbounded" }))
        yield* served(newer.url, `/accounts/${first}/summary`)
        const end = Math.max(...(yield* Fiber.join(sending)).flat())
        for (const url of urls) {
          for (const accountId of accounts) {
            const { json } = yield* ask(`${url}/accounts/${accountId}/summary?minPosition=${end}`)
            assert.deepInclude(json, { transactionCount: deposits, totalDeposits: `${deposits}.00` })
          }
        }
        const models = sql.unsafe(
          "SELECT version, live FROM projection_models WHERE projection = 'account_summary' ORDER BY version"
        ).values
        assert.deepStrictEqual(
          (yield* models).map((row) => row.map(Number)),
          [
            [1, 4],
            [2, 1]
          ]
        )
        // What either does both answer with, and neither raises an alarm.
        const body = { amount: "1.00" }
        for (const [number, url] of urls.entries()) {
          const { json, status } = yield* ask(`${url}/accounts/${first}/deposits`, { body, key: `last-${number}` })
          assert.strictEqual(status, 200)
          for (const other of urls) {
            const path = `/accounts/${first}/summary?minPosition=${json.position}`
            const { json: summary } = yield* served(other, path)
            assert.strictEqual(summary.transactionCount, deposits + number + 1)
          }
          assert.deepInclude((yield* ask(`${url}/health/ready`)).json, { status: "ok", stuck: 0 })
        }
      }),
    120_000
  )
})
