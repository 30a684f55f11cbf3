/**
 * A rebuild beside others who use the model: their rights and views stay, and what keeps it from its place is named.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { Effect, Exit, Fiber, Option } from "effect"
import { GenerationStore } from "../../projection/GenerationStore.ts"
import { Projections } from "../../projection/Projections.ts"
import * as Status from "../../projection/Status.ts"
import { beside, caughtUp, halted, model, note, notes, running, service, status, until } from "../Notes.ts"
import { counted, counting, keepsUp, query, type ReadSideCase, rebuilt } from "./Counting.ts"
import { OtherSession } from "./OtherSession.ts"

export const Swaps: ReadonlyArray<ReadSideCase> = [
  {
    name: "a view of others and their rights to the model stay through a rebuild (RD2)",
    run: Effect.gen(function* () {
      const other = yield* OtherSession
      const end = yield* note("a", "one", "two")
      yield* running(
        [notes()],
        Effect.gen(function* () {
          yield* caughtUp(end)
          yield* other.run("CREATE VIEW report AS SELECT stream_id, count FROM notes")
          const isPostgres = other.kind === "postgres"
          if (isPostgres) {
            yield* other.run("GRANT SELECT ON notes TO PUBLIC")
            yield* other.run("GRANT UPDATE (count) ON notes TO PUBLIC")
          }
          const rights = `SELECT relacl::text, attname, attacl::text FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
            WHERE pg_class.oid = to_regclass('notes') AND attname = 'count'`
          const before = isPostgres ? yield* other.run(rights) : []
          yield* rebuilt("notes")
          const later = yield* note("a", "three")
          yield* caughtUp(later)
          deepStrictEqual(
            (yield* other.run("SELECT stream_id, count FROM report")).map((row) => row.map(String)),
            [["a", "3"]]
          )
          if (isPostgres) {
            ok(String(before[0]?.[0]).includes("=r/"), String(before[0]?.[0]))
            ok(String(before[0]?.[2]).includes("=w/"), String(before[0]?.[2]))
            deepStrictEqual(yield* other.run(rights), before)
          }
          yield* other.run("DROP VIEW report")
        })
      )
    })
  },
  {
    name: "rights stay where the columns of the model change; a view on columns that change halts the swap, and is named (RD2)",
    run: Effect.gen(function* () {
      const other = yield* OtherSession
      const end = yield* note("a", "one", "two")
      yield* running([counting("model"), notes({ name: "other" })], caughtUp(end, "model"))
      const isPostgres = other.kind === "postgres"
      if (isPostgres) {
        yield* other.run("GRANT SELECT ON model TO PUBLIC; GRANT UPDATE (count) ON model TO PUBLIC")
        yield* other.run("COMMENT ON VIEW model IS 'its notes'; COMMENT ON COLUMN model.count IS 'how many'")
      }
      const wider = counting("model", {
        version: 2,
        columns: "more INTEGER, count INTEGER NOT NULL, one TEXT NOT NULL"
      })
      yield* running(
        [wider],
        Effect.flatMap(service, (asked) => asked.awaitPosition("model", end, "100 seconds"))
      )
      if (isPostgres) {
        const [row] = yield* other.run(
          `SELECT relacl::text, attacl::text, obj_description(attrelid), col_description(attrelid, attnum) FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
           WHERE pg_class.oid = to_regclass('model') AND attname = 'count'`
        )
        ok(String(row?.[0]).includes("=r/"), String(row?.[0]))
        ok(String(row?.[1]).includes("=w/"), String(row?.[1]))
        deepStrictEqual(row?.slice(2), ["its notes", "how many"])
      }
      yield* other.run("CREATE VIEW depends_on_it AS SELECT more, one FROM model")
      const narrow = counting("model", { version: 3 })
      yield* running(
        [narrow, notes({ name: "other" })],
        Effect.gen(function* () {
          const now = yield* until(halted, "model")
          deepStrictEqual([now.lastError?.step, now.lastError?.attempts], ["swap", 1])
          ok(now.lastError?.error.includes("depends_on_it"), now.lastError?.error)
          strictEqual(Status.stuckOf(now), 1)
          const failed = yield* Effect.flip(Effect.flatMap(service, (asked) => asked.awaitRebuilt("model")))
          ok(String(failed).includes("depends_on_it"), String(failed))
          yield* keepsUp
          deepStrictEqual(yield* query("SELECT more, one FROM depends_on_it ORDER BY one"), [
            [null, "one"],
            [null, "two"]
          ])
        })
      ).pipe(Effect.ensuring(Effect.ignore(other.run("DROP VIEW depends_on_it"))))
      yield* running(
        [narrow],
        Effect.flatMap(service, (asked) => asked.awaitPosition("model", end, "100 seconds"))
      )
      deepStrictEqual((yield* counted("model"))?.[0], 3)
    })
  },
  {
    name: "where the columns of a model change, nobody has more rights after the swap than before (RD2)",
    run: Effect.gen(function* () {
      const other = yield* OtherSession
      const end = yield* note("a", "one")
      yield* running([counting("model")], caughtUp(end, "model"))
      const wider = counting("model", { version: 2, columns: "count INTEGER NOT NULL, one TEXT NOT NULL" })
      const isPostgres = other.kind === "postgres"
      const rights = `SELECT pg_get_userbyid(relowner)::text, attname, grantee, privilege_type, is_grantable FROM pg_class
        JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0
        CROSS JOIN LATERAL aclexplode(coalesce(attacl, relacl)) WHERE pg_class.oid = to_regclass('model') ORDER BY 2, 3, 4`
      if (isPostgres) {
        yield* other.run(`DO $$ BEGIN EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT SELECT, DELETE ON TABLES TO PUBLIC',
          current_schema()); END $$`)
        yield* other.run("GRANT SELECT ON model TO PUBLIC; GRANT INSERT ON model TO pg_monitor WITH GRANT OPTION")
        yield* other.run("REVOKE TRUNCATE ON model FROM CURRENT_USER; GRANT UPDATE (count) ON model TO PUBLIC")
      }
      const before = isPostgres ? yield* other.run(rights) : []
      yield* running([wider], caughtUp(end, "model"))
      if (isPostgres) deepStrictEqual(yield* other.run(rights), before)
      deepStrictEqual(
        (yield* query("SELECT * FROM model")).map((row) => row.map(String)),
        [["1", "one"]]
      )
    })
  },
  {
    name: "a trigger of others on a model whose columns change halts the swap, and is named (RD2)",
    run: Effect.gen(function* () {
      const other = yield* OtherSession
      const end = yield* note("a", "one")
      yield* running([counting("model"), notes({ name: "other" })], caughtUp(end, "model"))
      // SQLite drops a view's triggers with it, and has no rights or functions that could hang on one.
      if (other.kind !== "postgres") return
      yield* other.run("CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
      yield* other.run("CREATE TRIGGER kept INSTEAD OF INSERT ON model FOR EACH ROW EXECUTE FUNCTION nothing()")
      const wider = counting("model", { version: 2, columns: "count INTEGER NOT NULL, one TEXT NOT NULL" })
      yield* running(
        [wider, notes({ name: "other" })],
        Effect.gen(function* () {
          const now = yield* until(halted, "model")
          deepStrictEqual(now.lastError?.step, "swap")
          ok(now.lastError?.error.includes("kept"), now.lastError?.error)
          yield* other.run("DROP TRIGGER kept ON model")
          yield* rebuilt("model")
          deepStrictEqual(yield* counted("model"), [1, 1])
        })
      )
    })
  },
  {
    name: "a swap that waits for those who write names them, and not readers (RD2)",
    run: Effect.gen(function* () {
      const other = yield* OtherSession
      const end = yield* note("a", "one")
      yield* running(
        [notes()],
        Effect.gen(function* () {
          yield* caughtUp(end)
          if (other.kind !== "postgres") return
          const asked = yield* Projections
          const generations = yield* GenerationStore
          // First, so that the runner does not swap it itself.
          yield* asked.pause("notes")
          const row = Option.getOrThrow(yield* generations.find("notes"))
          const shadow = yield* generations.beginShadow(notes())
          const failed = yield* Effect.scoped(
            Effect.gen(function* () {
              yield* other.reading(
                `SELECT pg_advisory_xact_lock(${0x44617962}, relnamespace::int4) FROM pg_class WHERE oid = to_regclass('events')`
              )
              // A look at the model may still have been under way.
              return yield* Effect.repeat(Effect.flip(generations.swap(shadow, row.live)), {
                until: (failed) => !String(failed).includes("those who read")
              })
            })
          )
          ok(/those who write: pid \d+/.test(String(failed)), String(failed))
        })
      )
    })
  },
  {
    name: "what `create` does holds up nobody who appends (RD2)",
    run: Effect.gen(function* () {
      const other = yield* OtherSession
      // SQLite has one transaction that writes.
      if (other.kind !== "postgres") return
      const gate = 4_711
      const slow = counting("model", {
        more: () => [
          `DO $$ BEGIN WHILE NOT pg_try_advisory_xact_lock(${gate}) LOOP PERFORM pg_sleep(0.01); END LOOP; END $$`
        ]
      })
      const rebuilding = yield* running(
        [slow, notes({ name: "other" })],
        Effect.gen(function* () {
          yield* Effect.scoped(
            Effect.gen(function* () {
              yield* other.reading(`SELECT pg_advisory_xact_lock(${gate})`)
              const creating = other.run(
                "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'DO $$%' AND state = 'active'"
              )
              yield* Effect.repeat(creating, { until: (rows) => rows.length > 0 })
              for (let count = 0; count < 5; count++) yield* keepsUp
            })
          )
          yield* caughtUp(yield* note("a", "last"), "model")
          return yield* counted("model")
        })
      )
      deepStrictEqual(rebuilding, [6, 6])
    })
  },
  {
    name: "an open reader delays the swap and nothing else, and is named; it comes when the reader has gone (RD2)",
    run: Effect.gen(function* () {
      const other = yield* OtherSession
      const end = yield* note("a", "one")
      yield* running(
        [notes(), notes({ name: "other" })],
        Effect.gen(function* () {
          yield* caughtUp(end)
          const asked = yield* Projections
          const rebuilding = yield* Effect.scoped(
            Effect.gen(function* () {
              yield* other.reading("SELECT * FROM notes")
              yield* asked.requestRebuild("notes")
              const rebuilding = yield* Effect.fork(asked.awaitRebuilt("notes"))
              if (other.kind === "postgres") {
                const waiting = yield* until(({ lastError }) => (lastError?.attempts ?? 0) > 1)
                deepStrictEqual([waiting.status, waiting.lastError?.step], ["rebuilding", "swap"])
                ok(/pid \d+/.test(waiting.lastError?.error ?? ""), waiting.lastError?.error)
                strictEqual((yield* Fiber.poll(rebuilding))._tag, "None")
              }
              // The model that serves goes on, others too, and the new one behind it.
              for (let count = 0; count < 5; count++) {
                yield* caughtUp(yield* note("a", "more"))
                yield* keepsUp
              }
              return rebuilding
            })
          )
          yield* Fiber.join(rebuilding)
          yield* caughtUp(yield* note("a", "last"))
          strictEqual((yield* status()).lastError, null)
          deepStrictEqual(yield* model(), {
            a: "7: one more more more more more last",
            other: "5: more more more more more"
          })
          deepStrictEqual(yield* query("SELECT generation FROM projection_models WHERE projection = 'notes'"), [[2]])
        })
      )
    })
  },
  {
    name: "an index of a fixed name fails each rebuild: the first attempt tells, halts, and leaves the model that serves alone (RD2)",
    run: Effect.gen(function* () {
      const end = yield* note("a", "one")
      let isBroken = true
      const fixed = counting("model", {
        more: (table) => [`CREATE INDEX ${isBroken ? "of_a_fixed_name" : `${table}_by_count`} ON ${table} (count)`]
      })
      yield* running(
        [fixed, notes({ name: "other" })],
        Effect.gen(function* () {
          yield* caughtUp(end, "model")
          const asked = yield* Projections
          yield* asked.requestRebuild("model")
          const now = yield* until(halted, "model")
          deepStrictEqual([now.lastError?.step, now.lastError?.attempts], ["create", 1])
          ok(now.lastError?.error.includes("of_a_fixed_name"), now.lastError?.error)
          for (let count = 0; count < 5; count++) {
            yield* keepsUp
            yield* caughtUp(yield* note("a", "more"), "model")
          }
          // It waits for an operator, and so is not tried again and again.
          strictEqual((yield* status("model")).lastError?.attempts, 1)
          isBroken = false
          yield* rebuilt("model")
          strictEqual((yield* status("model")).lastError, null)
          strictEqual((yield* counted("model"))?.[0], 11)
        })
      )
    })
  },
  {
    name: "what is no longer declared is removed with its tables, and what is declared is not (RD2)",
    run: Effect.gen(function* () {
      const end = yield* note("a", "one")
      yield* running([notes(), notes({ name: "kept" })], Effect.zipRight(caughtUp(end), caughtUp(end, "kept")))
      yield* beside(
        [notes({ name: "kept" })],
        Effect.gen(function* () {
          const asked = yield* Projections
          strictEqual((yield* Effect.flip(asked.remove("kept")))._tag, "NotRemovable")
          yield* asked.remove("notes")
          strictEqual((yield* Effect.flip(asked.remove("notes")))._tag, "UnknownProjection")
          deepStrictEqual(
            (yield* asked.list).map(({ name }) => name),
            ["kept"]
          )
        })
      )
      const gone = yield* Effect.exit(query("SELECT * FROM notes"))
      ok(Exit.isFailure(gone))
      // Declared again, it is built from the start.
      yield* running([notes()], caughtUp(end))
      deepStrictEqual(yield* model(), { a: "1: one" })
    })
  },
  {
    name: "a table that a renamed projection took along stays when its former name is removed, and goes back when it is (RD2)",
    run: Effect.gen(function* () {
      const end = yield* note("a", "one")
      const former = counting("former", { table: "shared" })
      // Of another version, since tables are named after it.
      const renamed = counting("renamed", { table: "shared", version: 2 })
      yield* running([former], caughtUp(end, "former"))
      const later = yield* note("a", "two")
      yield* running([renamed], caughtUp(later, "renamed"))
      deepStrictEqual(yield* counted("shared"), [2, 2])
      const removed = (name: string) =>
        beside(
          [],
          Effect.flatMap(service, (asked) => asked.remove(name))
        )
      yield* removed("former")
      deepStrictEqual(yield* counted("shared"), [2, 2])
      yield* running([former], caughtUp(later, "former"))
      yield* removed("renamed")
      deepStrictEqual(yield* counted("shared"), [2, 2])
      yield* removed("former")
      ok(Exit.isFailure(yield* Effect.exit(query("SELECT * FROM shared"))))
    })
  }
]
