/**
 * `TransferProcess` drives transfers: a reaction that takes each from its request to its end. It keeps nothing in memory. All
 * its commands have ids derived from the request's event, so that after a crash it walks the same way again and gets the same
 * answers, up to where it came; then it goes on.
 *
 * No transfer is both credited and refunded: the two commands share one id, of which the store keeps the first that
 * commits, in the transaction that stores its event. The other one gets `CommandIdReused`, which tells how the transfer
 * ended. So a timeout needs no certainty about the target, and nothing is compensated blindly. The debit has an id of its own
 * and a refusal of it is kept, so it too has one answer for ever; where the log cannot tell what that is, it is tried again.
 *
 * A target that does not answer at first gets a timer, which has the transfer ask for its refund when the timeout is over, also where
 * that passes while nobody runs. Where it does not fire in time, since timers do not run here or the clock was set back, the process
 * goes by how long it has seen the target not answer: that delays the refund by one timeout at most. An operator who cancels the timer
 * has the transfer wait for its target. Whatever the clocks do, they only choose when the refund is tried.
 */
import { Duration, Effect, Either, Layer } from "effect"
import type { EventStore } from "../../core/EventStore.ts"
import type { Recorded } from "../../core/Recorded.ts"
import type { ProjectionStore } from "../../projection/ProjectionStore.ts"
import * as Reaction from "../../projection/Reaction.ts"
import * as Timers from "../../projection/Timers.ts"
import { Account } from "../account/Account.ts"
import type { CreditRefused, DebitRefused } from "../account/AccountError.ts"
import { AccountId, type Reason, type RefundReason, TransferId } from "../account/AccountSchemas.ts"
import * as Money from "../account/Money.ts"
import { PendingTransfers } from "./PendingTransfers.ts"
import { Transfer } from "./Transfer.ts"
import { TransferConfig } from "./TransferConfig.ts"
import { TransferRequested } from "./TransferEvents.ts"

export const name = "transfers"

type Requested = ReturnType<typeof TransferRequested.make>

/** Which of a transfer's commands has which number, in the ids that are derived from its request. Never changed: ids are stored. */
const numbers = { debit: 0, settle: 1, noteDebit: 2, requestRefund: 3, end: 4, timeout: 5, cancelTimeout: 6 }

/** The key of the timer of its timeout. */
export const timeoutOf = (transferId: TransferId): string => `timeout of transfer ${transferId}`

const ofSource = (reason: DebitRefused["reason"]): Reason =>
  reason === "insufficient-funds" || reason === "too-many-transfers" ? reason : `source-${reason}`
const ofTarget = (reason: CreditRefused["reason"]): RefundReason =>
  reason === "currency-mismatch" ? reason : `target-${reason}`

