/**
 * A rolling deploy as the read side sees it, as numbered cases: processes of two releases on one store, of which the
 * newer one has raised a projection's version. Both hold leases all the while, so neither may wait for the other to
 * leave.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { Context, Duration, Effect, Exit, Layer, Option, Scope } from "effect"
import type { EventStore } from "../../core/EventStore.ts"
import { GenerationStore } from "../../projection/GenerationStore.ts"
import type { Any } from "../../projection/Projection.ts"
import * as ProjectionConfig from "../../projection/ProjectionConfig.ts"
import type { ProjectionStore } from "../../projection/ProjectionStore.ts"
import { Projections } from "../../projection/Projections.ts"
import * as ProjectionsLocal from "../../projection/ProjectionsLocal.ts"
import * as Status from "../../projection/Status.ts"
import type { Case } from "../Conformance.ts"
import { caughtUp, fast, halted, model, note, notes, running, status, until } from "../Notes.ts"
import { counting, query, rebuilt } from "./Counting.ts"
import { poison } from "./Poison.ts"

/** A process of a release, until the scope ends. Its lease outlasts the case, unless it is said otherwise. */
const process = (projections: ReadonlyArray<Any>, lease: Duration.DurationInput = "1 hour") =>
  ProjectionsLocal.layer(projections).pipe(
    Layer.provide(ProjectionConfig.layer({ ...fast, lease: Duration.decode(lease) })),
    Layer.build,
    Effect.map((built) => Context.get(built, Projections))
  )

const rowOf = (name: string) =>
  Effect.map(
    Effect.flatMap(GenerationStore, (store) => store.find(name)),
    Option.getOrThrow
  )

export const RollingDeployConformance: ReadonlyArray<Case<EventStore | ProjectionStore>> = [
  {
    name: "a release that raised a projection's version builds its model beside the one before, which holds its own lease (PR13 RD2)",
    run: Effect.scoped(
      Effect.gen(function* () {
        const first = yield* note("a", "one", "two")
        const older = yield* process([notes()])
        yield* older.awaitPosition("notes", first, "100 seconds")
        deepStrictEqual(yield* model(), { a: "2: one two" })

        const newer = yield* process([notes({ version: 2 })])
        const second = yield* note("a", "three")
        yield* newer.awaitPosition("notes", second, "100 seconds")
        deepStrictEqual(yield* model(), { a: "3: one two three" })
        strictEqual((yield* newer.status("notes")).version, 2)

        // A rebuild is the newer one's, whichever was asked for it.
        yield* older.requestRebuild("notes")
        yield* newer.awaitRebuilt("notes")
        const { live, rebuildRequested } = yield* rowOf("notes")
        deepStrictEqual([live?.version, live?.generation, rebuildRequested], [2, 3, false])
      })
    )
  },
  {
    name: "both releases answer from models of their own while both run; that of the older one goes when its processes have (RD2)",
    run: Effect.scoped(
      Effect.gen(function* () {
        const columns = "more INTEGER, count INTEGER NOT NULL, one TEXT NOT NULL"
        const answer = (sql = "SELECT m.*, c.position FROM model AS m, model_checkpoint AS c ORDER BY m.one") =>
          Effect.map(query(sql), (rows) => rows.map((row) => row.map(String)))
        const first = yield* note("a", "1")
        const scope = yield* Scope.make()
        const older = yield* Scope.extend(process([counting("model")]), scope)
        yield* older.awaitPosition("model", first, "100 seconds")
        const newer = yield* process([counting("model", { version: 2, columns })], "100 millis")
        yield* newer.awaitPosition("model", first, "100 seconds")
        deepStrictEqual(yield* answer(), [["null", "1", "1", `${first}`]])

        // Nothing is doubled and nothing lost in either.
        const second = yield* note("a", "2")
        for (let time = 0; time < 2; time++) {
          yield* newer.awaitPosition("model", second, "100 seconds")
          deepStrictEqual(yield* answer(), [
            ["null", "1", "1", `${second}`],
            ["null", "1", "2", `${second}`]
          ])
          strictEqual(yield* older.awaitPosition("model", second, "100 seconds"), second)
          deepStrictEqual(yield* answer(), [
            ["1", "1", `${second}`],
            ["2", "1", `${second}`]
          ])
        }
        const own =
          "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2) SELECT count(one) FROM model, n"
        deepStrictEqual(yield* answer(own), [["4"]])
        const now = yield* older.status("model")
        deepStrictEqual([now.version, now.status, now.lag.events, now.lastError], [1, "running", 0, null])
        deepStrictEqual((yield* rowOf("model")).formers.length, 1)

        yield* Scope.close(scope, Exit.void)
        const formers = Effect.map(rowOf("model"), (row) => row.formers.length)
        yield* Effect.repeat(Effect.zipLeft(formers, Effect.sleep("2 millis")), { until: (count) => count === 0 })
        // One that comes late finds none, and asks the newer one.
        const late = yield* process([counting("model")])
        // It may not have looked before its time is over.
        yield* Effect.repeat(Effect.flip(late.awaitPosition("model", first, "20 millis")), {
          until: (behind) => behind._tag === "ViewBehind" && behind.message.includes("newer release")
        })
        // The lease of the newer one is short, and on a busy machine over for a moment now and then.
        const told = yield* Effect.repeat(Effect.delay(late.status("model"), "2 millis"), {
          until: (now) => Status.stuckOf(now) === 0
        })
        deepStrictEqual([told.status, told.lastError?.step], ["halted", "newer"])
      })
    )
  },
  {
    name: "a release that is rolled back says so, and a rebuild asked of it builds its own model (RD2)",
    run: Effect.gen(function* () {
      const end = yield* note("a", "one", "two")
      yield* running([notes({ version: 2 })], caughtUp(end))
      // It had begun a third one.
      yield* Effect.flatMap(GenerationStore, (store) => store.beginShadow(notes({ version: 3 })))
      yield* running(
        [notes()],
        Effect.gen(function* () {
          const now = yield* until(({ version }) => version === 2)
          deepStrictEqual([now.status, now.lastError?.step, Status.stuckOf(now)], ["halted", "newer", 1])
          ok(now.lastError?.error.includes("daybook rebuild notes"), now.lastError?.error)
          yield* rebuilt("notes")
          const later = yield* note("a", "three")
          yield* caughtUp(later)
          deepStrictEqual(yield* model(), { a: "3: one two three" })
          const after = yield* status()
          deepStrictEqual([after.version, after.status, after.lastError], [1, "running", null])
        })
      )
      const { formers, live, shadow } = yield* rowOf("notes")
      deepStrictEqual([live?.version, shadow, formers], [1, null, []])
      // And forward again.
      const last = yield* note("a", "four")
      yield* running([notes({ version: 2 })], caughtUp(last))
      deepStrictEqual(yield* model(), { a: "4: one two three four" })
    })
  },
  {
    name: "a release that is rolled back leaves the newer one's failure as it is, so that an operator sees why nothing goes on (RD2)",
    run: Effect.gen(function* () {
      const end = yield* note("a", "one", "bad")
      yield* running([notes({ ...poison("bad"), version: 2 })], until(halted))
      const back = yield* running(
        [notes(), notes({ name: "other" })],
        // Both have begun by then.
        Effect.zipRight(caughtUp(end, "other"), status())
      )
      deepStrictEqual([back.status, back.lastError?.version], ["halted", 2])
    })
  }
]
