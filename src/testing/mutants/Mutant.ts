/**
 * A mutant is an implementation with one fault put into it on purpose. It shows that a suite finds the fault: it fails
 * the cases that it declares, and no others. A case that no mutant fails is a case that nobody has seen fail.
 *
 * A mutant is made of a sound implementation, by changing what one of its ports does; so it is one of any store.
 */
import { Context, Duration, Effect, Exit, Fiber, Layer, Option } from "effect"
import type { ActorLimits } from "../../core/ActorConfig.ts"
import type { RuntimeError } from "../../core/ActorError.ts"
import { ActorSystem, type Answer, type Ask } from "../../core/ActorSystem.ts"
import type { AnyDefinition } from "../../core/Definition.ts"
import { type AppendRequest, EventStore, type ProposedCommand } from "../../core/EventStore.ts"
import { SnapshotStore } from "../../core/SnapshotStore.ts"
import type { Case } from "../Conformance.ts"
import { SystemUnderTest } from "../SystemUnderTest.ts"

export interface Mutant<R> {
  /** What is wrong with it, as in `a store that …`. */
  readonly name: string
  /**
   * How the names of the cases begin that it fails: the first is the rule that it is made for, the others rest on it
   * too.
   */
  readonly fails: readonly [string, ...ReadonlyArray<string>]
  /** What it makes of a sound implementation. */
  readonly of: (sound: Layer.Layer<R>) => Layer.Layer<R>
}

/** A rule and those that rest on it, by how their names begin. */
export type Fails = Mutant<never>["fails"]

/** With some of a service changed. */
export const changing =
  <I, S extends object>(tag: Context.Tag<I, S>, change: (service: S) => Partial<S>) =>
  <R>(sound: Layer.Layer<R | I>): Layer.Layer<R | I> =>
    Layer.map(sound, (context) => {
      const service = Context.get(context as Context.Context<I>, tag)
      return Context.add(context, tag, { ...service, ...change(service) })
    })

/** An event store with each request of an append changed. */
export const requesting =
  (change: (request: AppendRequest) => AppendRequest) =>
  ({ append }: EventStore["Type"]): Partial<EventStore["Type"]> => ({
    append: (requests, place) => append(requests.map(change), place)
  })

/** An event store with each command of an append changed. */
export const proposing = (change: (command: ProposedCommand) => ProposedCommand) =>
  requesting((request) => ({ ...request, commands: request.commands.map(change) }))

/** With another system over the same stores. */
export const system = (change: (build: SystemUnderTest["Type"]["layer"]) => SystemUnderTest["Type"]["layer"]) =>
  changing(SystemUnderTest, ({ layer }) => ({ layer: change(layer) }))

/** A system that takes other limits than it is given. */
export const limited = (change: (limits: Partial<ActorLimits>) => Partial<ActorLimits>) =>
  system((build) => (limits) => build({ ...limits, ...change(limits) }))

/** A system that does not ask the store what it should, or does not hear what the store says. */
export const overStore = (change: (store: EventStore["Type"]) => Partial<EventStore["Type"]>) =>
  system((build) => (limits) => {
    const changed = Effect.map(EventStore, (store) => EventStore.of({ ...store, ...change(store) }))
    return Layer.provide(build(limits), Layer.effect(EventStore, changed))
  })

/** The same for its snapshots. */
export const overSnapshots = (change: (store: SnapshotStore["Type"]) => Partial<SnapshotStore["Type"]>) =>
  system((build) => (limits) => {
    const changed = Effect.map(SnapshotStore, (store) => SnapshotStore.of({ ...store, ...change(store) }))
    return Layer.provide(build(limits), Layer.effect(SnapshotStore, changed))
  })

/** A system that registers, asks or reads in another way. */
export const asking = (
  change: (actors: ActorSystem["Type"], limits: Partial<ActorLimits>) => Partial<ActorSystem["Type"]>
) =>
  system(
    (build) => (limits) =>
      Layer.map(build(limits), (context) => {
        const actors = Context.get(context, ActorSystem)
        return Context.make(ActorSystem, { ...actors, ...change(actors, limits) })
      })
  )

