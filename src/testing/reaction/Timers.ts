/**
 * Timers fire once, never before their time, over restarts, clocks that are set and several processes (PM1); of a
 * cancellation and a firing the log's order decides (PM2); and what they send belongs to the conversation in which they
 * were scheduled (PM6). For any store; a store author runs each case with fresh, empty stores.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import * as Rpc from "@effect/rpc/Rpc"
import { Effect, Either, Layer, Schema } from "effect"
import * as Aggregate from "../../core/Aggregate.ts"
import * as Event from "../../core/Event.ts"
import type { EventStore } from "../../core/EventStore.ts"
import * as Operation from "../../core/Operation.ts"
import * as StoredForm from "../../core/StoredForm.ts"
import * as Application from "../../projection/Application.ts"
import * as PendingTimers from "../../projection/PendingTimers.ts"
import type { ProjectionStore } from "../../projection/ProjectionStore.ts"
import { Projections } from "../../projection/Projections.ts"
import * as Reaction from "../../projection/Reaction.ts"
import * as Timers from "../../projection/Timers.ts"
import type { Case } from "../Conformance.ts"
import { wholeLog } from "../WholeLog.ts"
import {
  asleep,
  Bell,
  bell,
  bells,
  fired,
  hour,
  lookedThrough,
  onWall,
  Rung,
  ring,
  rings,
  rung,
  until,
  within,
  withoutMarkers
} from "./Bells.ts"

type TimerCase = Case<EventStore | ProjectionStore>

export const Timers_: ReadonlyArray<TimerCase> = [
  {
    name: "a timer sends its command once, when its time has come, and what it leaves in the log is no earlier (PM1)",
    run: Effect.gen(function* () {
      yield* within(
        bells,
        Effect.gen(function* () {
          yield* Timers.schedule("soon", { after: "150 millis", send: ring("soon") })
          yield* Timers.schedule("at once", { after: 0, send: ring("at once") })
          yield* Timers.schedule("long past", { at: new Date(0), send: ring("long past") })
          yield* rung("soon", "at once", "long past")
          yield* lookedThrough
          deepStrictEqual((yield* withoutMarkers).toSorted(), ["at once", "long past", "soon"])
          deepStrictEqual(yield* Timers.find("soon"), { status: "fired", due: (yield* Timers.find("soon")).due })
        })
      )
      const events = yield* wholeLog
      for (const { data, recordedAt, type } of events) {
        if (type === "TimerFired") ok(recordedAt >= (JSON.parse(data) as { due: number }).due)
      }
    })
  },
  {
    name: "a timer that falls due while nobody runs fires when somebody does, whatever the clock has done meanwhile (PM1)",
    run: onWall((set) =>
      Effect.gen(function* () {
        yield* asleep(Timers.schedule("meanwhile", { after: "1 hour", send: ring("meanwhile") }))
        yield* within(bells, lookedThrough)
        deepStrictEqual(yield* fired, [])
        set(2 * hour)
        yield* within(bells, rung("meanwhile"))
        set(-2 * hour)
        yield* within(bells, lookedThrough)
        set(4 * hour)
        yield* within(bells, lookedThrough)
        deepStrictEqual(yield* withoutMarkers, ["meanwhile"])
      })
    )
  },
  {
    name: "a clock that is set forward has timers fire once, and one that is set back has none fire early (PM1)",
    run: onWall((set) =>
      within(
        bells,
        Effect.gen(function* () {
          yield* Timers.schedule("within the hour", { after: "30 minutes", send: ring("within the hour") })
          yield* Timers.schedule("later", { after: "90 minutes", send: ring("later") })
          set(-hour)
          yield* lookedThrough
          deepStrictEqual(yield* fired, [])
          set(hour)
          yield* rung("within the hour")
          // By the clock as it is now, the time of the one that has fired is to come.
          set(0)
          yield* lookedThrough
          set(hour)
          yield* lookedThrough
          deepStrictEqual(yield* withoutMarkers, ["within the hour"])
          deepStrictEqual(yield* fired, ["within the hour"])
          set(2 * hour)
          yield* rung("later")
          deepStrictEqual(yield* withoutMarkers, ["within the hour", "later"])
        })
      )
    )
  },
  {
    name: "timers fire once each while the process that drives them is ended ten times, and with two drivers at once (PM1)",
    run: Effect.gen(function* () {
      const names = Array.from({ length: 60 }, (_, index) => `timer ${String(index).padStart(2, "0")}`)
      yield* asleep(
        Effect.forEach(names, (name, index) => Timers.schedule(name, { after: index * 4, send: ring(name) }), {
          concurrency: 16
        })
      )
      for (let times = 0; times < 10; times++) {
        const before = (yield* rings).length
        const some = until(Effect.map(rings, (all) => all.length > before || all.length >= names.length))
        yield* within(bells, some)
      }
      yield* within(bells, within(bells, rung(...names)))
      deepStrictEqual((yield* rings).toSorted(), names)
    })
  },
  {
    name: "a timer that was cancelled before its time never fires; one that has fired is told to the one who cancels it (PM2)",
    run: Effect.gen(function* () {
      yield* within(
        bells,
        Effect.gen(function* () {
          yield* Timers.schedule("cancelled", { after: "100 millis", send: ring("cancelled") })
          strictEqual((yield* Timers.cancel("cancelled")).status, "cancelled")
          yield* Timers.schedule("fired", { after: 0, send: ring("fired") })
          yield* rung("fired")
          deepStrictEqual(yield* Timers.cancel("fired"), { status: "fired", due: null })
          strictEqual((yield* Timers.cancel("never was")).status, "none")
          const due = Effect.map(PendingTimers.page({ after: null, limit: 10 }), (page) => page.length === 0)
          yield* until(due)
          yield* lookedThrough
          deepStrictEqual(yield* withoutMarkers, ["fired"])
          // Its key is free for another one.
          yield* Timers.schedule("cancelled", { after: 0, send: ring("again") })
          yield* rung("again")
        })
      )
    })
  },
  {
    name: "of a cancellation and a firing at one time the first in the log holds, and its command is sent just then (PM2)",
    run: Effect.gen(function* () {
      const names = Array.from({ length: 80 }, (_, index) => `race ${index}`)
      yield* within(
        bells,
        Effect.gen(function* () {
          yield* Effect.forEach(names, (name) => Timers.schedule(name, { after: "20 millis", send: ring(name) }), {
            concurrency: 16
          })
          const told = yield* Effect.forEach(
            names,
            (name, index) =>
              Effect.map(Effect.delay(Timers.cancel(name), index), ({ status }) => [name, status] as const),
            { concurrency: "unbounded" }
          )
          const fired = told.flatMap(([name, status]) => (status === "fired" ? [name] : []))
          yield* rung(...fired)
          yield* lookedThrough
          deepStrictEqual((yield* withoutMarkers).toSorted(), fired.toSorted())
          for (const [name] of told) {
            const ends = (yield* wholeLog).filter(
              ({ streamId, type }) => streamId === `timer-${name}` && type !== "TimerScheduled"
            )
            strictEqual(ends.length, 1, name)
          }
        })
      )
    })
  },
  {
    name: "a timer that is moved fires at its new time alone, and one that has fired is not moved",
    run: onWall((set) =>
      within(
        bells,
        Effect.gen(function* () {
          yield* Timers.schedule("later", { after: "10 minutes", send: ring("later") })
          yield* Timers.schedule("sooner", { after: "10 hours", send: ring("sooner") })
          yield* Timers.move("later", { after: "2 hours" })
          yield* Timers.move("sooner", { after: "10 minutes" })
          set(hour)
          yield* rung("sooner")
          yield* lookedThrough
          deepStrictEqual(yield* fired, ["sooner"])
          set(3 * hour)
          yield* rung("later")
          const moved = yield* Effect.either(Timers.move("later", { after: "1 hour" }))
          deepStrictEqual(Either.isLeft(moved) && moved.left._tag, "TimerNotPending")
          yield* lookedThrough
          deepStrictEqual(yield* withoutMarkers, ["sooner", "later"])
        })
      )
    )
  },
  {
    name: "a reaction that reacts again schedules nothing again, and what its timer sends names conversation and cause (PM6)",
    run: Effect.gen(function* () {
      const echo = Reaction.make({
        name: "echo",
        events: [Bell.event(Rung)],
        startFrom: "beginning",
        react: ({ event, stored }, commandId) =>
          event.by === "echo"
            ? Effect.void
            : Timers.schedule(
                `echo of ${stored.streamId} ${stored.version}`,
                { after: "5 millis", send: ring("echo") },
                { commandId: commandId() }
              )
      })
      const app = Application.make({ name: "echoes", aggregates: [Timers.part, bell], reactions: [echo] })
      yield* asleep(
        Effect.flatMap(Bell, (of) => of("tower").Ring({ by: "anna" }, { commandId: "ring", correlationId: "morning" }))
      )
      yield* within(app, rung("echo"))
      // Another one, to which the event is new.
      const again = { ...echo, name: "echo_again", formerNames: ["echo"] }
      const renamed = Application.make({ name: "echoes", aggregates: [Timers.part, bell], reactions: [again] })
      yield* within(renamed, lookedThrough.pipe(Effect.provide(Layer.empty)))
      const events = (yield* wholeLog).filter(({ correlationId }) => correlationId === "morning")
      deepStrictEqual(
        events.map(({ causationId, principal, type }) => [type, causationId, principal]),
        [
          ["Rung", null, null],
          ["TimerScheduled", "bell-tower@1", "reaction:echo"],
          ["TimerFired", "timer-echo of bell-tower 1@1", "reaction:timers"],
          ["Rung", "timer-echo of bell-tower 1@2", "reaction:timers"]
        ]
      )
    })
  },
  {
    name: "a refusal of the command is its answer; a command that the application does not know waits for an operator, and holds up no other (PM7)",
    run: within(
      bells,
      Effect.gen(function* () {
        const projections = yield* Projections
        yield* Timers.schedule("refused", { after: 0, send: ring("muffled") })
        yield* Timers.schedule("lost", { after: 0, send: { ...ring("lost"), aggregate: "Gong" } })
        const stuck = Effect.map(projections.status("timers"), ({ deadLetters }) =>
          deadLetters.some(({ streamId }) => streamId === "timer-lost")
        )
        yield* until(stuck)
        yield* lookedThrough
        strictEqual((yield* Timers.find("refused")).status, "fired")
        const { undone } = yield* projections.abandoning("timers", "timer-lost")
        strictEqual(undone, "the command Ring is not sent to Gong tower")
        yield* projections.abandon("timers", "timer-lost", { principal: "anna", reason: "there is no gong" })
        yield* until(
          Effect.map(projections.status("timers"), ({ abandoned, deadLetters }) => {
            return deadLetters.length === 0 && abandoned.some(({ ended }) => ended)
          })
        )
        deepStrictEqual(yield* withoutMarkers, [])
      })
    )
  },
  {
    name: "an operator has a timer fire now or not at all; who and why is in the log, and under one key it is done once (RD7)",
    run: within(
      bells,
      Effect.gen(function* () {
        for (const name of ["now", "never"]) yield* Timers.schedule(name, { after: "1 hour", send: ring(name) })
        const by = { principal: "anna", reason: "the fair is today", key: "k1" }
        const both = Effect.all([Timers.operators.fire("now", by), Timers.operators.fire("now", by)], {
          concurrency: 2
        })
        deepStrictEqual((yield* both).map(({ replayed }) => replayed).toSorted(), [false, true])
        yield* rung("now")
        const [one, other] = yield* Effect.all(
          [
            Effect.either(Timers.operators.cancel("never", { principal: "anna", reason: "rain" })),
            Effect.either(Timers.operators.cancel("never", { principal: "bert", reason: "snow" }))
          ],
          { concurrency: 2 }
        )
        deepStrictEqual([Either.isRight(one), Either.isRight(other)].toSorted(), [false, true])
        const late = yield* Effect.either(Timers.operators.fire("never"))
        ok(Either.isLeft(late) && late.left._tag === "TimerNotPending")
        const reused = yield* Effect.either(Timers.operators.fire("never", by))
        strictEqual(Either.isLeft(reused) && reused.left._tag, "CommandIdReused")
        const { operations } = yield* Operation.page(0, 100)
        const done = operations.filter(({ name }) => name.startsWith("timers."))
        deepStrictEqual(
          done.map(({ detail, name }) => [name, (detail as { timer: string }).timer]),
          [
            ["timers.fire", "now"],
            ["timers.cancel", "never"]
          ]
        )
        deepStrictEqual([done[0]?.principal, done[0]?.reason, done[0]?.key], ["anna", "the fair is today", "k1"])
        yield* lookedThrough
        deepStrictEqual(yield* withoutMarkers, ["now"])
        strictEqual((yield* wholeLog).find(({ type }) => type === "TimerFired")?.principal, "anna")
      })
    )
  },
  {
    name: "a command is sent in the form of the release that sends it, through the upcasters of its payload (CV8)",
    run: Effect.gen(function* () {
      const Pealed = Event.make("Pealed", { strokes: Schema.Int, tone: Schema.String })
      const form = StoredForm.make({ strokes: Schema.Int })
      const tower = (payload: Schema.Schema.AnyNoContext, toneOf: (given: object) => string) => {
        class Tower extends Aggregate.make("Tower", {
          id: Schema.String,
          state: Schema.Struct({}),
          initial: {},
          events: [Pealed],
          commands: [Rpc.make("Peal", { payload, success: Schema.Void })]
        }) {}
        const part = Application.aggregate(Tower, {
          decide: { Peal: (given) => Either.right([Pealed.make({ strokes: 3, tone: toneOf(given) })]) },
          evolve: { Pealed: (state) => state },
          reply: { Peal: () => undefined }
        })
        return { Tower, app: Application.make({ name: "towers", aggregates: [Timers.part, part] }) }
      }
      const before = tower(form, () => "none")
      const send = Timers.command(before.Tower, "a", "Peal", { strokes: 3 })
      yield* asleep(Timers.schedule("peal", { after: 0, send }))
      const next = form.next({ strokes: Schema.Int, tone: Schema.String }, (v1) => ({ ...v1, tone: "deep" }))
      const after = tower(next, (given) => ("tone" in given ? String(given.tone) : "none"))
      yield* within(after.app, until(Effect.map(wholeLog, (events) => events.some(({ type }) => type === "Pealed"))))
      const pealed = (yield* wholeLog).find(({ type }) => type === "Pealed")
      deepStrictEqual(JSON.parse(pealed?.data ?? "{}"), { strokes: 3, tone: "deep" })
    })
  },
  {
    name: "the list of timers that wait is in the order of their times, page by page, and says how many are late",
    run: within(
      bells,
      Effect.gen(function* () {
        yield* lookedThrough
        const start = Date.UTC(2100, 0)
        for (const [name, minutes] of [
          ["d", 30],
          ["a", 10],
          ["c", 20],
          ["b", 20]
        ] as const) {
          yield* Timers.schedule(name, { at: start + minutes * 60_000, send: ring(name) })
        }
        const all = PendingTimers.list({ after: null, limit: 10 })
        yield* until(Effect.map(all, (page) => page.length === 4 && page.every(({ key }) => key.length === 1)))
        const first = yield* PendingTimers.list({ after: null, limit: 3 })
        const rest = yield* PendingTimers.list({ after: first[2] ?? null, limit: 3 })
        deepStrictEqual(
          [...first, ...rest].map(({ aggregate, command, due, id, key }) => [
            key,
            (due - start) / 60_000,
            aggregate,
            id,
            command
          ]),
          [
            ["a", 10, "Bell", "tower", "Ring"],
            ["b", 20, "Bell", "tower", "Ring"],
            ["c", 20, "Bell", "tower", "Ring"],
            ["d", 30, "Bell", "tower", "Ring"]
          ]
        )
        deepStrictEqual(yield* PendingTimers.overview(start + 25 * 60_000), {
          pending: 4,
          due: 3,
          lateMillis: 15 * 60_000
        })
      })
    )
  }
]
export { Timers_ as Timers }
