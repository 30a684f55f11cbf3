/**
 * How a reaction does again what it did when a release raises its version: what exactly, under which ids, and what is never done again
 * (PM3, PM4). For any store; a store author runs each case with fresh, empty stores.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { Effect, Either, Option } from "effect"
import type { EventStore } from "../../core/EventStore.ts"
import { GenerationStore } from "../../projection/GenerationStore.ts"
import { NothingRaised, StartRequired } from "../../projection/ProjectionError.ts"
import type { ProjectionStore } from "../../projection/ProjectionStore.ts"
import * as RaisePlan from "../../projection/RaisePlan.ts"
import * as Registration from "../../projection/Registration.ts"
import type { Case } from "../Conformance.ts"
import { beside, note, service } from "../Notes.ts"
import { greeting, reached, registrations, running } from "./Births.ts"

type RaiseCase = Case<EventStore | ProjectionStore>

const idOf = (place: string, version = 1): string => `\u0001welcome${version === 1 ? "" : `@${version}`}:${place}:0:0`

/** What a release sends, and under which ids, until it has reached the event that is noted now, or the log's end. */
const release = (options: Parameters<typeof greeting>[0], text?: string) =>
  Effect.gen(function* () {
    const [sent, ids]: [Array<string>, Array<string>] = [[], []]
    const reaction = greeting(options, sent, ids)
    const end = text === undefined ? 3 : yield* note("b", text)
    const done = yield* running(reaction, reached("welcome", end))
    if (Either.isLeft(done)) return yield* done.left
    return { sent: sent.toSorted(), ids: ids.toSorted() }
  })

/** A log of three events that the first version has done. */
const begun = Effect.gen(function* () {
  yield* note("a", "one", "two")
  yield* note("b", "three")
  const { ids } = yield* release({ startFrom: "beginning" })
  deepStrictEqual(ids, [idOf("a:1"), idOf("a:2"), idOf("b:1")])
})

const raiseCases = [
  ["beginning", 0, ["one", "three", "two"], [idOf("a:1", 2), idOf("a:2", 2), idOf("b:1", 2)]],
  [{ after: 1 }, 1, ["three", "two"], [idOf("a:2", 2), idOf("b:1", 2)]],
  ["now", 3, [], []]
] as const

const operator = <A, E, R>(use: (asked: Effect.Effect.Success<typeof service>) => Effect.Effect<A, E, R>) =>
  beside([], Effect.flatMap(service, use))