/** A system that runs other definitions than it is given. */
export const defining = (change: (definition: AnyDefinition) => Partial<AnyDefinition>) =>
  asking(({ register }) => ({
    register: (definition) => register({ ...definition, ...change(definition) })
  }))

/** A system whose commands end in something else. */
export const ending = (
  change: (answer: Effect.Effect<Answer, RuntimeError>, asked: Ask) => Effect.Effect<Answer, RuntimeError>
) => asking(({ ask }) => ({ ask: (asked) => change(ask(asked), asked) }))

/**
 * How long a case of a mutant may run before it is asked whether it ever ends: what a mutant never does, a case would
 * wait for without end.
 */
const firstPatience = Duration.seconds(3)
const lastPatience = Duration.minutes(4)

/** How many times quicker than that the sound implementation must be: then it is not the machine that is slow. */
const margin = 4

type End = "passes" | "fails" | "runs on"

/** How a case ends on an implementation within this time. */
const endOf = <R>({ run }: Case<R>, layer: Layer.Layer<R>, patience: Duration.Duration): Effect.Effect<End> =>
  run.pipe(
    Effect.scoped,
    Effect.provide(layer),
    Effect.exit,
    Effect.disconnect,
    Effect.timeoutOption(patience),
    // In a fiber of its own, which is awaited and not joined: what a case leaves behind, such as a clock that stands
    // still, is not the next one's.
    Effect.forkDaemon,
    Effect.flatMap(Fiber.await),
    Effect.flatten,
    Effect.map(
      Option.match({
        onNone: () => "runs on" as const,
        onSome: (exit) => (Exit.isSuccess(exit) ? "passes" : "fails")
      })
    )
  )

/**
 * Whether the mutant fails the case. One that runs on fails it only where the sound implementation ends it at once on
 * the same machine, and where it runs on once more: it ends then if only the machine had stood still for a moment.
 * Where the sound one takes its time too, both are given more of it.
 */
const isFailed = <R>(
  each: Case<R>,
  mutant: Layer.Layer<R>,
  sound: Layer.Layer<R>,
  patience: Duration.Duration
): Effect.Effect<boolean> =>
  Effect.gen(function* () {
    const end = yield* endOf(each, mutant, patience)
    if (end !== "runs on") return end === "fails"
    const [taken, ofSound] = yield* Effect.timed(endOf(each, sound, patience))
    if (ofSound === "fails") return yield* Effect.dieMessage(`the sound implementation fails: ${each.name}`)
    if (ofSound === "passes" && Duration.lessThanOrEqualTo(Duration.times(taken, margin), patience)) {
      return (yield* endOf(each, mutant, patience)) !== "passes"
    }
    const longer = Duration.times(patience, 2)
    if (Duration.greaterThan(longer, lastPatience)) return yield* Effect.dieMessage(`nothing ends: ${each.name}`)
    return yield* isFailed(each, mutant, sound, longer)
  })

/** The names of the cases that the mutant of a sound implementation fails, in their order. */
export const failing = <R>(
  cases: ReadonlyArray<Case<R>>,
  mutant: Layer.Layer<R>,
  sound: Layer.Layer<R>
): Effect.Effect<ReadonlyArray<string>> =>
  Effect.map(
    Effect.filter(cases, (each) => isFailed(each, mutant, sound, firstPatience)),
    (failed) => failed.map(({ name }) => name)
  )

/** The cases that a mutant declares. A beginning that is not that of one case is a mistake of its declaration. */
export const declared = <R>({ fails, name }: Mutant<R>, cases: ReadonlyArray<Case<R>>): ReadonlyArray<string> => {
  for (const start of fails) {
    const found = cases.filter((each) => each.name.startsWith(start)).length
    if (found !== 1) throw new Error(`a mutant that ${name}: ${found} cases begin with "${start}"`)
  }
  return cases.map((each) => each.name).filter((each) => fails.some((start) => each.startsWith(start)))
}
