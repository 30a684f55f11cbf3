/**
 * A rolling deploy as the read side sees it, as numbered cases: processes of two releases on one store, of which the newer one has
 * raised a projection's version. Both hold leases all the while, so neither may wait for the other to leave.
 */
import { deepStrictEqual, strictEqual } from "node:assert"
import { Context, Duration, Effect, Layer, Option } from "effect"
import type { EventStore } from "../../core/EventStore.ts"
import { GenerationStore } from "../../projection/GenerationStore.ts"
import * as ProjectionConfig from "../../projection/ProjectionConfig.ts"
import type { ProjectionStore } from "../../projection/ProjectionStore.ts"
import { Projections } from "../../projection/Projections.ts"
import * as ProjectionsLocal from "../../projection/ProjectionsLocal.ts"
import type { Case } from "../Conformance.ts"
import { caughtUp, fast, halted, model, note, notes, running, status, until } from "../Notes.ts"
import { poison } from "./Poison.ts"

/** A process of the release whose projection has this version, until the scope ends. Its lease outlasts the case. */
const process = (version: number) =>
  ProjectionsLocal.layer([notes({ version })]).pipe(
    Layer.provide(ProjectionConfig.layer({ ...fast, lease: Duration.hours(1) })),
    Layer.build,
    Effect.map((built) => Context.get(built, Projections))
  )

export const RollingDeployConformance: ReadonlyArray<Case<EventStore | ProjectionStore>> = [
  {
    name: "a release that raised a projection's version builds its model beside the one before, which holds its own lease (PR13 RD2)",
    run: Effect.gen(function* () {
      yield* Effect.scoped(
        Effect.gen(function* () {
          const first = yield* note("a", "one", "two")
          const older = yield* process(1)
          yield* older.awaitPosition("notes", first, "100 seconds")
          deepStrictEqual(yield* model(), { a: "2: one two" })

          const newer = yield* process(2)
          const second = yield* note("a", "three")
          yield* newer.awaitPosition("notes", second, "100 seconds")
          deepStrictEqual(yield* model(), { a: "3: one two three" })
          strictEqual((yield* newer.status("notes")).version, 2)
        })
      )
      // A rebuild is the newer one's, whoever was asked for it: the older one would put its own model in its place.
      yield* running(
        [notes(), notes({ name: "other" })],
        Effect.gen(function* () {
          yield* Effect.flatMap(Projections, (asked) => asked.requestRebuild("notes"))
          // Each commit wakes both.
          for (const text of ["four", "five", "six"]) yield* caughtUp(yield* note("b", text), "other")
        })
      )
      const row = Option.getOrThrow(yield* Effect.flatMap(GenerationStore, (store) => store.find("notes")))
      deepStrictEqual([row.live?.version, row.shadow, row.rebuildRequested], [2, null, true])
      const end = yield* note("c", "seven")
      yield* running([notes({ version: 2 })], caughtUp(end))
      deepStrictEqual(yield* model(), { a: "3: one two three", b: "3: four five six", c: "1: seven" })
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
