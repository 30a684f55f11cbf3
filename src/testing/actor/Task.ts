/** An aggregate whose commands say how they end, and what the cases of `Neighbours.ts` do with it. */
import * as Rpc from "@effect/rpc/Rpc"
import { Cause, Deferred, Effect, Either, Exit, Layer, Schema } from "effect"
import type { ActorLimits } from "../../core/ActorConfig.ts"
import * as Aggregate from "../../core/Aggregate.ts"
import * as Event from "../../core/Event.ts"
import { EventStore } from "../../core/EventStore.ts"
import { SnapshotStore } from "../../core/SnapshotStore.ts"
import * as StoredText from "../../core/StoredText.ts"
import { StreamId } from "../../core/StreamId.ts"
import { SystemUnderTest } from "../SystemUnderTest.ts"

const Done = Event.make("Done", { how: Schema.String, padding: Schema.String })
export type Done = Event.Of<typeof Done>

export class Refused extends Schema.TaggedError<Refused>()("Refused", {}) {}

class Task extends Aggregate.make("Task", {
  id: Schema.String,
  state: Schema.Struct({ count: Schema.Int, last: Schema.String }),
  initial: { count: 0, last: "" },
  events: [Done],
  commands: [
    Rpc.make("Do", {
      payload: { how: Schema.String },
      success: Schema.Struct({ count: Schema.Int, padding: Schema.String }),
      error: Refused
    })
  ]
}) {}
type Behaviour = Parameters<typeof Task.define>[0]
export type Decide = Behaviour["decide"]["Do"]

const tooLarge = "x".repeat(StoredText.maxPayloadBytes)
export const done = (how: string): Either.Either<ReadonlyArray<Done>> =>
  Either.right([Done.make({ how, padding: how === "large event" ? tooLarge : "" })])

export const decide: Decide = ({ how }) => {
  if (how === "throws") throw new Error("poison")
  if (how === "refused") return Either.left(new Refused())
  if (how === "unencodable") return Either.right([{ _tag: "Done", how, padding: 1 as never }])
  return done(how)
}
const behaviourOf = (change: Decide): Behaviour => ({
  decide: { Do: change },
  evolve: { Done: ({ count }, { how }) => ({ count: count + 1, last: how }) },
  reply: {
    Do: ({ count, last }) => {
      if (last === "reply throws") throw new Error("poison")
      return { count, padding: last === "large answer" ? tooLarge : "" }
    }
  }
})

export const ask = (id: string, how: string, options?: Aggregate.CommandOptions) =>
  Effect.flatMap(Task, (tasks) => tasks(id).ask("Do", { how }, options))
export const head = (id: string) =>
  Effect.map(
    Effect.flatMap(EventStore, (store) => store.head(StreamId.make(`task-${id}`))),
    ({ version }) => version
  )

/** Appends to one stream, from when it is told to hold them until they are let go. */
export class Gate {
  readonly appends: Array<ReadonlyArray<string>> = []
  private held: Deferred.Deferred<void> | undefined
  private readonly streamId: string

  constructor(id: string) {
    this.streamId = `task-${id}`
  }

  readonly hold = Effect.map(Deferred.make<void>(), (held) => {
    this.held = held
    this.appends.length = 0
  })
  readonly release = Effect.suspend(() => {
    const { held } = this
    this.held = undefined
    return held === undefined ? Effect.void : Deferred.succeed(held, undefined)
  })
  /** The append that is held has come. */
  readonly isReached = Effect.suspend(() => Effect.succeed(this.appends.length > 0))

  over(store: EventStore["Type"]): EventStore["Type"] {
    return {
      ...store,
      append: (requests, place) =>
        Effect.suspend(() => {
          const [request] = requests
          if (request?.streamId !== this.streamId) return store.append(requests, place)
          this.appends.push(request.commands.map(({ commandId }) => commandId))
          const wait = this.held === undefined ? Effect.void : Deferred.await(this.held)
          return Effect.zipRight(wait, store.append(requests, place))
        })
    }
  }
}

interface Setting {
  readonly decide?: Decide
  readonly limits?: Partial<ActorLimits>
  readonly store?: (store: EventStore["Type"]) => EventStore["Type"]
}
type Program<A> = Effect.Effect<A, unknown, Aggregate.Service<"Task"> | EventStore | SnapshotStore | SystemUnderTest>

/** Runs a program with a system of its own over the stores, which outlive it. */
export const running = <A>(setting: Setting, program: Program<A>) =>
  Effect.gen(function* () {
    const { layer } = yield* SystemUnderTest
    const store = yield* EventStore
    const stores = Layer.merge(
      Layer.succeed(EventStore, setting.store?.(store) ?? store),
      Layer.succeed(SnapshotStore, yield* SnapshotStore)
    )
    const task = Task.toLayer(behaviourOf(setting.decide ?? decide)).pipe(
      Layer.provide(layer(setting.limits ?? {})),
      Layer.provide(stores)
    )
    return yield* Effect.provide(program, task)
  })
/** How an ask ended, in one word. */
export const wordOf = <A extends { readonly outcome: Either.Either<unknown, unknown> }, E>(
  exit: Exit.Exit<A, E>
): string => {
  if (Exit.isSuccess(exit)) return Either.isRight(exit.value.outcome) ? "done" : "refused"
  if (Cause.isDie(exit.cause)) return "defect"
  const error = Cause.squash(exit.cause) as { readonly _tag?: string }
  return error._tag ?? "unknown"
}
