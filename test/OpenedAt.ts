/** A database of accounts that were opened by clocks which are off. */
import { Clock, Effect, Layer } from "effect"
import { Account } from "../src/bank/account/Account.ts"
import * as AccountBehaviour from "../src/bank/account/AccountBehaviour.ts"
import { AccountId } from "../src/bank/account/AccountSchemas.ts"
import * as ActorSystemLocal from "../src/core/ActorSystemLocal.ts"
import * as SqliteStore from "../src/sql/SqliteStore.ts"

/** Opens accounts one after the other, by the name and by how many milliseconds the clock is off. */
export const write = (filename: string, accounts: ReadonlyArray<readonly [id: string, offsetMs: number]>) =>
  Effect.forEach(accounts, ([id, offset]) => {
    const inner = Clock.make()
    const clock: Clock.Clock = Object.assign(Object.create(inner), {
      currentTimeMillis: Effect.map(inner.currentTimeMillis, (millis) => millis + offset),
      unsafeCurrentTimeMillis: () => inner.unsafeCurrentTimeMillis() + offset
    })
    return Effect.flatMap(Account, (accounts) =>
      accounts(AccountId.make(id)).Open({ owner: "Ada", currency: "CZK", overdraftLimit: "100" })
    ).pipe(
      Effect.provide(AccountBehaviour.layer.pipe(Layer.provide(ActorSystemLocal.layer))),
      Effect.withClock(clock),
      Effect.provide(SqliteStore.layer({ filename }))
    )
  })
