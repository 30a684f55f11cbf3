/** What the summary of accounts must be, from the log alone, and what it is. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { EventStore } from "../../src/core/EventStore.ts"
import { ReadModels } from "../../src/projection/ReadModels.ts"

type Totals = readonly [deposits: bigint, withdrawals: bigint, balance: bigint, count: number]

/** For each account, in minor units: folded from the stored text by other code than the projection's. */
export const expected = Effect.gen(function* () {
  const store = yield* EventStore
  const totals = new Map<string, Totals>()
  for (let after = 0; ; ) {
    const { events: page, more } = yield* store.readAll(after)
    for (const { data, streamId, type } of page) {
      const id = streamId.replace("account-", "")
      const [deposits, withdrawals, , count] = totals.get(id) ?? [0n, 0n, 0n, 0]
      const minor = BigInt((JSON.parse(data).amount ?? "0").replace(".", ""))
      const next =
        type === "Deposited"
          ? ([deposits + minor, withdrawals, count + 1] as const)
          : type === "Withdrawn"
            ? ([deposits, withdrawals + minor, count + 1] as const)
            : ([deposits, withdrawals, count] as const)
      totals.set(id, [next[0], next[1], next[0] - next[1], next[2]])
    }
    after = page.at(-1)?.position ?? after
    if (!more) return { totals, position: after }
  }
})

/** The rows of the model that serves. */
export const actual = Effect.flatMap(ReadModels, (models) =>
  Effect.map(
    models.query(
      "SELECT account_id, total_deposits, total_withdrawals, current_balance, transaction_count FROM account_summary",
      []
    ),
    (rows) =>
      new Map(
        rows.map(([id, deposits, withdrawals, balance, count]) => [
          id as string,
          [
            BigInt(deposits as string),
            BigInt(withdrawals as string),
            BigInt(balance as string),
            count
          ] as unknown as Totals
        ])
      )
  )
)

const sorted = (totals: ReadonlyMap<string, Totals>) => [...totals].sort(([left], [right]) => (left < right ? -1 : 1))

/** Fails unless the model is exactly its log. */
export const assertExact = Effect.gen(function* () {
  assert.deepStrictEqual(sorted(yield* actual), sorted((yield* expected).totals))
})