/** The steps of a transfer, each under its id. */
const stepsOf = Effect.fnUntraced(function* ({ event, stored }: Recorded<Requested>, commandId: Reaction.CommandIdOf) {
  const accounts = yield* Account
  const transfers = yield* Transfer
  const waits = yield* PendingTransfers
  const targetTimeout = Duration.toMillis((yield* TransferConfig).targetTimeout)
  // They were checked when they were stored.
  const [from, to] = [AccountId.make(event.from), AccountId.make(event.to)]
  const transferId = TransferId.make(event.transferId)
  const [source, target, transfer] = [accounts(from), accounts(to), transfers(transferId)]

  const options = (command: keyof typeof numbers) => ({ commandId: commandId(numbers[command]) })
  const { amount, currency, reference } = event
  const leg = { transferId, currency, amount: Money.format(amount), ...(reference !== undefined && { reference }) }
  const complete = transfer.Complete(undefined, options("end"))
  const timeout = timeoutOf(transferId)
  let isFirstWalk = true

  return {
    transferId,
    complete,
    /** Whether the source has paid. Where it has not, the transfer is refused. */
    debit: Effect.gen(function* () {
      const { outcome, replayed } = yield* source.ask("Debit", { ...leg, account: to }, options("debit"))
      isFirstWalk = !replayed
      if (Either.isRight(outcome)) return true
      if (outcome.left._tag === "TransfersUnreadable") return yield* outcome.left
      yield* transfer.Refuse({ reason: ofSource(outcome.left.reason) }, options("end"))
      return false
    }),
    /** Whether the target has had its time. */
    isTimedOut: Effect.gen(function* () {
      const { status } = yield* Timers.find(timeout)
      const waited = yield* waits.waited(transferId)
      return status === "fired" || (status !== "cancelled" && waited >= targetTimeout)
    }),
    /** Once: what is scheduled again under its id is what was scheduled. Made where it is needed, which is seldom. */
    startTimeout: Effect.suspend(() =>
      Timers.schedule(
        timeout,
        {
          at: stored.recordedAt + targetTimeout,
          send: Timers.command(Transfer, transferId, "RequestRefund", { reason: "target-unavailable" })
        },
        options("timeout")
      )
    ),
    /** Ends it: tells those who wait, and cancels the timer, which only an earlier walk can have made. */
    ended: Effect.suspend(() => {
      const cancelled = isFirstWalk ? Effect.void : Timers.cancel(timeout, options("cancelTimeout"))
      return Effect.zipRight(waits.ended(transferId), cancelled)
    }),
    credit: target.Credit({ ...leg, account: from }, options("settle")),
    /** Where the money is while the reaction tries again. */
    noteDebit: transfer.NoteDebit(undefined, options("noteDebit")),
    noteRefund: transfer.NoteRefund(undefined, options("end")),
    /** Gives the money back, unless the target has it. */
    refund: (reason: RefundReason) =>
      Effect.gen(function* () {
        // After a restart the reason may be another one. By its id it is the same command, and the first reason stays.
        yield* transfer.RequestRefund({ reason }, options("requestRefund"))
        const refunded = yield* Effect.either(source.Refund({ ...leg, account: to }, options("settle")))
        if (Either.isRight(refunded)) yield* transfer.NoteRefund(undefined, options("end"))
        else if (refunded.left._tag === "CommandIdReused") yield* complete
        else yield* refunded.left
      })
  }
})

export const react = Effect.fnUntraced(function* (recorded: Recorded<Requested>, commandId: Reaction.CommandIdOf) {
  const { answerTimeout } = yield* TransferConfig
  const steps = yield* stepsOf(recorded, commandId)
  if (!(yield* steps.debit)) return yield* steps.ended

  const credit = yield* steps.credit.pipe(Effect.timeout(answerTimeout), Effect.either)
  if (Either.isRight(credit)) yield* steps.complete
  else if (credit.left._tag === "CreditRefused") yield* steps.refund(ofTarget(credit.left.reason))
  else if (credit.left._tag === "CommandIdReused") yield* steps.noteRefund
  else if (yield* steps.isTimedOut) yield* steps.refund("target-unavailable")
  else {
    yield* steps.noteDebit
    yield* steps.startTimeout
    return yield* credit.left
  }
  yield* steps.ended
})

/** An operator gives it up: what was taken goes back, unless the target has it. Nothing is left to a human. */
const abandon: Reaction.Abandon<Requested, Effect.Effect.Context<ReturnType<typeof react>>> = {
  says: ({ event: { from, to, transferId } }) =>
    `the transfer ${transferId} ends refused: account ${to} does not get its money, and what was taken from account ${from}, ` +
    "if anything was, goes back as soon as that takes commands; if the target has the money already, the transfer ends completed",
  react: Effect.fnUntraced(function* (recorded, commandId) {
    const { debit, ended, refund } = yield* stepsOf(recorded, commandId)
    if (yield* debit) yield* refund("target-unavailable")
    yield* ended
    return null
  })
}

export const reaction = Reaction.make({
  name,
  events: [Transfer.event(TransferRequested)],
  react,
  abandon,
  // Whatever was requested is to be done, however late.
  startFrom: "beginning"
})

/** Drives the transfers of this database while its scope is open. Several processes may: they do no harm to each other. */
export const layer: Layer.Layer<
  never,
  never,
  EventStore | ProjectionStore | Effect.Effect.Context<ReturnType<typeof react>>
> =
  // It says where it begins.
  Layer.orDie(Reaction.layer(reaction))
