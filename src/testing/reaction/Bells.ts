/**
 * A bell that timers ring, and what the cases of `Timers.ts` ask the log about it: the application, its processes, its
 * clock.
 */
import * as Rpc from "@effect/rpc/Rpc"
import { type Clock, Effect, Either, Layer, Schema } from "effect"
import * as ActorSystemLocal from "../../core/ActorSystemLocal.ts"
import * as Aggregate from "../../core/Aggregate.ts"
import * as Event from "../../core/Event.ts"
import * as SnapshotStoreMemory from "../../core/SnapshotStoreMemory.ts"
import * as Application from "../../projection/Application.ts"
import * as ProjectionsLocal from "../../projection/ProjectionsLocal.ts"
import * as Timers from "../../projection/Timers.ts"
import { limits } from "../Notes.ts"
import { wholeLog } from "../WholeLog.ts"

export const Rung = Event.make("Rung", { by: Schema.String })
class Muffled extends Schema.TaggedError<Muffled>()("Muffled", {}) {}
/** Counts who has it ring, and refuses those whose name says so. */
export class Bell extends Aggregate.make("Bell", {
  id: Schema.String,
  state: Schema.Struct({ rung: Schema.Int }),
  initial: { rung: 0 },
  events: [Rung],
  commands: [Rpc.make("Ring", { payload: { by: Schema.String }, success: Schema.Int, error: Muffled })]
}) {}
export const bell = Application.aggregate(Bell, {
  decide: { Ring: ({ by }) => (by === "muffled" ? Either.left(new Muffled()) : Either.right([Rung.make({ by })])) },
  evolve: { Rung: ({ rung }) => ({ rung: rung + 1 }) },
  reply: { Ring: ({ rung }) => rung }
})
export const bells = Application.make({ name: "bells", aggregates: [Timers.part, bell] })

export const ring = (by: string) => Timers.command(Bell, "tower", "Ring", { by })

/** A process of an application: its actors, its models, its driver. It ends with the effect, wherever it is. */
export const within = <P, A, E, R>(app: Application.Application<P>, effect: Effect.Effect<A, E, R>) => {
  const actors = ActorSystemLocal.layer.pipe(Layer.provide(SnapshotStoreMemory.layer))
  const running = Layer.merge(app.layer, ProjectionsLocal.layer(app.projections, app.reactions))
  return Effect.provide(effect, running.pipe(Layer.provide(actors), Layer.provide(limits)))
}

/** A process that schedules and runs nothing. */
export const asleep = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.provide(
    effect,
    Layer.merge(Timers.part.layer, bell.layer).pipe(
      Layer.provide(ActorSystemLocal.layer),
      Layer.provide(SnapshotStoreMemory.layer)
    )
  )

/** Whether the clock on the wall is right; what sleeps is not concerned. */
export const onWall = <A, E, R>(run: (set: (by: number) => void) => Effect.Effect<A, E, R>) =>
  Effect.clockWith((inner) => {
    let offset = 0
    const unsafeCurrentTimeMillis = () => inner.unsafeCurrentTimeMillis() + offset
    const wall: Clock.Clock = Object.assign(Object.create(inner), {
      unsafeCurrentTimeMillis,
      currentTimeMillis: Effect.sync(unsafeCurrentTimeMillis)
    })
    const set = (by: number): void => {
      offset = by
    }
    return Effect.withClock(run(set), wall)
  })

/** Who had it ring, in the order of the log. */
export const rings = Effect.map(wholeLog, (events) =>
  events.flatMap(({ data, type }) => (type === "Rung" ? [(JSON.parse(data) as { by: string }).by] : []))
)

export const until = <E, R>(isSo: Effect.Effect<boolean, E, R>) =>
  Effect.repeat(Effect.delay(isSo, "2 millis"), { until: (found) => found }).pipe(
    Effect.timeoutFail({ duration: "100 seconds", onTimeout: () => new Error("it never came to it") })
  )
export const rung = (...by: ReadonlyArray<string>) =>
  until(Effect.map(rings, (all) => by.every((each) => all.includes(each))))

let markers = 0
/** The driver has read the model, as it is now, since this was begun. */
const looked = Effect.gen(function* () {
  const by = `marker ${markers++}`
  yield* Timers.schedule(by, { at: 0, send: ring(by) })
  yield* rung(by)
})
/** And it is done with what it read, since it has read again: one that is due has fired. */
export const lookedThrough = Effect.zipRight(looked, looked)
/** The timers that fired, in the order of the log: their commands may still be on their way. */
export const fired = Effect.map(wholeLog, (events) =>
  events.flatMap(({ streamId, type }) =>
    type === "TimerFired" && !streamId.startsWith("timer-marker") ? [streamId.slice("timer-".length)] : []
  )
)
export const withoutMarkers = Effect.map(rings, (all) => all.filter((by) => !by.startsWith("marker")))

export const hour = 3_600_000
