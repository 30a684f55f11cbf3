/**
 * One command is the same through each door, whichever brought it first; and an amount is the same in each spelling.
 */
import { copyFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { inject } from "vitest"
import { ask } from "../http/Service.ts"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"
import * as Recording from "./Recording.ts"
import type { Row } from "./Rows.ts"

const fixture = join(import.meta.dirname, "../fixtures/databases/0006-keyed-commands")
const routes: Readonly<Record<string, string>> = { Deposit: "deposits", Withdraw: "withdrawals", Close: "close" }

/** A row of an import as a client would send it. */
const sendRow = (url: string, { accountId = "", command = "", commandId = "", ...rest }: Row) =>
  command === "Open"
    ? ask(`${url}/accounts`, { key: commandId, body: { accountId, ...rest } })
    : ask(`${url}/accounts/${accountId}/${routes[command]}`, { key: commandId, body: rest })

const database = Effect.map(temporaryFolder, (folder) => `sqlite:${join(folder, "d.db")}`)
const spellings = ["12.5", "12.50"]

describe("one command through several doors", () => {
  it.scopedLive("is known over HTTP where the release before imported it (CV3, CV9)", () =>
    Effect.gen(function* () {
      const db = yield* database
      copyFileSync(`${fixture}.db`, db.slice("sqlite:".length))
      const { url } = yield* Recording.serve(inject("dist"), db)
      for (const row of Recording.read(`${fixture}.jsonl`).rows) {
        const answer = yield* sendRow(url, row)
        assert.strictEqual(answer.headers.get("idempotency-replayed"), "true", `${JSON.stringify(row)} ${answer.text}`)
      }
    })
  )

  it.scopedLive("is one, whichever comes first, with its amount in each spelling (CV3)", () =>
    Effect.gen(function* () {
      const dist = inject("dist")
      const db = yield* database
      const rowOf = (commandId: string, amount: string): Row => ({
        commandId,
        accountId: "a",
        command: "Deposit",
        amount,
        reference: "r"
      })
      const askOf = (commandId: string, amount: string) => ({
        aggregate: "Account" as const,
        id: "a",
        command: "Deposit",
        payload: { reference: "r", amount },
        options: { commandId }
      })
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { url } = yield* Recording.serve(dist, db)
          yield* sendRow(url, { commandId: "open", accountId: "a", command: "Open", owner: "A", currency: "EUR" })
          yield* sendRow(url, rowOf("by HTTP", "12.5"))
        })
      )
      yield* Recording.importRows(dist, db, [rowOf("by import", "12.50")])
      yield* Recording.askAll(dist, db, [askOf("by a program", "12.5")])

      const ids = ["by HTTP", "by import", "by a program"]
      const all = ids.flatMap((id) => spellings.map((amount) => [id, amount] as const))
      const tally = yield* Recording.importRows(
        dist,
        db,
        all.map(([id, amount]) => rowOf(id, amount))
      )
      assert.deepStrictEqual(tally, { applied: 0, replayed: all.length, refused: 0 })
      const answers = yield* Recording.askAll(
        dist,
        db,
        all.map(([id, amount]) => askOf(id, amount))
      )
      for (const { replayed } of answers) assert.isTrue(replayed)
      const { url } = yield* Recording.serve(dist, db)
      for (const [id, amount] of all) {
        const answer = yield* sendRow(url, rowOf(id, amount))
        assert.deepStrictEqual([answer.status, answer.headers.get("idempotency-replayed")], [200, "true"], answer.text)
      }
      assert.strictEqual((yield* ask(`${url}/accounts/a`)).json.balance, "37.50")
    })
  )
})
