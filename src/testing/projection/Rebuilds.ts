/** A rebuild fills a copy while the old model serves, is swapped in whole, and goes on or begins again after a stop. */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { Deferred, Duration, Effect, Fiber } from "effect"
import { CheckpointStore } from "../../projection/CheckpointStore.ts"
import { GenerationStore } from "../../projection/GenerationStore.ts"
import * as ProjectionConfig from "../../projection/ProjectionConfig.ts"
import { Projections } from "../../projection/Projections.ts"
import { ReadModels } from "../../projection/ReadModels.ts"
import {
  beside,
  caughtUp,
  fast,
  model,
  note,
  notes,
  patient,
  running,
  service,
  status,
  tablesOfNotes,
  until
} from "../Notes.ts"
import { poison } from "./Poison.ts"
import type { ProjectionCase } from "./ProjectionCase.ts"

export const Rebuilds: ReadonlyArray<ProjectionCase> = [
  {
    name: "a rebuild from 0 gives the same rows, and removes the old ones (PR8)",
    run: Effect.gen(function* () {
      for (let number = 0; number < 40; number++) yield* note(`s-${number % 7}`, `n${number}`)
      const end = yield* note("a", "end")
      const projections = [notes()]
      yield* running(
        projections,
        Effect.gen(function* () {
          yield* caughtUp(end)
          const asked = yield* Projections
          const models = yield* ReadModels
          // With the type of each value, as the driver tells it.
          const rows = models.query("SELECT * FROM notes ORDER BY stream_id", [])
          const before = yield* rows
          // Something wrote into the model from outside: the rebuild undoes it.
          const [live] = yield* models.query("SELECT generation FROM projection_models WHERE live = 1", [])
          strictEqual(live?.[0], 1)
          yield* asked.requestRebuild("notes")
          yield* asked.awaitRebuilt("notes")
          deepStrictEqual(yield* rows, before)
          const tables = yield* tablesOfNotes
          deepStrictEqual(tables, [["notes_v1_g2"]])
        })
      )
    })
  },
  {
    name: "a dry run says what it would do, and does nothing (PR8)",
    run: Effect.gen(function* () {
      const end = yield* note("a", "one", "two")
      yield* running(
        [notes()],
        Effect.gen(function* () {
          yield* caughtUp(end)
          const asked = yield* Projections
          const plan = yield* asked.requestRebuild("notes", { dryRun: true })
          strictEqual(plan.events, end)
          ok(plan.estimatedSeconds !== null && plan.dryRun && !plan.alreadyRequested)
          const { rebuild, status: now } = yield* status()
          deepStrictEqual([rebuild, now], [null, "running"])
        })
      )
    })
  },
  {
    name: "while a rebuild runs the old model serves and keeps up, and no reader sees a half model (PR8)",
    run: Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      let generation = 1
      const projection = notes()
      const gated: typeof projection = {
        ...projection,
        apply: (batch, tables) =>
          Effect.gen(function* () {
            generation = Math.max(generation, Number(/\d+$/.exec(tables.notes ?? "")?.[0]))
            // The shadow cannot finish before the gate opens.
            if (generation > 1 && (tables.notes ?? "").endsWith("g2") && !(yield* Deferred.isDone(gate))) {
              return yield* Effect.fail(new Error("not yet"))
            }
            yield* projection.apply(batch, tables)
          })
      }
      const texts = Array.from({ length: 30 }, (_, number) => `n${number}`)
      const first = yield* note("a", ...texts)
      yield* running(
        [gated],
        Effect.gen(function* () {
          const asked = yield* Projections
          yield* caughtUp(first)
          yield* asked.requestRebuild("notes")
          yield* until(({ rebuild }) => rebuild !== null)
          const second = yield* note("a", "while")
          yield* caughtUp(second)
          deepStrictEqual(yield* model(), { a: `31: ${[...texts, "while"].join(" ")}` })
          yield* Deferred.succeed(gate, undefined)
          const rebuilt = yield* Effect.fork(asked.awaitRebuilt("notes"))
          for (let length = 31; (yield* Fiber.poll(rebuilt))._tag === "None"; ) {
            const count = Number.parseInt((yield* model()).a ?? "", 10)
            ok(count >= length, `${count} after ${length}`)
            length = count
            yield* note("a", "more")
            yield* Effect.sleep("1 millis")
          }
          yield* Fiber.join(rebuilt)
          const end = yield* note("a", "end")
          yield* caughtUp(end)
          strictEqual(Number.parseInt((yield* model()).a ?? "", 10), end)
        }),
        patient
      )
    })
  },
  {
    name: "a rebuild that was cut off goes on where it was, and one of an older version is started again (PR8)",
    run: Effect.gen(function* () {
      const checkpoints = yield* CheckpointStore
      const generations = yield* GenerationStore
      const end = yield* note("a", "one", "two", "three")
      yield* running([notes()], caughtUp(end))
      yield* generations.requestRebuild("notes")
      const cut = yield* generations.beginShadow(notes())
      yield* checkpoints.advance(cut, { to: 1, events: 1, rate: 0 }, Effect.void)
      // It was cut off with the first event in its checkpoint but, for this case, not in its rows: they show that it
      // went on.
      yield* running(
        [notes()],
        Effect.flatMap(service, (asked) => asked.awaitRebuilt("notes"))
      )
      deepStrictEqual(yield* model(), { a: "2: two three" })

      const old = yield* generations.beginShadow(notes())
      yield* checkpoints.advance(old, { to: 1, events: 1, rate: 0 }, Effect.void)
      yield* running([notes({ version: 2 })], caughtUp(end))
      deepStrictEqual(yield* model(), { a: "3: one two three" })
      const tables = yield* tablesOfNotes
      deepStrictEqual(tables, [[`notes_v2_g${old.generation + 1}`]])
    })
  },
  {
    name: "a rebuild that did not pass each event once is not let serve (PR8)",
    run: Effect.gen(function* () {
      const checkpoints = yield* CheckpointStore
      const generations = yield* GenerationStore
      const end = yield* note("a", "one", "two", "three")
      yield* generations.register("notes", "projection")
      const cut = yield* generations.beginShadow(notes())
      yield* checkpoints.advance(cut, { to: 2, events: 1, rate: 0 }, Effect.void)
      yield* running([notes()], caughtUp(end))
      deepStrictEqual(yield* model(), { a: "3: one two three" })
    })
  },
  {
    name: "a rebuild that is never right waits longer each time before it starts again (PR8)",
    run: Effect.gen(function* () {
      const generations = yield* GenerationStore
      let begun = 0
      const wrong = GenerationStore.of({
        ...generations,
        countEvents: (_, to) => Effect.succeed({ events: 0, to }),
        beginShadow: (projection) =>
          Effect.suspend(() => {
            if (projection.name === "notes") begun++
            return generations.beginShadow(projection)
          }),
        dropShadow: (shadow) => Effect.zipRight(generations.dropShadow(shadow), Deferred.succeed(dropped, undefined))
      })
      const dropped = yield* Deferred.make<void>()
      yield* note("a", "one")
      const hour = Duration.hours(1)
      yield* running(
        [notes()],
        Effect.gen(function* () {
          yield* Deferred.await(dropped)
          const end = yield* note("b", "two")
          // Another runner, which each commit wakes too, has been at work meanwhile.
          yield* Effect.provideService(
            running([notes({ name: "other" })], caughtUp(end, "other")),
            GenerationStore,
            generations
          )
        }),
        ProjectionConfig.layer({ ...fast, minBackoff: hour, maxBackoff: hour })
      ).pipe(Effect.provideService(GenerationStore, wrong))
      strictEqual(begun, 1)
    })
  },
  {
    name: "a rebuild that halted is tried again when it is asked for again, also where nothing ran meanwhile (PR8)",
    run: Effect.gen(function* () {
      let isBroken = false
      const projections = [notes(poison("bad", () => isBroken))]
      const end = yield* note("a", "good", "bad")
      const rebuilt = Effect.flatMap(service, (asked) => asked.awaitRebuilt("notes"))
      yield* running(
        projections,
        Effect.gen(function* () {
          const asked = yield* Projections
          yield* caughtUp(end)
          isBroken = true
          yield* asked.requestRebuild("notes")
          strictEqual((yield* Effect.flip(rebuilt))._tag, "RebuildHalted")
        })
      )
      isBroken = false
      yield* beside(
        projections,
        Effect.gen(function* () {
          const asked = yield* Projections
          strictEqual((yield* Effect.flip(rebuilt))._tag, "RebuildHalted")
          yield* asked.requestRebuild("notes")
          yield* running(projections, rebuilt)
        })
      )
      deepStrictEqual(yield* model(), { a: "2: good bad" })
    })
  },
  {
    name: "a projection whose version rose rebuilds itself; until then queries are behind and the old rows stay (PR8)",
    run: Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const end = yield* note("a", "one", "two")
      yield* running([notes()], caughtUp(end))
      const next = notes({
        version: 2,
        before: () =>
          Effect.flatMap(Deferred.isDone(gate), (open) => (open ? Effect.void : Effect.fail(new Error("not yet"))))
      })
      yield* running(
        [next],
        Effect.gen(function* () {
          const asked = yield* Projections
          yield* until(({ lastError }) => lastError !== null)
          const behind = yield* Effect.flip(asked.awaitPosition("notes", 0, "1 millis"))
          ok(behind._tag === "ViewBehind" && behind.position === null)
          deepStrictEqual(yield* model(), { a: "2: one two" })
          yield* Deferred.succeed(gate, undefined)
          yield* caughtUp(end)
          strictEqual((yield* status()).version, 2)
        }),
        patient
      )
      // An older release leaves the newer model alone, and one that is being built.
      const generations = yield* GenerationStore
      const begun = yield* generations.beginShadow(notes({ version: 3 }))
      const older = yield* running([notes()], status())
      deepStrictEqual([older.status, older.version], ["halted", 2])
      yield* running(
        [notes(), notes({ name: "other" })],
        // Each commit wakes both.
        Effect.forEach(["three", "four", "five"], (text) =>
          Effect.flatMap(note("a", text), (position) => caughtUp(position, "other"))
        )
      )
      const row = (yield* generations.list).find(({ name }) => name === "notes")
      deepStrictEqual([row?.shadow?.version, row?.shadow?.generation], [3, begun.generation])
    })
  }
]
