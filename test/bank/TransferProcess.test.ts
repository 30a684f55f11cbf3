/** What the process of a transfer sends for each thing that can happen on its way. */
import { describe, it } from "@effect/vitest"
import { type Clock, Effect, Layer, TestClock } from "effect"
import * as AccountBehaviour from "../../src/bank/account/AccountBehaviour.ts"
import {
  CreditRefused,
  DebitRefused,
  NothingToRefund,
  TransfersUnreadable
} from "../../src/bank/account/AccountError.ts"
import * as PendingTransfers from "../../src/bank/transfer/PendingTransfers.ts"
import * as TransferBehaviour from "../../src/bank/transfer/TransferBehaviour.ts"
import { TransferRequested } from "../../src/bank/transfer/TransferEvents.ts"
import * as TransferProcess from "../../src/bank/transfer/TransferProcess.ts"
import { MailboxFull, UnreadableAnswer } from "../../src/core/ActorError.ts"
import { CommandIdReused, OutcomeUnknown } from "../../src/core/StoreError.ts"
import { Timer } from "../../src/projection/Timer.ts"
import * as Timers from "../../src/projection/Timers.ts"
import { fails, make, refuses, replays, type Sent, shows } from "../../src/testing/ReactionSpec.ts"

const TransferSpec = make(
  TransferProcess.reaction,
  Layer.mergeAll(AccountBehaviour.layer, TransferBehaviour.layer, Timers.part.layer, PendingTransfers.layer)
)
/** With what one process remembers between two attempts. */
const remembering = (waits: PendingTransfers.PendingTransfers["Type"]) =>
  make(
    TransferProcess.reaction,
    Layer.mergeAll(
      AccountBehaviour.layer,
      TransferBehaviour.layer,
      Timers.part.layer,
      Layer.succeed(PendingTransfers.PendingTransfers, waits)
    )
  )
const requested = TransferRequested.make({
  transferId: "t1",
  from: "anna",
  to: "bert",
  currency: "EUR",
  amount: { minor: 500n, decimals: 2 }
})

// The numbers are part of ids that are stored: they stay.
const debit: Sent = ["account-anna", "Debit", 0]
const credit: Sent = ["account-bert", "Credit", 1]
const refund: Sent = ["account-anna", "Refund", 1]
const noteDebit: Sent = ["transfer-t1", "NoteDebit", 2]
const requestRefund: Sent = ["transfer-t1", "RequestRefund", 3]
const complete: Sent = ["transfer-t1", "Complete", 4]
const timeout: Sent = ["timer-timeout of transfer t1", "Schedule", 5]
const cancelTimeout: Sent = ["timer-timeout of transfer t1", "Cancel", 6]
const refuse: Sent = ["transfer-t1", "Refuse", 4]
const noteRefund: Sent = ["transfer-t1", "NoteRefund", 4]

const taken = new CommandIdReused({ commandId: "late" })
const unknown = new OutcomeUnknown({ cause: new Error("injected") })
const busy = new MailboxFull({ streamId: "account-bert", capacity: 1 })
const closed = new CreditRefused({ accountId: "bert", reason: "closed" })
const sends = { aggregate: "Transfer", id: "t1", command: "RequestRefund", payload: "{}", payloadVersion: 1 }
/** How the timer of the timeout reads. */
const timer = (status: "fired" | "cancelled" | "pending") =>
  shows(Timer.streamId("timeout of transfer t1"), { status, due: 60_000, ...sends })

