/** What a projection does that fails: nothing is half done, it halts or goes on, and an operator can skip and retry. */
import { deepStrictEqual, strictEqual } from "node:assert"
import { SqlClient } from "@effect/sql/SqlClient"
import { Clock, Duration, Effect, Layer } from "effect"
import { CheckpointStore } from "../../projection/CheckpointStore.ts"
import * as ProjectionConfig from "../../projection/ProjectionConfig.ts"
import { Projections } from "../../projection/Projections.ts"
import * as ProjectionsLocal from "../../projection/ProjectionsLocal.ts"
import { beside, caughtUp, type Faults, fast, halted, model, note, notes, running, service, until } from "../Notes.ts"
import { poison } from "./Poison.ts"
import type { ProjectionCase } from "./ProjectionCase.ts"

const sixNotes = Effect.forEach(["e1", "e2", "e3", "e4", "e5", "e6"], (text) => note("a", text))

const failing = (name: string, fault: (isBroken: () => boolean) => Faults): ProjectionCase => ({
  name,
  run: Effect.gen(function* () {
    let isBroken = true
    const projections = [notes(fault(() => isBroken))]
    const positions = yield* sixNotes
    yield* running(
      projections,
      Effect.gen(function* () {
        const now = yield* until((now) => now.rebuild?.position === positions[2] && halted(now))
        strictEqual(now.lastError?.position, positions[3])
        strictEqual(now.lastError?.attempts, 3)
      })
    )
    isBroken = false
    yield* running(projections, caughtUp(positions[5] ?? 0))
    deepStrictEqual(yield* model(), { a: "6: e1 e2 e3 e4 e5 e6" })
  })
})