export const Raises: ReadonlyArray<RaiseCase> = [
  ...raiseCases.map(
    ([startFrom, after, sent, ids]): RaiseCase => ({
      name: `a version raised from ${JSON.stringify(startFrom)} does again what is behind that, once, as is said before and in the log (PM3)`,
      run: Effect.gen(function* () {
        yield* begun
        const plan = yield* RaisePlan.of(greeting({ version: 2, startFrom }, []))
        deepStrictEqual(plan, {
          reaction: "welcome",
          from: 1,
          to: 2,
          after,
          through: 3,
          position: 3,
          events: sent.length === 0 ? [] : [{ type: "Noted", count: sent.length }],
          parked: 0,
          abandoned: 0
        })
        deepStrictEqual((yield* registrations).length, 1, "a plan changes nothing")
        deepStrictEqual(yield* release({ version: 2, startFrom }), { sent, ids })
        deepStrictEqual((yield* registrations)[1], [
          "reactions.raise",
          { reaction: "welcome", version: 2, startFrom, after, through: 3, position: after }
        ])
        // What comes after that has the ids that it always would, and nothing is done a third time.
        deepStrictEqual(yield* release({ version: 2, startFrom }, "four"), { sent: ["four"], ids: [idOf("b:2")] })
        strictEqual((yield* registrations).length, 2)
      })
    })
  ),
  {
    name: "a raised version that does not say where to begin is refused with the question, and does nothing (PM3)",
    run: Effect.gen(function* () {
      yield* begun
      for (const startFrom of [null, { after: 7 }]) {
        const given = startFrom === null ? {} : { startFrom }
        const refused = yield* Effect.either(release({ version: 2, ...given }))
        ok(Either.isLeft(refused) && refused.left instanceof StartRequired)
        strictEqual(refused.left.raisedTo, 2)
      }
      strictEqual((yield* registrations).length, 1)
      deepStrictEqual(yield* release({}, "four"), { sent: ["four"], ids: [idOf("b:2")] })
    })
  },
  {
    name: "what was stuck is tried again under its own id, what was abandoned is not, and what was not done is done once (PM4)",
    run: Effect.gen(function* () {
      yield* note("a", "bad")
      yield* note("b", "worse")
      const failing = { startFrom: "beginning", fails: ["bad", "worse"] } as const
      const both = Effect.map(
        operator((asked) => asked.status("welcome")),
        ({ deadLetters }) => deadLetters.length === 2
      )
      yield* running(
        greeting(failing, []),
        Effect.repeat(Effect.delay(both, "5 millis"), { until: (isParked) => isParked })
      )
      yield* operator((asked) => asked.abandon("welcome", "b", {}))
      const given = Effect.map(
        operator((asked) => asked.status("welcome")),
        ({ abandoned, deadLetters }) => abandoned[0]?.ended === true && deadLetters.length === 1
      )
      yield* running(
        greeting(failing, []),
        Effect.repeat(Effect.delay(given, "5 millis"), { until: (isOver) => isOver })
      )
      const next = { version: 2, startFrom: "now" } as const
      const { abandoned, parked } = yield* RaisePlan.of(greeting(next, []))
      deepStrictEqual([abandoned, parked], [0, 1])
      const end = yield* note("b", "four")
      deepStrictEqual((yield* RaisePlan.of(greeting({ ...next, startFrom: "beginning" }, []))).abandoned, 1)
      const [sent, ids]: [Array<string>, Array<string>] = [[], []]
      const all = Effect.zipRight(
        reached("welcome", end),
        Effect.repeat(
          Effect.delay(
            Effect.sync(() => sent.length),
            "5 millis"
          ),
          { until: (length) => length > 1 }
        )
      )
      yield* running(greeting(next, sent, ids), all)
      deepStrictEqual(
        [sent.toSorted(), ids.toSorted()],
        [
          ["bad", "four"],
          [idOf("a:1"), idOf("b:2")]
        ]
      )
      // All again, except what was abandoned.
      const third = yield* running(greeting({ version: 3, startFrom: "beginning" }, sent, ids), reached("welcome", end))
      ok(Either.isRight(third))
      deepStrictEqual(ids.slice(2).toSorted(), [idOf("a:1", 3), idOf("b:2", 3)])
    })
  },
  {
    name: "a process of the version before begins nothing new, and one that starts stands still (PM4)",
    run: Effect.gen(function* () {
      yield* begun
      const before: Array<string> = []
      const old = greeting({ startFrom: "beginning" }, before)
      const after: Array<string> = []
      const next = greeting({ version: 2, startFrom: "now" }, after)
      yield* running(
        old,
        running(
          next,
          Effect.flatMap(note("b", "four"), (end) => reached("welcome", end))
        )
      )
      // The one before may have met it before it heard: then both have sent it, under one id.
      ok(after.includes("four"))
      deepStrictEqual(
        before.filter((text) => text !== "four"),
        []
      )
      yield* running(
        old,
        running(
          next,
          Effect.flatMap(note("b", "five"), (end) => reached("welcome", end))
        )
      )
      ok(!before.includes("five"), "it started when the log knew the later version")
    })
  },
  {
    name: "where its checkpoint was lost, a raised reaction begins where it first did, and keeps the ids of each version (PM3)",
    run: Effect.gen(function* () {
      yield* begun
      yield* release({ version: 2, startFrom: { after: 1 } })
      const generations = yield* GenerationStore
      // As after an import into a new database.
      const lost = GenerationStore.of({ ...generations, find: () => Effect.succeed(Option.none()) })
      const begunAgain: Array<unknown> = []
      const begin = (...given: Parameters<typeof generations.begin>) => Effect.sync(() => begunAgain.push(given) > 0)
      const reaction = greeting({ version: 2, startFrom: "now" }, [])
      const watched = { ...lost, begin }
      yield* Effect.provideService(Effect.either(Registration.register(reaction)), GenerationStore, watched)
      deepStrictEqual(begunAgain, [["welcome", 0, 2]])
      strictEqual((yield* registrations).length, 2)
      const { raises } = yield* Registration.pastOf(reaction)
      deepStrictEqual(
        [1, 2, 3, 4].map((position) => Registration.versionAt(raises, position)),
        [1, 2, 2, 1]
      )
    })
  },
  {
    name: "an operator raises it before the release does, with who and why, and once under one key (RD7)",
    run: Effect.gen(function* () {
      yield* begun
      const [sent, ids]: [Array<string>, Array<string>] = [[], []]
      const next = greeting({ version: 2, startFrom: "beginning" }, sent, ids)
      const by = { principal: "anna", reason: "the mail had no link", key: "k1" }
      const [first, second] = yield* Effect.all([RaisePlan.carryOut(next, by), RaisePlan.carryOut(next, by)], {
        concurrency: 2
      })
      deepStrictEqual([first.replayed, second.replayed].toSorted(), [false, true])
      deepStrictEqual([first.principal, first.reason], ["anna", "the mail had no link"])
      const refused = yield* Effect.either(RaisePlan.carryOut(next, { ...by, key: null }))
      ok(Either.isLeft(refused) && refused.left instanceof NothingRaised)
      yield* running(next, reached("welcome", 3))
      deepStrictEqual(ids.toSorted(), [idOf("a:1", 2), idOf("a:2", 2), idOf("b:1", 2)])
      strictEqual((yield* registrations).length, 2)
    })
  }
]
