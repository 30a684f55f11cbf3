/** What the process of holds schedules, and when a hold ends by it: given, when, then with time. */
import { describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Account, type AccountState } from "../../src/bank/account/Account.ts"
import * as AccountBehaviour from "../../src/bank/account/AccountBehaviour.ts"
import { HoldCaptured, HoldPlaced, HoldReleased } from "../../src/bank/account/AccountEvents.ts"
import { AccountId } from "../../src/bank/account/AccountSchemas.ts"
import * as HoldProcess from "../../src/bank/account/HoldProcess.ts"
import { CommandIdReused } from "../../src/core/StoreError.ts"
import * as Timers from "../../src/projection/Timers.ts"
import { fails, make, shows } from "../../src/testing/ReactionSpec.ts"

const HoldSpec = make(HoldProcess.reaction, Layer.merge(AccountBehaviour.layer, Timers.part.layer))

const stream = Account.streamId(AccountId.make("anna"))
const key = "hold h of account anna"
const timer = `timer-${key}`
const noon = "2026-03-01T12:00:00Z"
const placed = (expiresAt?: string) =>
  HoldPlaced.make({ holdId: "h", amount: { minor: 500n, decimals: 2 }, ...(expiresAt !== undefined && { expiresAt }) })
/** The account as it is when the process looks: with this hold, or without one. */
const account = (expiresAt?: string | null) => {
  const hold = { holdId: "h", amount: 500n, expiresAt: typeof expiresAt === "string" ? Date.parse(expiresAt) : null }
  const state: Partial<AccountState> = { holds: expiresAt === undefined ? [] : [hold] }
  return shows(stream, state)
}
const expires = [stream, "ExpireHold"] as const

describe("the process of holds", () => {
  it.effect("has a hold end at its time, and not before", () =>
    Effect.gen(function* () {
      const when = HoldSpec.given(account(noon)).when(placed(noon), stream)
      yield* when.sends([timer, "Schedule", 0])
      yield* when.schedules({ key, at: new Date(noon), sends: expires })
      yield* when.fires({ at: new Date("2026-03-01T11:59:59.999Z") })
      yield* when.fires({ at: new Date(noon) }, expires)
    })
  )

  it.effect("has no timer for a hold that never expires, nor for one that has ended by now", () =>
    Effect.gen(function* () {
      yield* HoldSpec.given(account(null)).when(placed(), stream).sends()
      yield* HoldSpec.given(account()).when(placed(noon), stream).sends()
      // Another hold has the id by now, and a timer of its own event.
      yield* HoldSpec.given(account("2026-03-02T12:00:00Z")).when(placed(noon), stream).sends()
    })
  )

  it.effect.each([HoldCaptured.make({ holdId: "h" }), HoldReleased.make({ holdId: "h" })])(
    "cancels the timer of a hold that ended before its time, %#",
    (ended) =>
      Effect.gen(function* () {
        const when = HoldSpec.given(account(noon)).when(placed(noon), stream).and(ended, stream, account())
        yield* when.sends([timer, "Cancel", 0])
        yield* when.fires({ at: new Date("2026-03-02T12:00:00Z") })
      })
  )

  it.effect.each([HoldCaptured.make({ holdId: "h" }), HoldReleased.make({ holdId: "h" })])(
    "asks no timer for a hold that had none, %#",
    (ended) => HoldSpec.given(account()).when(ended, stream).sends()
  )

  it.effect("leaves the timer of a hold that was placed since under the same id", () =>
    Effect.gen(function* () {
      const when = HoldSpec.given(account(noon))
        .when(placed(noon), stream)
        .and(HoldCaptured.make({ holdId: "h" }), stream)
      yield* when.sends()
      yield* when.fires({ at: new Date(noon) }, expires)
    })
  )

  it.effect("tries again where the timer cannot be scheduled", () =>
    HoldSpec.given(account(noon), fails(timer, "Schedule", new CommandIdReused({ commandId: "c" })))
      .when(placed(noon), stream)
      .failsAfter([timer, "Schedule", 0])
  )
})