export const Failures: ReadonlyArray<ProjectionCase> = [
  failing(
    "a handler that fails on event 4 leaves e1 to e3 and their checkpoint; a restart counts each once (PR1)",
    (isBroken) => poison("e4", isBroken)
  ),
  failing("so does bad SQL in a handler (PR2)", (isBroken) => ({
    before: (batch) =>
      isBroken() && batch.some(({ event }) => event.text === "e4")
        ? Effect.flatMap(SqlClient, (sql) => sql.unsafe("INSERT INTO nowhere VALUES (1)"))
        : Effect.void
  })),
  {
    name: "a poison event halts its projection after its attempts, and no other; a retry and a restart are the way on (PR6)",
    run: Effect.gen(function* () {
      let isBroken = true
      let attempts = 0
      const isPoison = () => {
        attempts++
        return isBroken
      }
      const projections = [notes(poison("bad", isPoison)), notes({ name: "other" })]
      yield* note("a", "good", "bad", "later")
      let position = yield* note("b", "good")
      yield* running(
        projections,
        Effect.gen(function* () {
          const projections = yield* Projections
          yield* caughtUp(position, "other")
          const now = yield* until(halted)
          // Commits wake it, and it stays halted.
          const before = attempts
          for (let count = 0; count < 5; count++) {
            position = yield* note("b", "more")
            yield* caughtUp(position, "other")
          }
          strictEqual(attempts, before)
          deepStrictEqual([now.lastError?.streamId, now.lastError?.version, now.lastError?.attempts], ["a", 2, 3])
          strictEqual((yield* Effect.flip(projections.retry("notes", "b")))._tag, "NothingFailed")
          strictEqual((yield* Effect.flip(projections.retry("nope", "a")))._tag, "UnknownProjection")
          isBroken = false
          yield* projections.retry("notes", "a")
          yield* caughtUp(position)
        })
      )
      deepStrictEqual(yield* model(), { a: "3: good bad later", b: "6: good more more more more more" })
      deepStrictEqual(yield* model("other"), yield* model())
    })
  },
  {
    name: "an operator's skip passes over the event, also from beside, in a rebuild and after a restart (PR6)",
    run: Effect.gen(function* () {
      const projections = [notes(poison("bad"))]
      const position = yield* note("a", "good", "bad", "later")
      yield* running(projections, until(halted))
      yield* beside(
        projections,
        Effect.flatMap(service, (asked) => asked.skip("notes", "a"))
      )
      yield* running(projections, caughtUp(position))
      deepStrictEqual(yield* model(), { a: "2: good later" })
      yield* running(
        projections,
        Effect.flatMap(service, (asked) => Effect.zipRight(asked.requestRebuild("notes"), asked.awaitRebuilt("notes")))
      )
      deepStrictEqual(yield* model(), { a: "2: good later" })
    })
  },
  {
    name: "a skip that comes while the event is tried is done, whether the stream is parked or the projection halts (PR6)",
    run: Effect.forEach(["park", "halt"] as const, (name) =>
      Effect.gen(function* () {
        const checkpoints = yield* CheckpointStore
        let isAsked = false
        /** An operator's skip, between the last attempt and the note that it failed. */
        const skipFirst = Effect.suspend(() => {
          if (isAsked) return Effect.void
          isAsked = true
          return Effect.asVoid(checkpoints.release(name, name, "skip"))
        })
        const late = CheckpointStore.of({
          ...checkpoints,
          noteFailure: (at, failure) =>
            Effect.zipRight(
              Effect.when(skipFirst, () => failure?.halted === true),
              checkpoints.noteFailure(at, failure)
            ),
          unpark: (at, letter, rest, change) =>
            Effect.zipRight(
              Effect.when(skipFirst, () => rest?.retry === false),
              checkpoints.unpark(at, letter, rest, change)
            )
        })
        const end = yield* note(name, "good", `bad ${name}`, "later")
        yield* running(
          [notes({ ...poison(`bad ${name}`), name, onFailure: name })],
          Effect.gen(function* () {
            yield* caughtUp(end, name)
            if (name === "park") yield* Effect.flatMap(service, (asked) => asked.retry(name, name))
            yield* until(({ deadLetters }) => isAsked && deadLetters.length === 0, name)
          })
        ).pipe(Effect.provideService(CheckpointStore, late))
        strictEqual((yield* model(name))[name], "2: good later")
      })
    )
  },
  {
    name: "a clock on the wall that is set back by an hour holds up no retry (PR7)",
    run: Effect.gen(function* () {
      const inner = Clock.make()
      let offset = 0
      const unsafeCurrentTimeMillis = () => inner.unsafeCurrentTimeMillis() + offset
      const currentTimeMillis = Effect.sync(unsafeCurrentTimeMillis)
      const wall: Clock.Clock = Object.assign(Object.create(inner), { unsafeCurrentTimeMillis, currentTimeMillis })
      let isBroken = true
      const backoff = Duration.millis(300)
      const config = { ...fast, minBackoff: backoff, maxBackoff: backoff, maxAttempts: Number.MAX_SAFE_INTEGER }
      const end = yield* note("a", "bad")
      const program = Effect.gen(function* () {
        yield* until(({ lastError }) => (lastError?.attempts ?? 0) > 0)
        offset = -3_600_000
        isBroken = false
        yield* caughtUp(end)
      })
      const projections = [notes(poison("bad", () => isBroken))]
      yield* Effect.withClock(running(projections, program, ProjectionConfig.layer(config)), wall)
      deepStrictEqual(yield* model(), { a: "1: bad" })
    })
  },
  {
    // There are no hooks for start and stop: what a projection needs it takes from its layer's scope.
    name: "a defect is tried again with a delay; stopping works while it is (PR7)",
    run: Effect.gen(function* () {
      let attempts = 0
      const dying = notes({
        before: () => Effect.suspend(() => (++attempts < 3 ? Effect.die(new Error("defect")) : Effect.void))
      })
      const position = yield* note("a", "one")
      yield* running([dying], caughtUp(position))
      strictEqual(attempts, 3)

      const retrying = ProjectionsLocal.layer([notes({ ...poison("one"), name: "stuck" })]).pipe(
        Layer.provide(ProjectionConfig.layer({ minBackoff: Duration.hours(1), maxBackoff: Duration.hours(1) }))
      )
      yield* Effect.provide(
        until((now) => now.status === "backing off", "stuck"),
        retrying
      )
    })
  }
]
