/**
 * What operators may have models and reactions do, in every order and by two at once (RD7): each is listed, exact, and
 * an entry of the journal. For any store; a store author runs each case with fresh, empty stores.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { Deferred, Effect, Either, Exit, Layer, Scope } from "effect"
import type { EventStore } from "../../core/EventStore.ts"
import * as Operation from "../../core/Operation.ts"
import type { Recorded } from "../../core/Recorded.ts"
import { CheckpointStore } from "../../projection/CheckpointStore.ts"
import { ExclusionStore } from "../../projection/ExclusionStore.ts"
import type { ProjectionStore } from "../../projection/ProjectionStore.ts"
import { Projections } from "../../projection/Projections.ts"
import * as ProjectionsLocal from "../../projection/ProjectionsLocal.ts"
import * as Reaction from "../../projection/Reaction.ts"
import type { Case } from "../Conformance.ts"
import {
  beside,
  caughtUp,
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

type OperatorCase = Case<EventStore | ProjectionStore>

const anna = { principal: "anna", reason: "the row was imported twice" }
const bert = { principal: "bert", reason: null }

const failsOn = (text: string, isBroken: () => boolean = () => true) => ({
  before: (batch: ReadonlyArray<Recorded<Noted>>) =>
    batch.some(({ event }) => event.text === text) && isBroken() ? Effect.fail(new Error("cannot")) : Effect.void
})

/** What the journal says was done, without what is the case's own affair. */
const done = Effect.map(Operation.page(0, 1_000), ({ operations }) =>
  operations.flatMap(({ name, principal }) => (name === "reactions.register" ? [] : [[name, principal]]))
)

/** A reaction that fails on some texts while that is so, and what it did. */
const sending = (isBroken: (text: string) => boolean, abandon?: Reaction.Abandon<Noted, never>) => {
  const sent: Array<string> = []
  const reaction = Reaction.make({
    name: "forward",
    startFrom: "beginning",
    events: [Noted],
    react: ({ event, stored }) =>
      Effect.suspend(() => {
        if (isBroken(event.text)) return Effect.fail(new Error("cannot"))
        sent.push(`${stored.streamId} ${event.text}`)
        return Effect.void
      }),
    ...(abandon && { abandon })
  })
  return { reaction, sent }
}

/** Runs it, and asks beside it. */
const reacting = <A, E, R>(reaction: Reaction.Reaction<Noted, never>, program: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    yield* Layer.buildWithScope(Layer.provide(Reaction.layer(reaction), limits), scope)
    const asked = Layer.provide(ProjectionsLocal.layerObserver([], [reaction]), limits)
    return yield* Effect.ensuring(Effect.provide(program, asked), Scope.close(scope, Exit.void))
  })

const stuck = until(({ deadLetters }) => deadLetters.length > 0, "forward")
const free = until(({ deadLetters }) => deadLetters.length === 0, "forward")

