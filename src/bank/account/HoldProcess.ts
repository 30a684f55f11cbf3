/**
 * `HoldProcess` ends holds when their time has come: a reaction that has a timer for each open hold with an
 * `expiresAt`, and cancels it when the hold is captured or released. The timer sends `ExpireHold`, so that an expiry is
 * an event of the account though nobody asks for it.
 *
 * No money depends on it. An account counts no hold whose time has passed, with or without a timer
 * (`AccountBehaviour.expire`), also where timers do not run or a release without them runs beside this one. A timer
 * cannot end another hold: `ExpireHold` names the hold with its time, and does nothing where no such hold is open.
 *
 * It begins at the log's first event: what is open there was placed before this reaction was known. What has ended by
 * now gets no timer, so that a long history costs reads and no commits.
 */
import { Effect } from "effect"
import * as Reaction from "../../projection/Reaction.ts"
import { Timer } from "../../projection/Timer.ts"
import * as Timers from "../../projection/Timers.ts"
import { Account } from "./Account.ts"
import { HoldCaptured, HoldPlaced, HoldReleased } from "./AccountEvents.ts"
import { AccountId, HoldId } from "./AccountSchemas.ts"

export const name = "holds"

const prefix = Account.streamId(AccountId.make("a")).slice(0, -1)

/** One key for all holds that have this id one after the other: the newest one has the timer. */
export const timerOf = (accountId: AccountId, holdId: string): string => `hold ${holdId} of account ${accountId}`

export const reaction = Reaction.make({
  name,
  events: [Account.event(HoldPlaced), Account.event(HoldCaptured), Account.event(HoldReleased)],
  startFrom: "beginning",
  react: Effect.fnUntraced(function* ({ event, stored }, commandId) {
    if (event._tag === "HoldPlaced" && event.expiresAt === undefined) return
    // It was checked when it was stored.
    const accountId = AccountId.make(stored.streamId.slice(prefix.length))
    const key = timerOf(accountId, event.holdId)
    const timer = (yield* Timer)(key)
    // Read before the account: a timer that is there now is of a hold that the account shows, or that has ended.
    const scheduled = event._tag === "HoldPlaced" ? undefined : yield* timer.state
    const { state } = yield* (yield* Account)(accountId).state
    const open = state.holds.find(({ holdId }) => holdId === event.holdId)
    if (event._tag === "HoldPlaced") {
      const { expiresAt } = event
      if (expiresAt === undefined || open?.expiresAt !== Date.parse(expiresAt)) return
      const send = Timers.command(Account, accountId, "ExpireHold", { holdId: HoldId.make(event.holdId), expiresAt })
      yield* Timers.schedule(key, { at: Date.parse(expiresAt), send }, { commandId: commandId() })
    } else if (open === undefined && scheduled?.state.status === "pending") {
      yield* timer.Cancel({}, { commandId: commandId(), expectedVersion: scheduled.version })
    }
  }),
  abandon: {
    says: ({ event, stored }) =>
      `the timer of the hold ${event.holdId} of ${stored.streamId} stays as it is; the account itself counts no hold whose time has passed`,
    react: () => Effect.succeed(null)
  }
})
