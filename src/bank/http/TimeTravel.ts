/** An account as it was, for the service: few such questions at once, and what each of them cannot have as a `Problem`. */
import { Effect, Option } from "effect"
import type { Committed } from "../../core/Definition.ts"
import { EventStore } from "../../core/EventStore.ts"
import type { SnapshotStore } from "../../core/SnapshotStore.ts"
import * as TimeTravel from "../../core/TimeTravel.ts"
import * as Failures from "../../http/Failures.ts"
import { HttpConfig } from "../../http/HttpConfig.ts"
import * as Places from "../../http/Places.ts"
import { Problem } from "../../http/Problem.ts"
import { Account, type AccountState } from "../account/Account.ts"
import * as AccountBehaviour from "../account/AccountBehaviour.ts"
import type { AccountId } from "../account/AccountSchemas.ts"
import * as BankProblem from "./BankProblem.ts"

const definition = Account.define(AccountBehaviour.behaviour)

const toProblem = (error: Effect.Effect.Error<ReturnType<typeof TimeTravel.stateAt>>) => {
  switch (error._tag) {
    case "StoreUnavailable":
      return Failures.storeUnavailable(error)
    case "InvalidArgument":
      return Failures.invalidArgument(error)
    case "NoSuchVersion":
      return error.head === 0 ? BankProblem.make("account-not-found") : new Problem("version-not-found")
    default:
      return Failures.damaged(error)
  }
}

export const make = Effect.gen(function* () {
  const context = yield* Effect.context<EventStore | SnapshotStore | Places.Places>()
  const store = yield* EventStore
  const { maxTimeTravels } = yield* HttpConfig
  const permits = yield* Effect.makeSemaphore(maxTimeTravels)

  /** None where the account was not yet open. */
  return (id: AccountId, when: { readonly version: number } | { readonly at: number }) =>
    Effect.gen(function* () {
      const moment = "at" in when ? { at: new Date(when.at) } : when
      const found = yield* Effect.mapError(TimeTravel.stateAt(definition, id, moment), toProblem)
      if (found.version > 0) return Option.some<Committed<AccountState>>(found)
      const head = yield* Effect.mapError(store.head(Account.streamId(id)), Failures.ofReading)
      return head.version === 0 ? yield* Effect.fail(BankProblem.make("account-not-found")) : Option.none()
    }).pipe(permits.withPermits(1), Places.waiting, Effect.provide(context))
})