export const Operators: ReadonlyArray<OperatorCase> = [
  {
    name: "a skip is listed with who, when and why; undone, the model is rebuilt with the event, and is what it was until then (RD7)",
    run: Effect.gen(function* () {
      let isBroken = true
      const projections = [notes(failsOn("bad", () => isBroken))]
      const end = yield* note("a", "good", "bad", "later")
      yield* running(
        projections,
        Effect.gen(function* () {
          const asked = yield* service
          yield* until(halted)
          yield* asked.skip("notes", "a", anna)
          yield* caughtUp(end)
          const [skip, ...others] = (yield* status()).skipped
          ok(skip?.skippedAt != null && others.length === 0)
          deepStrictEqual(
            { ...skip, skippedAt: 0 },
            {
              ...anna,
              position: 2,
              streamId: "a",
              version: 2,
              type: "Noted",
              skippedAt: 0,
              lifted: false
            }
          )
          deepStrictEqual(yield* model(), { a: "2: good later" })
          isBroken = false
          yield* asked.pause("notes")
          yield* asked.unskip("notes", "a", bert)
          const [lifted] = (yield* status()).skipped
          strictEqual(lifted?.lifted, true)
          deepStrictEqual(yield* model(), { a: "2: good later" })
          strictEqual((yield* Effect.flip(asked.unskip("notes", "a")))._tag, "NothingSkipped")
          yield* asked.resume("notes")
          yield* asked.awaitRebuilt("notes")
          deepStrictEqual((yield* status()).skipped, [])
        })
      )
      deepStrictEqual(yield* model(), { a: "3: good bad later" })
      deepStrictEqual(yield* done, [
        ["projections.skip", "anna"],
        ["projections.pause", null],
        ["projections.unskip", "bert"],
        ["projections.resume", null]
      ])
    })
  },
  {
    name: "a skip that no model has come to is undone without a rebuild, and the event is tried again (RD7)",
    run: Effect.gen(function* () {
      let isBroken = true
      const projections = [notes(failsOn("bad", () => isBroken))]
      const end = yield* note("a", "good", "bad")
      yield* running(projections, until(halted))
      yield* beside(
        projections,
        Effect.gen(function* () {
          const asked = yield* service
          yield* asked.skip("notes", "a")
          const { detail } = yield* asked.unskip("notes", "a")
          deepStrictEqual(detail, {
            projection: "notes",
            streamId: "a",
            events: [{ position: 2, version: 2 }],
            rebuilds: false
          })
        })
      )
      isBroken = false
      yield* running(projections, caughtUp(end))
      deepStrictEqual(yield* model(), { a: "2: good bad" })
      deepStrictEqual((yield* beside(projections, status())).skipped, [])
    })
  },
  {
    name: "a skip that is undone while the runner is about to pass the event holds no more (RD7)",
    run: Effect.forEach(["halt", "park"] as const, (name) =>
      Effect.gen(function* () {
        const checkpoints = yield* CheckpointStore
        const exclusions = yield* ExclusionStore
        const arrived = yield* Deferred.make<void>()
        let isBroken = true
        let isAsked = false
        /** The operator comes between the runner's look at the skips and its move. */
        const undo = Effect.suspend(() => {
          if (isAsked) return Effect.void
          isAsked = true
          isBroken = false
          return Effect.asVoid(Effect.zipRight(exclusions.unskip(name, name), Deferred.succeed(arrived, undefined)))
        })
        const late = CheckpointStore.of({
          ...checkpoints,
          advance: (from, move, change) =>
            Effect.zipRight(
              Effect.when(undo, () => (move.skipped?.length ?? 0) > 0),
              checkpoints.advance(from, move, change)
            ),
          unpark: (at, letter, rest, change, taken) =>
            Effect.zipRight(
              Effect.when(undo, () => taken?.skipped === true),
              checkpoints.unpark(at, letter, rest, change, taken)
            )
        })
        const projections = [notes({ ...failsOn(`bad ${name}`, () => isBroken), name, onFailure: name })]
        const end = yield* note(name, "good", `bad ${name}`, "later")
        yield* running(
          projections,
          Effect.gen(function* () {
            const asked = yield* service
            yield* until((now) => halted(now) || now.deadLetters.length > 0, name)
            yield* asked.skip(name, name)
            yield* Deferred.await(arrived)
            yield* caughtUp(end, name)
            yield* until((now) => now.deadLetters.length === 0, name)
          })
        ).pipe(Effect.provideService(CheckpointStore, late))
        strictEqual((yield* model(name))[name], `3: good bad ${name} later`)
      })
    )
  },
  {
    name: "a skip that comes just before the event is taken after all is honoured: model and list agree (RD7)",
    run: Effect.gen(function* () {
      const checkpoints = yield* CheckpointStore
      let failures = 0
      let isAsked = false
      const late = CheckpointStore.of({
        ...checkpoints,
        advance: (from, move, change) =>
          Effect.zipRight(
            Effect.suspend(() => {
              if (isAsked || failures < 2 || move.to !== 2) return Effect.void
              isAsked = true
              return Effect.asVoid(checkpoints.release("notes", "a", "skip"))
            }),
            checkpoints.advance(from, move, change)
          )
      })
      // In its batch, and then alone; the next attempt would succeed.
      const projections = [notes(failsOn("bad", () => ++failures <= 2))]
      yield* note("a", "good", "bad")
      yield* running(
        projections,
        Effect.gen(function* () {
          yield* caughtUp(2)
          deepStrictEqual([isAsked, (yield* status()).skipped.length], [true, 1])
        })
      ).pipe(Effect.provideService(CheckpointStore, late))
      deepStrictEqual(yield* model(), { a: "1: good" })
    })
  },
  {
    name: "what is asked of the wrong kind, or of nothing, is refused and leaves no entry; under one key it is done once (RD7)",
    run: Effect.gen(function* () {
      const { reaction } = sending((text) => text === "bad")
      yield* note("a", "bad")
      yield* reacting(
        reaction,
        Effect.gen(function* () {
          const asked = yield* Projections
          yield* stuck
          const refused: ReadonlyArray<Effect.Effect<unknown, { readonly _tag: string }>> = [
            asked.skip("forward", "a"),
            asked.unskip("forward", "a"),
            asked.abandon("forward", "b"),
            asked.takeUp("forward", "a"),
            asked.retry("nope", "a"),
            asked.pause("nope")
          ]
          const tags = (yield* Effect.all(refused.map((verb) => Effect.flip(verb)))).map(({ _tag }) => _tag)
          deepStrictEqual(tags, [
            "WrongKind",
            "WrongKind",
            "NothingFailed",
            "NothingAbandoned",
            "UnknownProjection",
            "UnknownProjection"
          ])
          deepStrictEqual(yield* done, [])
          const by = { ...anna, key: "k-1" }
          const both = yield* Effect.all([asked.abandon("forward", "a", by), asked.abandon("forward", "a", by)], {
            concurrency: 2
          })
          deepStrictEqual(both.map(({ replayed }) => replayed).sort(), [false, true])
          deepStrictEqual(yield* done, [["reactions.abandon", "anna"]])
        })
      )
    })
  },
  {
    name: "of two operators who abandon, and of two who take up, one does it and the other is told (RD7)",
    run: Effect.gen(function* () {
      let isBroken = true
      const { reaction, sent } = sending((text) => isBroken && text === "bad")
      yield* note("a", "bad", "later")
      const end = yield* note("b", "fine")
      yield* reacting(
        reaction,
        Effect.gen(function* () {
          const asked = yield* Projections
          const twice = <A, E>(verb: (by: Operation.By) => Effect.Effect<A, E>) =>
            Effect.map(Effect.all([Effect.either(verb(anna)), Effect.either(verb(bert))], { concurrency: 2 }), (both) =>
              both.map((each) => (Either.isRight(each) ? "done" : (each.left as { readonly _tag: string })._tag)).sort()
            )
          yield* stuck
          const planned = yield* asked.abandoning("forward", "a")
          strictEqual(planned.undone, "whatever forward has not done for this event stays undone")
          deepStrictEqual(yield* twice((by) => asked.abandon("forward", "a", by)), ["NothingFailed", "done"])
          yield* free
          yield* asked.awaitPosition("forward", end, "60 seconds")
          const [given, ...others] = (yield* status("forward")).abandoned
          ok(given?.abandonedAt != null && others.length === 0)
          deepStrictEqual([given.streamId, given.version, given.ended, given.undone], ["a", 1, true, planned.undone])
          deepStrictEqual(sent.toSorted(), ["a later", "b fine"])
          isBroken = false
          deepStrictEqual(yield* twice((by) => asked.takeUp("forward", "a", by)), ["NothingAbandoned", "done"])
          yield* until((now) => now.deadLetters.length === 0 && sent.includes("a bad"), "forward")
          deepStrictEqual((yield* status("forward")).abandoned, [])
        })
      )
      const names = (yield* done).map(([name]) => name)
      deepStrictEqual(names, ["reactions.abandon", "reactions.take-up"])
    })
  },
  {
    name: "what is done instead is tried until it succeeds; taken up before that, the event is reacted to after all (RD7)",
    run: Effect.gen(function* () {
      let isBroken = true
      let tries = 0
      let isRefusing = true
      const { reaction, sent } = sending((text) => isBroken && text.startsWith("bad"), {
        says: ({ event }) => `${event.text} is given back`,
        react: ({ event }) =>
          Effect.suspend(() => {
            tries++
            return isRefusing ? Effect.fail(new Error("not now")) : Effect.succeed(`tell anna of ${event.text}`)
          })
      })
      yield* note("a", "bad one")
      yield* note("b", "bad two")
      yield* reacting(
        reaction,
        Effect.gen(function* () {
          const asked = yield* Projections
          yield* until(({ deadLetters }) => deadLetters.length === 2, "forward")
          strictEqual((yield* asked.abandoning("forward", "a")).undone, "bad one is given back")
          yield* asked.abandon("forward", "a", anna)
          yield* asked.abandon("forward", "b", anna)
          yield* until(() => tries >= 4, "forward")
          const before = (yield* status("forward")).abandoned
          deepStrictEqual(
            before.map(({ ended, undone }) => [ended, undone]),
            [
              [false, "bad one is given back"],
              [false, "bad two is given back"]
            ]
          )
          // The one is taken up in time, the other is not.
          yield* asked.takeUp("forward", "a", bert)
          isRefusing = false
          yield* until(({ abandoned }) => abandoned.length === 1 && abandoned[0]?.ended === true, "forward")
          deepStrictEqual((yield* status("forward")).abandoned[0]?.undone, "tell anna of bad two")
          isBroken = false
          yield* free
          deepStrictEqual(sent, ["a bad one"])
        })
      )
    })
  },
  {
    name: "what was abandoned and what was skipped holds over a restart (RD7)",
    run: Effect.gen(function* () {
      const first = sending((text) => text === "bad")
      yield* note("a", "bad", "later")
      yield* reacting(
        first.reaction,
        Effect.gen(function* () {
          yield* stuck
          yield* (yield* Projections).abandon("forward", "a")
        })
      )
      const second = sending((text) => text === "bad")
      yield* reacting(second.reaction, free)
      const third = sending(() => false)
      const end = yield* note("b", "fine")
      yield* reacting(
        third.reaction,
        Effect.gen(function* () {
          yield* (yield* Projections).awaitPosition("forward", end, "60 seconds")
          strictEqual((yield* status("forward")).abandoned.length, 1)
        })
      )
      deepStrictEqual(
        third.sent.filter((text) => text.endsWith("bad")),
        []
      )
      ok([...first.sent, ...second.sent, ...third.sent].includes("a later"))
    })
  }
]
