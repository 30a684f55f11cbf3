/**
 * Looking writes nothing: every question that the service answers is asked of a log whose histories are worth snapshots and have none,
 * and when the service has ended, with all its actors, each table has as many rows as before.
 */
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Database } from "../cli/Rows.ts"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"
import * as Feed from "./Feed.ts"
import * as Service from "./Service.ts"

const { ask, Url } = Service

/** Who runs what: rows that come and go with a process, whatever it is asked. */
const ofProcesses = new Set(["projection_host", "projection_leases"])

/** How many rows each table has. */
const rowsOf = (filename: string): Readonly<Record<string, unknown>> => {
  const database = new Database(filename)
  const names = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").pluck()
  const tables = (names.all() as ReadonlyArray<string>).filter((name) => !ofProcesses.has(name))
  const rows = tables.map((name) => [name, database.prepare(`SELECT count(*) FROM "${name}"`).pluck().get()] as const)
  database.close()
  return Object.fromEntries(rows)
}

/** An account with a long history and a hold, and a transfer that is over; all models have come to the end of the log. */
const seed = Effect.gen(function* () {
  const url = yield* Url
  const post = (path: string, key: string, body: object) =>
    Effect.map(ask(`${url}${path}`, { body, key }), ({ status, text }) => assert.isBelow(status, 300, text))
  for (const accountId of ["anna", "ben"]) {
    yield* post("/accounts", `open ${accountId}`, { accountId, owner: "A", currency: "EUR" })
  }
  const deposits = Array.from({ length: 250 }, (_, n) =>
    post("/accounts/anna/deposits", `salary-${n}`, { amount: "5" })
  )
  yield* Effect.all(deposits, { concurrency: 16, discard: true })
  yield* post("/accounts/anna/holds", "hold", { holdId: "hold", amount: "5", expiresAt: "2150-01-31T12:00:00Z" })
  yield* post("/transfers", "rent", { transferId: "rent", from: "anna", to: "ben", amount: "5" })
  yield* Effect.repeat(ask(`${url}/transfers/rent`), { until: ({ json }) => json.status === "completed" })
  yield* Effect.repeat(ask(`${url}/projections`), {
    until: ({ json: { projections } }) =>
      (projections as ReadonlyArray<{ readonly lag: { readonly events: number } }>).every(({ lag }) => lag.events === 0)
  })
})

/** What stands for a parameter of a path. */
const valueFor = (path: string, parameter: string): string => {
  const isTransfer = /transfer/i.test(path)
  const isTimer = path.startsWith("/aggregates/Timer/")
  switch (parameter) {
    case "id":
      if (isTimer) return encodeURIComponent("hold hold of account anna")
      return isTransfer ? "rent" : "anna"
    case "commandId":
      // What the process of holds sent for the hold, which is the event behind the account's opening and its deposits.
      if (isTimer) return encodeURIComponent("\u0001holds:account-anna:252:0:0")
      return isTransfer ? "rent" : "salary-7"
    case "name":
      return path.startsWith("/projections/") ? "account_summary" : "Account"
    case "holdId":
      return "hold"
    case "file":
      return "app.js"
    default:
      return assert.fail(`${path} has a parameter that this test has no value for`)
  }
}

/** Questions that have an answer only with parameters, or another one. */
const more = [
  "/console/search?q=anna",
  "/console/search?q=salary-7",
  "/aggregates/Account/anna?version=120",
  "/aggregates/Account/anna/explain?after=200&limit=20&field=balance",
  "/accounts/anna?version=220"
]

/** Asks everything that the document of the service has, and gives how many questions that were. */
const lookAtAll = Effect.gen(function* () {
  const url = yield* Url
  const document = (yield* ask(`${url}/openapi.json`)).json
  const paths = Object.keys(document.paths).filter((path) => document.paths[path].get !== undefined)
  const questions = paths
    .filter((path) => path !== "/console/search")
    .map((path) => path.replaceAll(/\{(\w+)\}/g, (_, parameter: string) => valueFor(path, parameter)))
  for (const path of [...questions, ...more]) {
    if (path === "/events/stream") {
      yield* Effect.scoped(Effect.flatMap(Feed.follow(`${url}${path}?after=0`), Feed.nextEvent))
      continue
    }
    const { status, text } = yield* ask(`${url}${path}`)
    // A service of the sources was not built, and has no page.
    const isPage = path === "/console" || path.startsWith("/console/assets/")
    assert.isTrue(status === 200 || (isPage && status === 404), `${path}: ${status} ${text}`)
  }
  return questions.length
})

describe("looking", () => {
  it.scopedLive("at everything leaves no snapshot and no row", () =>
    Effect.gen(function* () {
      const filename = join(yield* temporaryFolder, "d.db")
      yield* Effect.provide(seed, Service.layer({ filename }))
      const database = new Database(filename)
      database.exec("DELETE FROM snapshots")
      database.close()
      const before = rowsOf(filename)
      assert.containsAllKeys(before, ["log_entries", "log_events", "projections", "snapshots"])
      assert.isAbove(yield* Effect.provide(lookAtAll, Service.layer({ filename })), 30)
      assert.deepStrictEqual(rowsOf(filename), before)
    })
  )
})
