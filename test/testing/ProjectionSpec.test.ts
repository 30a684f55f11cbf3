/** `testing/ProjectionSpec.ts` passes a projection that keeps the rules, and fails each that breaks one of them. */
import { SqlClient } from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Option, Schema } from "effect"
import * as Event from "../../src/core/Event.ts"
import type { Recorded } from "../../src/core/Recorded.ts"
import * as Projection from "../../src/projection/Projection.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import * as ProjectionSpec from "../../src/testing/ProjectionSpec.ts"

const Sold = Event.make("Sold", { item: Schema.String, count: Schema.Int })
type Sold = Event.Of<typeof Sold>

type Batch = ReadonlyArray<Recorded<Sold>>
type Apply = (batch: Batch, table: string) => Effect.Effect<void, unknown, SqlClient>

const add = (table: string, item: string, count: number) =>
  Effect.flatMap(SqlClient, (sql) =>
    sql.unsafe(
      `INSERT INTO ${table} VALUES (?, ?) ON CONFLICT (item) DO UPDATE SET count = ${table}.count + excluded.count`,
      [item, count]
    )
  )
const right: Apply = (batch, table) =>
  Effect.forEach(batch, ({ event }) => add(table, event.item, event.count), { discard: true })

const specOf = (apply: Apply, index = (table: string) => `${table}_by_count`) => {
  const sales = Projection.make({
    name: "sales",
    version: 1,
    events: [Sold],
    tables: ["sales"],
    create: ({ sales }) => [
      `CREATE TABLE ${sales} (item TEXT PRIMARY KEY, count INTEGER NOT NULL)`,
      `CREATE INDEX ${index(sales)} ON ${sales} (count)`
    ],
    apply: (batch, { sales }) => apply(batch, sales)
  })
  return ProjectionSpec.make(sales, SqliteStore.layer({ filename: ":memory:" }))
}
const sold = (item: string, count: number): ProjectionSpec.Given<Sold> => ({ event: Sold.make({ item, count }) })
const given = [sold("apple", 1), sold("pear", 2), sold("apple", 3)]
const rows = {
  sales: [
    ["apple", 4],
    ["pear", 2]
  ]
}

/** What the check says of a projection that it fails. */
const failed = (check: Effect.Effect<void>) =>
  Effect.map(Effect.exit(check), (exit) => {
    assert.strictEqual(exit._tag, "Failure", "a wrong projection passed")
    const defect = exit._tag === "Failure" ? Option.getOrUndefined(Cause.dieOption(exit.cause)) : undefined
    return defect instanceof Error ? `${defect.message} ${String(defect.cause ?? "")}` : String(defect)
  })

describe("ProjectionSpec", () => {
  it.effect("passes a projection that keeps the rules, whatever the order of its rows", () =>
    Effect.gen(function* () {
      const spec = specOf(right)
      yield* spec.given(...given).gives({ sales: [...rows.sales].reverse() })
      yield* spec.given().gives({ sales: [] })
      yield* spec.createsTwice
    })
  )

  it.effect("fails rows that are not what the events give: another value, one too many, one too few", () =>
    Effect.gen(function* () {
      const check = specOf(right).given(...given)
      for (const sales of [
        [["apple", 5], rows.sales[1]],
        [...rows.sales, ["plum", 1]],
        rows.sales.slice(1)
      ] as ReadonlyArray<ReadonlyArray<ReadonlyArray<unknown>>>) {
        yield* failed(check.gives({ sales }))
      }
    })
  )

  it.effect("fails a projection that keeps something from one batch to the next", () => {
    const seen = new Set<string>()
    const spec = specOf((batch, table) =>
      Effect.forEach(
        batch,
        ({ event }) => {
          // Counts an item that it remembers half.
          const count = seen.has(event.item) ? event.count - 1 : event.count
          seen.add(event.item)
          return add(table, event.item, count)
        },
        { discard: true }
      )
    )
    return failed(spec.given(sold("apple", 1), sold("apple", 3)).gives({ sales: [["apple", 3]] }))
  })

  it.effect("fails a projection that looks at where a batch ends, and says at which cut", () =>
    Effect.gen(function* () {
      const spec = specOf((batch, table) => right(batch.slice(-1), table))
      assert.match(yield* failed(spec.given(...given).gives(rows)), /in batches of 3/)
      // Where each batch has one event it is right.
      yield* spec.given(sold("apple", 1)).gives({ sales: [["apple", 1]] })
    })
  )

  it.effect("fails a projection that fails, with its cause and the cut", () =>
    Effect.gen(function* () {
      const spec = specOf((batch, table) =>
        batch.length === 2 ? Effect.fail(new Error("two are too many")) : right(batch, table)
      )
      assert.match(yield* failed(spec.given(...given).gives(rows)), /sales failed in batches of .*2.* two are too many/)
    })
  )

  it.effect("fails a projection whose index has a name of its own, which a rebuild finds taken", () =>
    Effect.gen(function* () {
      yield* failed(specOf(right, () => "by_count").createsTwice)
    })
  )

  it.effect("refuses more events than it can cut in every way", () =>
    Effect.gen(function* () {
      const many = Array.from({ length: ProjectionSpec.maxEvents + 1 }, () => sold("apple", 1))
      assert.match(
        yield* failed(
          specOf(right)
            .given(...many)
            .gives({ sales: [] })
        ),
        /at most 10 events/
      )
    })
  )
})
