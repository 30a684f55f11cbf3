/**
 * The tour of a client that `openapi-typescript` and `openapi-fetch` make of the document. `openapiClients.test.ts`
 * generates the client, compiles both, and runs it: `URL TOKEN`. Not part of the tree's own check of types, which
 * knows no generated file.
 */
import { strictEqual } from "node:assert"
import process from "node:process"
import createClient from "openapi-fetch"
import type { components, paths } from "./generated.ts"

const [baseUrl = "", token = ""] = process.argv.slice(2)
const client = createClient<paths>({ baseUrl, headers: { authorization: `Bearer ${token}` } })

interface Answered<T> {
  readonly data?: T
  readonly error?: unknown
  readonly response?: Response
}

/** Fails where the proxy has found something that is not in the document. */
const checked = <A extends Answered<unknown>>(answered: A): A => {
  strictEqual(answered.response?.headers.get("sl-violations") ?? "", "")
  return answered
}

/** The answer of a request that is to succeed. */
const answer = <T>(answered: Answered<T>): T => {
  const { data, error } = checked(answered)
  if (data === undefined) throw new Error(JSON.stringify(error))
  return data
}

for (const accountId of ["anna", "bert"]) {
  const body: components["schemas"]["Opening"] = {
    accountId,
    owner: "Anna Liddell",
    currency: "EUR",
    overdraftLimit: "10"
  }
  const opened = answer(
    await client.POST("/accounts", { body, params: { header: { "idempotency-key": `open ${accountId}` } } })
  )
  strictEqual(opened.accountId, accountId)
}
const anna = { id: "anna" }

const deposit = () =>
  client.POST("/accounts/{id}/deposits", {
    params: { path: anna, header: { "idempotency-key": "invoice 7", "if-match": '"1"' } },
    body: { amount: "12.50", reference: "invoice 7", bookedOn: "2026-01-31" }
  })
const first = await deposit()
const receipt: components["schemas"]["Receipt"] = answer(first)
strictEqual(receipt.balance, "12.50")
const again = await deposit()
strictEqual(again.response.headers.get("idempotency-replayed"), "true")

const refused = checked(
  await client.POST("/accounts/{id}/withdrawals", { params: { path: anna }, body: { amount: "100" } })
)
strictEqual(refused.error?.code, "insufficient-funds")

const held = answer(
  await client.POST("/accounts/{id}/holds", {
    params: { path: anna },
    body: { holdId: "order-7", amount: "2", expiresAt: "2190-01-31T12:00:00Z" }
  })
)
strictEqual(held.holdId, "order-7")
const hold = { ...anna, holdId: "order-7" }
strictEqual(answer(await client.GET("/accounts/{id}/holds", { params: { path: anna } })).holds.length, 1)
strictEqual(answer(await client.GET("/accounts/{id}/holds/{holdId}", { params: { path: hold } })).amount, "2.00")
answer(await client.POST("/accounts/{id}/holds/{holdId}/capture", { params: { path: hold }, body: { amount: "1" } }))
strictEqual(
  (await client.GET("/accounts/{id}/holds/{holdId}", { params: { path: hold } })).error?.code,
  "hold-not-found"
)

const transfer = answer(
  await client.POST("/transfers", { body: { transferId: "rent-7", from: "anna", to: "bert", amount: "5" } })
)
strictEqual(transfer.transferId, "rent-7")
strictEqual(answer(await client.GET("/transfers/{id}", { params: { path: { id: "rent-7" } } })).amount, "5.00")

const account = await client.GET("/accounts/{id}", { params: { path: anna } })
strictEqual(answer(account).owner, "Anna Liddell")
const etag = account.response.headers.get("etag") ?? ""
const known = await client.GET("/accounts/{id}", { params: { path: anna, header: { "if-none-match": etag } } })
strictEqual(known.response.status, 304)
strictEqual(
  answer(await client.GET("/accounts/{id}", { params: { path: anna, query: { version: 2 } } })).balance,
  "12.50"
)

const { position } = answer(
  await client.POST("/accounts/{id}/deposits", { params: { path: anna }, body: { amount: "1" } })
)
const query = { minPosition: position }
answer(await client.GET("/accounts/{id}/summary", { params: { path: anna, query } }))
const page = answer(await client.GET("/accounts", { params: { query: { ...query, limit: 1, sort: "-balance" } } }))
const cursor = page.nextCursor ?? ""
strictEqual(
  answer(await client.GET("/accounts", { params: { query: { cursor, limit: 1, sort: "-balance" } } })).accounts.length,
  1
)
strictEqual(answer(await client.GET("/accounts/{id}/events", { params: { path: anna, query: { limit: 1 } } })).next, 1)
strictEqual(answer(await client.GET("/events", { params: { query: { after: 1, limit: 2 } } })).events.length, 2)
answer(await client.GET("/projections"))
answer(
  await client.POST("/projections/{name}/rebuild", {
    params: { path: { name: "account_summary" }, header: { "idempotency-key": "rebuild" } }
  })
)
strictEqual(answer(await client.GET("/health/live")).status, "ok")
answer(await client.GET("/health/ready"))
answer(await client.GET("/metrics", { parseAs: "text" }))

answer(await client.POST("/accounts", { body: { accountId: "empty", owner: "Carl", currency: "JPY" } }))
answer(await client.POST("/accounts/{id}/close", { params: { path: { id: "empty" } } }))
console.log("toured")
