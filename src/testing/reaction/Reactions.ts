/** What a reaction keeps: the order of a stream, the ids of its commands, and a checkpoint that passes no hole. */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { Deferred, Effect, Layer } from "effect"
import { GenerationStore } from "../../projection/GenerationStore.ts"
import { Projections } from "../../projection/Projections.ts"
import * as Reaction from "../../projection/Reaction.ts"
import { beside, limits, Noted, note, service, until } from "../Notes.ts"
import type { ProjectionCase } from "../projection/ProjectionCase.ts"

export const Reactions: ReadonlyArray<ProjectionCase> = [
  {
    name: "a reaction keeps the order of a stream, sends the same ids again, and its checkpoint passes no hole",
    run: Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const sent: Array<string> = []
      const ids = new Set<string>()
      const reaction = Reaction.make({
        name: "forward",
        startFrom: "beginning",
        events: [Noted],
        react: ({ event, stored }, commandId) =>
          Effect.gen(function* () {
            if (event.text === "slow") yield* Deferred.await(gate)
            sent.push(`${stored.streamId} ${event.text}`)
            ids.add(commandId())
            ok(commandId().startsWith("\u0001") && commandId(1) !== commandId())
          })
      })
      const layer = Layer.provide(Reaction.layer(reaction), limits)
      yield* note("a", "a1")
      const hole = yield* note("b", "slow", "b2")
      yield* note("a", "a2", "a3")
      const generations = yield* GenerationStore
      const position = Effect.map(generations.list, ([row]) => row?.live?.position ?? 0)
      const reach = (wanted: () => boolean): Effect.Effect<void> =>
        Effect.suspend(() => (wanted() ? Effect.void : Effect.zipRight(Effect.sleep("2 millis"), reach(wanted))))
      yield* Effect.provide(
        Effect.gen(function* () {
          yield* reach(() => sent.length === 3)
          deepStrictEqual(sent, ["a a1", "a a2", "a a3"])
          ok((yield* position) < hole - 1)
        }),
        layer
      )
      // Restarted with the second event undone: those behind it are sent again, under the same ids.
      yield* Deferred.succeed(gate, undefined)
      const end = yield* note("b", "b3")
      const before = ids.size
      yield* Effect.provide(
        beside(
          [],
          Effect.flatMap(service, (asked) => asked.awaitPosition("forward", end, "100 seconds"))
        ),
        layer
      )
      strictEqual(ids.size, 6)
      strictEqual(before, 3)
      deepStrictEqual(
        sent.filter((text) => text.startsWith("b")),
        ["b slow", "b b2", "b b3"]
      )
    })
  },
  {
    name: "a reaction that keeps failing parks its stream, visibly, lets the others pass, and goes on by itself when it can",
    run: Effect.gen(function* () {
      let isBroken = true
      const sent: Array<string> = []
      const reaction = Reaction.make({
        name: "forward",
        startFrom: "beginning",
        events: [Noted],
        react: ({ event }) =>
          Effect.suspend(() => {
            if (isBroken && event.text === "bad") return Effect.fail(new Error("cannot"))
            sent.push(event.text)
            return Effect.void
          })
      })
      const layer = Layer.provide(Reaction.layer(reaction), limits)
      yield* note("a", "bad", "behind")
      const end = yield* note("b", "good")
      yield* Effect.provide(
        beside(
          [],
          Effect.gen(function* () {
            const asked = yield* Projections
            yield* asked.awaitPosition("forward", end, "100 seconds")
            const now = yield* until(({ deadLetters }) => deadLetters.length === 1, "forward")
            deepStrictEqual([now.kind, now.deadLetters[0]?.streamId], ["reaction", "a"])
            deepStrictEqual(sent, ["good"])
            yield* note("a", "after")
            isBroken = false
            yield* until(({ deadLetters }) => deadLetters.length === 0, "forward")
            const last = yield* note("a", "last")
            yield* asked.awaitPosition("forward", last, "100 seconds")
          })
        ),
        layer
      )
      deepStrictEqual(
        sent.filter((text) => text !== "good"),
        ["bad", "behind", "after", "last"]
      )
    })
  },
  {
    name: "64 events whose targets do not answer hold up no other stream, and are not given up for it (PM7)",
    run: Effect.gen(function* () {
      const answer = yield* Deferred.make<void>()
      const sent = new Set<string>()
      let givenUp = 0
      const reaction = Reaction.make({
        name: "forward",
        startFrom: "beginning",
        events: [Noted],
        react: ({ event: { text } }) =>
          Effect.gen(function* () {
            sent.add(text)
            if (text === "quick") return
            yield* Effect.onInterrupt(Deferred.await(answer), () => Effect.sync(() => givenUp++))
            sent.add(`${text} answered`)
          })
      })
      const slow = Array.from({ length: 64 }, (_, index) => `slow ${index}`)
      for (const text of slow) yield* note(text.replace(" ", "-"), text)
      yield* note("b", "quick")
      const has = (...texts: ReadonlyArray<string>) =>
        Effect.repeat(
          Effect.delay(
            Effect.sync(() => texts.every((text) => sent.has(text))),
            "2 millis"
          ),
          { until: (isSo) => isSo }
        )
      yield* Effect.provide(
        Effect.gen(function* () {
          yield* has(...slow, "quick")
          strictEqual(givenUp, 0)
          yield* Deferred.succeed(answer, undefined)
          yield* has(...slow.map((text) => `${text} answered`))
        }),
        Layer.provide(Reaction.layer(reaction), limits)
      )
    })
  }
]
