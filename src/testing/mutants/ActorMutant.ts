/** What the mutants of an actor system have in common. */
import { Effect, Either } from "effect"
import type { RuntimeError } from "../../core/ActorError.ts"
import type { EventStore } from "../../core/EventStore.ts"
import type { SnapshotStore } from "../../core/SnapshotStore.ts"
import { type OutcomeUnknown, StoreUnavailable } from "../../core/StoreError.ts"
import type { SystemUnderTest } from "../SystemUnderTest.ts"
import { defining, ending, type Fails, type Mutant } from "./Mutant.ts"

export type Needs = EventStore | SnapshotStore | SystemUnderTest

export const mutant = (name: string, fails: Fails, of: Mutant<Needs>["of"]): Mutant<Needs> => ({ name, fails, of })

/** With some errors of commands changed. */
export const failingWith = (change: (error: RuntimeError) => RuntimeError) => ending(Effect.mapError(change))

export const unavailable = (cause: unknown) => new StoreUnavailable({ operation: "append", cause })

export const isTold = (error: OutcomeUnknown, text: string) =>
  error.cause instanceof Error && error.cause.message.includes(text)

/** The effect of a decision that is one. */
export const effectOf = <E, Failure>(
  decision: Either.Either<ReadonlyArray<E>, Failure> | Effect.Effect<ReadonlyArray<E>, Failure>
): Effect.Effect<ReadonlyArray<E>, Failure> | undefined => (Either.isEither(decision) ? undefined : decision)

/** Loads its state again after a decision that threw: it takes this event in its place, on which `evolve` throws. */
export const reloadingAfterThrow = <E extends { readonly _tag: string }>(event: E) =>
  defining(({ decide, evolve }) => {
    let thrown: { readonly error: unknown } | undefined
    return {
      decide: (...args) => {
        try {
          return decide(...args)
        } catch (error) {
          thrown = { error }
          return Either.right([event])
        }
      },
      evolve: (state, next) => {
        const found = thrown
        thrown = undefined
        if (found !== undefined) throw found.error
        return evolve(state, next)
      }
    }
  })