describe("the process of a transfer", () => {
  it.effect("debits, credits and completes it", () =>
    TransferSpec.given().when(requested).sends(debit, credit, complete)
  )

  it.effect("refuses it when its source does", () =>
    TransferSpec.given(
      refuses("account-anna", "Debit", new DebitRefused({ accountId: "anna", reason: "insufficient-funds" }))
    )
      .when(requested)
      .sends(debit, refuse)
  )

  it.effect("refuses it where too many are under way, by a reason of that name", () =>
    Effect.gen(function* () {
      const full = new DebitRefused({ accountId: "anna", reason: "too-many-transfers" })
      yield* TransferSpec.given(refuses("account-anna", "Debit", full))
        .when(requested)
        .sends(debit, refuse)
    })
  )

  it.effect("asks again, and refuses nothing, where it is not known whether too many are under way", () =>
    Effect.gen(function* () {
      const untold = new TransfersUnreadable({ accountId: "anna", transferId: "old-1" })
      yield* TransferSpec.given(refuses("account-anna", "Debit", untold))
        .when(requested)
        .failsAfter(debit)
      // A newer release refused it, for what this one has no words for.
      const newer = { aggregate: "Account", command: "Debit", outcome: "refusal", path: "", reason: "newer" } as const
      yield* TransferSpec.given(fails("account-anna", "Debit", new UnreadableAnswer({ ...newer, answerVersion: 3 })))
        .when(requested)
        .failsAfter(debit)
    })
  )

  it.effect("gives the money back when its target refuses it", () =>
    TransferSpec.given(refuses("account-bert", "Credit", closed))
      .when(requested)
      .sends(debit, credit, requestRefund, refund, noteRefund)
  )

  it.effect("asks again, and gives nothing back, while it does not know (TR9)", () =>
    Effect.gen(function* () {
      yield* TransferSpec.given(fails("account-anna", "Debit", unknown))
        .when(requested)
        .failsAfter(debit)
      for (const error of [unknown, busy]) {
        yield* TransferSpec.given(fails("account-bert", "Credit", error))
          .when(requested)
          .failsAfter(debit, credit, noteDebit, timeout)
      }
    })
  )

  it.effect("gives the money back when its target does not answer in time", () =>
    Effect.gen(function* () {
      const waiting = TransferSpec.given(fails("account-bert", "Credit", unknown)).when(requested)
      yield* waiting.fires({ after: "59 seconds" })
      yield* waiting.fires({ after: "1 minute" }, ["transfer-t1", "RequestRefund"])
      yield* TransferSpec.given(fails("account-bert", "Credit", unknown), timer("fired"))
        .when(requested)
        .sends(debit, credit, requestRefund, refund, noteRefund)
    })
  )

  it.effect("waits for its target for as long as it takes, where an operator cancelled the timer", () =>
    Effect.gen(function* () {
      const waits = yield* Effect.provide(PendingTransfers.PendingTransfers, PendingTransfers.layer)
      const given = remembering(waits).given(fails("account-bert", "Credit", unknown), timer("cancelled"))
      yield* given.when(requested).failsAfter(debit, credit, noteDebit, timeout)
      yield* TestClock.adjust("10 hours")
      yield* given.when(requested).failsAfter(debit, credit, noteDebit, timeout)
    })
  )

  it.effect(
    "cancels the timer with the end of a transfer whose target has taken long, and asks for none otherwise",
    () =>
      Effect.gen(function* () {
        const again = TransferSpec.given(replays("account-anna", "Debit"), timer("pending"))
        yield* again.when(requested).sends(debit, credit, complete, cancelTimeout)
        yield* TransferSpec.given(replays("account-anna", "Debit"), refuses("account-bert", "Credit", closed))
          .when(requested)
          .sends(debit, credit, requestRefund, refund, noteRefund, cancelTimeout)
      })
  )

  it.effect("gives the money back in time on a clock that is set back, where its timer waits for longer", () =>
    Effect.gen(function* () {
      const clock = yield* Effect.clock
      const wall = (by: number): Clock.Clock =>
        Object.assign(Object.create(clock), {
          currentTimeMillis: Effect.map(clock.currentTimeMillis, (now) => now + by)
        })
      const back = Effect.withClock(wall(-3_600_000))
      // What one process remembers between two attempts.
      const waits = yield* Effect.provide(PendingTransfers.PendingTransfers, PendingTransfers.layer)
      const given = remembering(waits).given(fails("account-bert", "Credit", unknown), timer("pending"))
      yield* back(given.when(requested).failsAfter(debit, credit, noteDebit, timeout))
      yield* TestClock.adjust("59 seconds")
      yield* back(given.when(requested).failsAfter(debit, credit, noteDebit, timeout))
      yield* TestClock.adjust("1 second")
      yield* back(given.when(requested).sends(debit, credit, requestRefund, refund, noteRefund))
      // It is forgotten with its end, and another process knows only its timer.
      yield* back(given.when(requested).failsAfter(debit, credit, noteDebit, timeout))
    })
  )

  it.effect("completes it when its target has the money after all", () =>
    Effect.gen(function* () {
      const late = timer("fired")
      yield* TransferSpec.given(late, fails("account-bert", "Credit", unknown), fails("account-anna", "Refund", taken))
        .when(requested)
        .sends(debit, credit, requestRefund, refund, complete)
    })
  )

  it.effect("does not credit what was given back before", () =>
    TransferSpec.given(fails("account-bert", "Credit", taken))
      .when(requested)
      .sends(debit, credit, noteRefund)
  )

  it.effect("tries again when the money cannot be given back (TR10)", () =>
    Effect.gen(function* () {
      const given = TransferSpec.given(
        refuses("account-bert", "Credit", closed),
        refuses("account-anna", "Refund", new NothingToRefund({ accountId: "anna", transferId: "t1" }))
      )
      yield* given.when(requested).failsAfter(debit, credit, requestRefund, refund)
      yield* TransferSpec.given(refuses("account-bert", "Credit", closed), fails("account-anna", "Refund", unknown))
        .when(requested)
        .failsAfter(debit, credit, requestRefund, refund)
    })
  )
})
