/**
 * What the read side promises about itself, as cases: tables of any name, rebuilds beside others who use the models, failures
 * that are told as they are, and a log that was restored under it. A store's author runs each with fresh, empty stores.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { Buffer } from "node:buffer"
import { SqlClient } from "@effect/sql/SqlClient"
import { Cause, Deferred, Effect, Exit, Fiber, Layer, Option } from "effect"
import * as EventHash from "../../core/EventHash.ts"
import { EventStore } from "../../core/EventStore.ts"
import * as Projection from "../../projection/Projection.ts"
import * as ProjectionConfig from "../../projection/ProjectionConfig.ts"
import type { ProjectionStore } from "../../projection/ProjectionStore.ts"
import { Projections } from "../../projection/Projections.ts"
import * as Reaction from "../../projection/Reaction.ts"
import { ReadModels } from "../../projection/ReadModels.ts"
import * as Status from "../../projection/Status.ts"
import type { Case } from "../Conformance.ts"
import {
  beside,
  caughtUp,
  fast,
  halted,
  limits,
  model,
  Noted,
  note,
  notes,
  running,
  service,
  status,
  until
} from "../Notes.ts"
import { Tampering } from "../Tampering.ts"
import { OtherSession } from "./OtherSession.ts"

export type ReadSideCase = Case<EventStore | ProjectionStore | OtherSession | Tampering>

/** Counts the notes, in a table of this form; `create` may add to it what it likes. */
const counting = (
  name: string,
  {
    columns = "one TEXT NOT NULL, count INTEGER NOT NULL",
    table = name,
    version = 1,
    more = () => []
  }: {
    readonly table?: string
    readonly columns?: string
    readonly version?: number
    readonly more?: (table: string) => ReadonlyArray<string>
  } = {}
) =>
  Projection.make({
    name,
    version,
    events: [Noted],
    tables: [table],
    create: (tables) => [`CREATE TABLE ${tables[table]} (${columns})`, ...more(tables[table] as string)],
    apply: (batch, tables) =>
      Effect.forEach(
        batch,
        ({ event }) =>
          Effect.flatMap(SqlClient, (sql) =>
            sql.unsafe(`INSERT INTO ${tables[table]} (one, count) VALUES (?, 1)`, [event.text])
          ),
        { discard: true }
      )
  })

const query = (sql: string) => Effect.flatMap(ReadModels, (models) => models.query(sql, []))
const counted = (view: string) =>
  Effect.map(query(`SELECT count(*), sum(count) FROM ${view}`), ([row]) => row?.map(Number))
const rebuilt = (name: string) =>
  Effect.flatMap(service, (asked) => Effect.zipRight(asked.requestRebuild(name), asked.awaitRebuilt(name)))
const generationOf = (name: string) =>
  Effect.map(
    query(`SELECT generation FROM projection_models WHERE projection = '${name}' AND live = 1`),
    ([row]) => row?.[0]
  )

/** A name of exactly so many bytes, that differs from others at its end alone. */
const nameOf = (letter: string, bytes: number, last: string): string => {
  const size = Buffer.byteLength(letter)
  return letter.repeat(Math.floor((bytes - 1) / size)) + "z".repeat((bytes - 1) % size) + last
}
const sizes = [1, 2, 36, 37, 42, 43, 53, 57, 58, 62, 63]

/** Of a projection that reads what the others read too, and must keep up with them. */
const keepsUp = Effect.flatMap(note("other", "more"), (position) => caughtUp(position, "other"))

