/** What failed is told whole, as the database said it, and a query can only read. */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { SqlClient } from "@effect/sql/SqlClient"
import { Cause, Effect, Exit, Option } from "effect"
import { ReadModels } from "../../projection/ReadModels.ts"
import { caughtUp, halted, model, note, notes, running, service, until } from "../Notes.ts"
import { counting, keepsUp, query, type ReadSideCase } from "./Counting.ts"

export const Reasons: ReadonlyArray<ReadSideCase> = [
  {
    name: "a create that fails, or throws, is told as the database said it, and a release that fixes it builds the model (RD2)",
    run: Effect.gen(function* () {
      const end = yield* note("a", "one")
      const broken = counting("model", { more: (table) => [`CREATE TABEL ${table}_more (a INTEGER)`] })
      const throwing = counting("second", {
        more: () => {
          throw new Error("there is no such column", { cause: new Error("the root of it") })
        }
      })
      yield* running(
        [broken, throwing, notes({ name: "other" })],
        Effect.gen(function* () {
          const now = yield* until(halted, "model")
          deepStrictEqual([now.lastError?.step, now.lastError?.attempts, now.position], ["create", 1, 0])
          ok(now.lastError?.error.includes("TABEL"), now.lastError?.error)
          const second = yield* until(halted, "second")
          ok(/no such column.*root of it/s.test(second.lastError?.error ?? ""), second.lastError?.error)
          yield* keepsUp
          const late = yield* Effect.flip(
            Effect.flatMap(service, (asked) => asked.awaitPosition("model", 0, "1 millis"))
          )
          strictEqual(late._tag, "ViewBehind")
        })
      )
      yield* running([counting("model"), counting("second")], caughtUp(end, "model"))
      deepStrictEqual(yield* query("SELECT generation, live FROM projection_models WHERE projection = 'model'"), [
        [1, 1]
      ])
    })
  },
  {
    name: "what apply failed with is told whole: what it threw, what that wraps, and what the database said (RD2)",
    run: Effect.gen(function* () {
      yield* note("a", "bad")
      class Rejected extends Error {
        readonly _tag = "Rejected"
        readonly sku = "b-7"
      }
      const before = () =>
        Effect.flatMap(SqlClient, (sql) =>
          Effect.mapError(sql.unsafe("INSERT INTO nowhere_at_all VALUES (1)"), (cause) => new Rejected("no", { cause }))
        )
      yield* running(
        [notes({ before })],
        Effect.gen(function* () {
          const { lastError } = yield* until(({ lastError }) => lastError !== null)
          for (const part of ["Rejected", "b-7", "nowhere_at_all"])
            ok(lastError?.error.includes(part), lastError?.error)
          strictEqual(lastError?.step, "apply")
        })
      )
    })
  },
  {
    name: "a query of read models can only read, and one that is wrong is a defect and no reason to ask again later (RD2)",
    run: Effect.gen(function* () {
      const end = yield* note("a", "one")
      yield* running([notes()], caughtUp(end))
      const [table] = yield* query("SELECT tables FROM projection_models WHERE projection = 'notes'")
      ok(table !== undefined)
      const models = yield* ReadModels
      const wrong = [
        ["SELEC 1", []],
        ["SELECT * FROM no_such_table", []],
        ["SELECT count(*) FROM notes WHERE count = ?", []],
        ["INSERT INTO notes_v1_g1 VALUES ('x', 1, 'x')", []],
        ["UPDATE notes_v1_g1 SET count = 7", []],
        ["DELETE FROM projections", []],
        ["DROP VIEW notes", []],
        ["CREATE TABLE more (a INTEGER)", []]
      ] as const
      for (const [sql, params] of wrong) {
        const exit = yield* Effect.exit(models.query(sql, params))
        ok(Exit.isFailure(exit) && Cause.isDie(exit.cause), sql)
        strictEqual((Option.getOrUndefined(Cause.dieOption(exit.cause)) as Error).name, "InvalidQuery", sql)
      }
      deepStrictEqual(yield* model(), { a: "1: one" })
      // Writers may go on.
      yield* running([notes()], Effect.flatMap(note("a", "two"), caughtUp))
    })
  }
]
