/** Statements of accounts for a service: few at once, and what a request for one cannot have as a `Problem`. */
import { Effect } from "effect"
import type { EventStore } from "../../core/EventStore.ts"
import * as Failures from "../../http/Failures.ts"
import { HttpConfig } from "../../http/HttpConfig.ts"
import * as Places from "../../http/Places.ts"
import * as Statement from "../account/Statement.ts"
import * as BankProblem from "./BankProblem.ts"

/** Few at once: each reads the whole stream. */
export const reader = Effect.gen(function* () {
  const context = yield* Effect.context<EventStore | Places.Places>()
  const { maxTimeTravels } = yield* HttpConfig
  const permits = yield* Effect.makeSemaphore(maxTimeTravels)
  return (id: string, options: Statement.Options) =>
    Statement.make(id, options).pipe(
      Effect.mapError((error) => {
        if (error._tag === "StoreUnavailable" || error._tag === "InvalidArgument") return Failures.ofLookup(error)
        return Failures.damaged(error)
      }),
      Effect.filterOrFail(
        (found) => found !== undefined,
        () => BankProblem.make("account-not-found")
      ),
      permits.withPermits(1),
      Places.waiting,
      Effect.provide(context)
    )
})