export const ReadSideConformance: ReadonlyArray<ReadSideCase> = [
  {
    name: "RD1 tables of every name from 1 to 63 bytes, ASCII and not, are built, rebuilt, indexed and told apart",
    run: Effect.gen(function* () {
      const names = ["n", "ü"].flatMap((letter) =>
        sizes.flatMap((bytes) =>
          bytes === 1
            ? [letter === "n" ? "n" : "u"]
            : (bytes < 42 ? ["a"] : ["a", "b"]).map((last) => nameOf(letter, bytes, last))
        )
      )
      const projections = names.map((name) =>
        counting(name, {
          more: (table) =>
            ["one", "count"].map((column) => `CREATE INDEX ${table}_by_${column} ON ${table} (${column})`)
        })
      )
      const end = yield* note("a", "one", "two")
      yield* running(
        projections,
        Effect.forEach(
          names,
          Effect.fnUntraced(function* (name) {
            yield* caughtUp(end, name)
            yield* rebuilt(name)
            yield* rebuilt(name)
            deepStrictEqual([yield* generationOf(name), yield* counted(name)], [3, [2, 2]], name)
          }),
          { discard: true, concurrency: 4 }
        )
      )
    })
  },
  {
    name: "RD1 two tables whose long names differ in the last letter have rows of their own, and so do their checkpoints",
    run: Effect.gen(function* () {
      const [left, right] = ["a", "b"].map((last) => nameOf("long_", 60, `_${last}`)) as [string, string]
      yield* note("a", "one")
      yield* running([counting(left), counting(right)], Effect.zipRight(caughtUp(1, left), caughtUp(1, right)))
      const end = yield* note("a", "two")
      yield* running([counting(left)], Effect.zipRight(caughtUp(end, left), rebuilt(left)))
      deepStrictEqual(
        [yield* counted(left), yield* counted(right)],
        [
          [2, 2],
          [1, 1]
        ]
      )
    })
  },
  {
    name: "RD2 a view of others and their rights to the model stay through a rebuild",
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
            yield* other.run("GRANT UPDATE (count) ON notes TO PUBLIC WITH GRANT OPTION").pipe(Effect.ignore)
          }
          const rights = "SELECT relacl::text FROM pg_class WHERE oid = to_regclass('notes')"
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
            deepStrictEqual(yield* other.run(rights), before)
          }
          yield* other.run("DROP VIEW report")
        })
      )
    })
  },
  {
    name: "RD2 rights stay where the columns of the model change; a view on columns that change halts the swap, and is named",
    run: Effect.gen(function* () {
      const other = yield* OtherSession
      const end = yield* note("a", "one", "two")
      yield* running([counting("model"), notes({ name: "other" })], caughtUp(end, "model"))
      const isPostgres = other.kind === "postgres"
      if (isPostgres) yield* other.run("GRANT SELECT ON model TO PUBLIC")
      const wider = counting("model", {
        version: 2,
        columns: "more INTEGER, count INTEGER NOT NULL, one TEXT NOT NULL"
      })
      yield* running(
        [wider],
        Effect.flatMap(service, (asked) => asked.awaitPosition("model", end, "20 seconds"))
      )
      if (isPostgres) {
        const [row] = yield* other.run("SELECT relacl::text FROM pg_class WHERE oid = to_regclass('model')")
        ok(String(row?.[0]).includes("=r/"), String(row?.[0]))
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
        Effect.flatMap(service, (asked) => asked.awaitPosition("model", end, "20 seconds"))
      )
      deepStrictEqual((yield* counted("model"))?.[0], 3)
    })
  },
  {
    name: "RD2 an open reader delays the swap and nothing else, and is named; it comes when the reader has gone",
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
    name: "RD2 an index of a fixed name fails each rebuild: the first attempt tells, halts, and leaves the model that serves alone",
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
    name: "RD2 a create that fails, or throws, is told as the database said it, and a release that mends it builds the model",
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
    name: "RD2 what apply failed with is told whole: what it threw, what that wraps, and what the database said",
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
    name: "RD2 a query of read models can only read, and one that is wrong is a defect and no reason to ask again later",
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
      // Whoever writes may go on.
      yield* running([notes()], Effect.flatMap(note("a", "two"), caughtUp))
    })
  },
  {
    name: "RD2 what is no longer declared is removed with its tables, and what is declared is not",
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
    name: "RD3 a model whose log was restored to an earlier end is ahead, answers nothing, and is built anew",
    run: Effect.gen(function* () {
      const other = yield* OtherSession
      const kept = yield* note("a", "one", "two")
      const lost = yield* note("b", "gone", "gone")
      yield* running([notes()], caughtUp(lost))
      yield* other.cutLog(kept + 1)
      const isAhead = Effect.gen(function* () {
        const now = yield* until(({ status }) => status === "ahead")
        deepStrictEqual([now.lag.events >= 0, now.lastError?.step, Status.stuckOf(now)], [true, "ahead", 1])
        const asked = yield* Projections
        for (const position of [0, kept, lost]) {
          const refused = yield* Effect.flip(asked.awaitPosition("notes", position, "20 seconds"))
          ok(refused._tag === "ViewBehind" && refused.isAhead, refused.message)
        }
      })
      yield* running([notes()], isAhead)
      // The log goes on beyond where the model was: what it has is still not of this log.
      let end = kept
      while (end <= lost + 2) end = yield* note("c", "new")
      yield* running(
        [notes()],
        Effect.gen(function* () {
          yield* isAhead
          yield* rebuilt("notes")
          yield* caughtUp(end)
          deepStrictEqual([(yield* status()).status, (yield* model()).b], ["running", undefined])
          ok((yield* model()).c?.startsWith(`${end - kept}: new`), JSON.stringify(yield* model()))
        })
      )
    })
  },
  {
    name: "RD3 a log that is restored under running models is seen at once, an empty one too",
    run: Effect.gen(function* () {
      const other = yield* OtherSession
      const end = yield* note("a", "one", "two")
      yield* running(
        [notes()],
        Effect.gen(function* () {
          yield* caughtUp(end)
          yield* other.cutLog(1)
          yield* until(({ status }) => status === "ahead")
          yield* rebuilt("notes")
          deepStrictEqual(yield* model(), {})
          yield* caughtUp(yield* note("a", "new"))
          deepStrictEqual(yield* model(), { a: "1: new" })
        })
      )
    })
  },
  {
    name: "RD3 a reaction says what it had done beyond the end, does nothing, and goes on from the end when it is told to",
    run: Effect.gen(function* () {
      const other = yield* OtherSession
      const done: Array<string> = []
      const last = yield* Deferred.make<void>()
      const reaction = Reaction.make({
        name: "welcome",
        events: [Noted],
        react: ({ event }) =>
          Effect.zipRight(
            Effect.sync(() => void done.push(event.text)),
            Effect.when(Deferred.succeed(last, undefined), () => event.text === "last")
          )
      })
      const reacting = <A, E>(effect: Effect.Effect<A, E, Projections | EventStore | ProjectionStore>) =>
        beside([], Effect.provide(effect, Layer.provide(Reaction.layer(reaction), limits)))
      const kept = yield* note("a", "one")
      const lost = yield* note("a", "two", "three")
      yield* reacting(caughtUp(lost, "welcome"))
      yield* other.cutLog(kept + 1)
      for (let count = 0; count < 3; count++) yield* note("b", "new")
      yield* reacting(
        Effect.gen(function* () {
          const now = yield* until(({ status }) => status === "ahead", "welcome")
          ok(now.lastError?.error.includes(`position ${lost}`), now.lastError?.error)
          deepStrictEqual(done, ["one", "two", "three"])
          const asked = yield* Projections
          yield* asked.resume("welcome")
          yield* until(({ status }) => status === "running", "welcome")
          yield* note("b", "last")
          yield* Deferred.await(last)
          deepStrictEqual(done, ["one", "two", "three", "last"])
        })
      )
    })
  },
  {
    name: "RD5 positions that leave out any number, up to 2^52, cost by events: first build, rebuild, count and lag",
    run: Effect.gen(function* () {
      const tampering = yield* Tampering
      const store = yield* EventStore
      const positions = [3, 1_000_000_007, 2 ** 40, 2 ** 52 - 5]
      // One event in each stream, so that no other one hangs by its hash.
      for (const [index] of positions.entries()) yield* note(`s${index}`, "far")
      const { events } = yield* store.readAll(0)
      for (const [index, event] of [...events.entries()].reverse()) {
        const position = positions[index] as number
        const hash = EventHash.compute({ ...event, position })
        yield* tampering.edit(event.position, { hash, position })
      }
      const end = positions.at(-1) as number
      yield* running(
        [notes()],
        Effect.gen(function* () {
          yield* caughtUp(end)
          const asked = yield* Projections
          const plan = yield* asked.requestRebuild("notes")
          strictEqual(plan.events, positions.length)
          yield* asked.awaitRebuilt("notes")
          strictEqual(yield* generationOf("notes"), 2)
          const now = yield* status()
          deepStrictEqual([now.status, now.lag.events, now.position], ["running", 0, end])
          deepStrictEqual(Object.keys(yield* model()).length, positions.length)
        }),
        ProjectionConfig.layer({ ...fast, maxBatch: 2 })
      )
    })
  }
]
