/**
 * Stores with one fault each in what they do of an operator's work, for the rules of `OperationConformance` and
 * `OperationAtomicity`.
 */
import { Effect } from "effect"
import { EventStore, type Operated } from "../../core/EventStore.ts"
import { maxReasonLength } from "../../core/Journal.ts"
import { CommandIdReused } from "../../core/StoreError.ts"
import type { Mutant } from "./Mutant.ts"
import { mutant, type ReadSide } from "./PortMutant.ts"

export const OperationMutants: ReadonlyArray<Mutant<ReadSide>> = [
  mutant("gives the last operation of a page again", ["an operation is done"], EventStore, ({ readOperations }) => ({
    readOperations: (after, limit) => readOperations(Math.max(after - 1, 0), limit)
  })),
  mutant("says of no operation that it was done before", ["the same operation"], EventStore, ({ operate }) => ({
    operate: (operation, work) => Effect.map(operate(operation, work), (done) => ({ ...done, replayed: false }))
  })),
  mutant("gives anyone who has a key the entry under it", ["a key that was used"], EventStore, ({ operate }) => {
    const known = new Map<string | null | undefined, Operated>()
    return {
      operate: (operation, work) =>
        operate(operation, work).pipe(
          Effect.tap((done) => Effect.sync(() => void known.set(operation.key, done))),
          Effect.catchAll((error) => {
            const done = known.get(operation.key)
            return error instanceof CommandIdReused && done !== undefined ? Effect.succeed(done) : Effect.fail(error)
          })
        )
    }
  }),
  mutant("enters work that failed", ["work that fails"], EventStore, ({ operate, record }) => ({
    operate: (operation, work) => Effect.tapError(operate(operation, work), () => Effect.either(record(operation)))
  })),
  mutant("cuts a reason that is too long", ["texts that no store"], EventStore, ({ operate }) => ({
    operate: ({ reason, ...operation }, work) =>
      operate({ ...operation, reason: reason?.slice(0, maxReasonLength) ?? null }, work)
  }))
]

export const OperationAtomicityMutants: ReadonlyArray<Mutant<ReadSide>> = [
  mutant("does the work before the transaction", ["what failed work"], EventStore, ({ operate }) => ({
    operate: (operation, work) => Effect.flatMap(work, (detail) => operate(operation, Effect.succeed(detail)))
  }))
]
