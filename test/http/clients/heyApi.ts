/**
 * The tour of a client that `@hey-api/openapi-ts` makes of the document. `openapiClients.test.ts` generates the client,
 * compiles both, and runs it: `URL TOKEN`. Not part of the tree's own check of types, which knows no generated file.
 */
import { strictEqual } from "node:assert"
import process from "node:process"
import { client } from "./generated/client.gen.ts"
import {
  accountsClose,
  accountsDeposit,
  accountsEvents,
  accountsGet,
  accountsList,
  accountsOpen,
  accountsSummary,
  accountsWithdraw,
  holdsCapture,
  holdsList,
  holdsPlace,
  logPage,
  operationsLive,
  operationsReady,
  projectionsList,
  projectionsRebuild,
  transfersGet,
  transfersRequest
} from "./generated/sdk.gen.ts"
import type { Opening, Receipt } from "./generated/types.gen.ts"

const [baseUrl = "", token = ""] = process.argv.slice(2)
client.setConfig({ baseUrl, auth: () => token })

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

for (const accountId of ["carl", "dora"]) {
  const body: Opening = { accountId, owner: "Carl Dodgson", currency: "EUR", overdraftLimit: "10" }
  const opened: Receipt = answer(await accountsOpen({ body, headers: { "idempotency-key": `open ${accountId}` } }))
  strictEqual(opened.accountId, accountId)
}
const path = { id: "carl" }

const deposit = () =>
  accountsDeposit({
    path,
    headers: { "idempotency-key": "invoice 8", "if-match": '"1"' },
    body: { amount: "12.50", reference: "invoice 8", bookedOn: "2026-01-31" }
  })
strictEqual(answer(await deposit()).balance, "12.50")
strictEqual((await deposit()).response?.headers.get("idempotency-replayed"), "true")
const refused = checked(await accountsWithdraw({ path, body: { amount: "100" } }))
strictEqual(refused.error?.code, "insufficient-funds")

const held = answer(await holdsPlace({ path, body: { holdId: "order-8", amount: "2" } }))
strictEqual(answer(await holdsList({ path })).holds[0]?.holdId, held.holdId)
answer(await holdsCapture({ path: { ...path, holdId: "order-8" }, body: {} }))

answer(await transfersRequest({ body: { transferId: "rent-8", from: "carl", to: "dora", amount: "5" } }))
strictEqual(answer(await transfersGet({ path: { id: "rent-8" } })).to, "dora")
strictEqual(answer(await accountsGet({ path, query: { version: 2 } })).balance, "12.50")
const { position } = answer(await accountsDeposit({ path, body: { amount: "1" } }))
answer(await accountsSummary({ path, query: { minPosition: position } }))
strictEqual(answer(await accountsList({ query: { limit: 1 } })).accounts.length, 1)
strictEqual(answer(await accountsEvents({ path, query: { limit: 1 } })).next, 1)
strictEqual(answer(await logPage({ query: { limit: 2 } })).events.length, 2)
answer(await projectionsList())
answer(await projectionsRebuild({ path: { name: "account_summary" } }))
strictEqual(answer(await operationsLive()).status, "ok")
answer(await operationsReady())
answer(await accountsOpen({ body: { accountId: "void", owner: "Carl", currency: "JPY" } }))
answer(await accountsClose({ path: { id: "void" } }))
console.log("toured")
