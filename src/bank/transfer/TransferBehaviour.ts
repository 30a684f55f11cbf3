/** What a transfer does: how far it may go with each thing that its process saw. Plain functions, without effects. */
import { Either, type Layer } from "effect"
import type { ActorSystem } from "../../core/ActorSystem.ts"
import type * as Aggregate from "../../core/Aggregate.ts"
import type { DecideContext } from "../../core/Definition.ts"
import { InvalidAmount, UnknownCurrency } from "../account/AccountError.ts"
import type { TransferView } from "../account/AccountSchemas.ts"
import * as Money from "../account/Money.ts"
import { Transfer, type TransferState } from "./Transfer.ts"
import { SameAccount, TransferExists, TransferNotFound, UnexpectedStep } from "./TransferError.ts"
import {
  RefundRequested,
  SourceDebited,
  SourceRefunded,
  TransferCompleted,
  type TransferEvent,
  TransferRefused,
  TransferRequested
} from "./TransferEvents.ts"

/** The transfer as clients see it. */
export const view = (transfer: TransferState): TransferView => {
  const { amount: minor, decimals, from, reason, status, to, transferId } = transfer
  const hasEnded = status === "completed" || status === "refused"
  return {
    transferId,
    from,
    to,
    amount: Money.format({ minor, decimals }),
    status: hasEnded ? status : "pending",
    ...(status === "refused" && reason !== null && { reason })
  }
}

type Behaviour = Aggregate.BehaviourOf<typeof Transfer>

/**
 * The events that a step leads to from each status; none where it was taken before. It cannot be taken from the others.
 */
type Table = Partial<Record<TransferState["status"], ReadonlyArray<TransferEvent>>>

const step = (table: Table, { status }: TransferState, { id: transferId }: DecideContext) => {
  const events = table[status]
  if (events !== undefined) return Either.right(events)
  return Either.left(
    status === "none" ? new TransferNotFound({ transferId }) : new UnexpectedStep({ transferId, status })
  )
}

const debited = SourceDebited.make({})
const completed = TransferCompleted.make({})

export const behaviour: Behaviour = {
  decide: {
    Request: ({ amount, currency, from, reference, to }, { status }, { id: transferId }) => {
      if (status !== "none") return Either.left(new TransferExists({ transferId }))
      if (from === to) return Either.left(new SameAccount({ accountId: from }))
      const decimals = Money.decimalsOf(currency)
      if (decimals === undefined) return Either.left(new UnknownCurrency({ currency }))
      return Either.mapBoth(Money.parse(amount, decimals), {
        onLeft: () =>
          new InvalidAmount({ field: "amount", reason: `has more than the ${decimals} decimals of ${currency}` }),
        onRight: (minor) => [
          TransferRequested.make({
            transferId,
            from,
            to,
            currency,
            amount: { minor, decimals },
            ...(reference !== undefined && { reference })
          })
        ]
      })
    },
    NoteDebit: (_, state, context) =>
      step({ requested: [debited], debited: [], refunding: [], completed: [], refused: [] }, state, context),
    Complete: (_, state, context) =>
      step(
        { requested: [debited, completed], debited: [completed], refunding: [completed], completed: [] },
        state,
        context
      ),
    Refuse: ({ reason }, state, context) =>
      step({ requested: [TransferRefused.make({ reason })], refused: [] }, state, context),
    RequestRefund: ({ reason }, state, context) => {
      const requested = RefundRequested.make({ reason })
      return step(
        { requested: [debited, requested], debited: [requested], refunding: [], completed: [], refused: [] },
        state,
        context
      )
    },
    NoteRefund: (_, state, context) => step({ refunding: [SourceRefunded.make({})], refused: [] }, state, context)
  },
  evolve: {
    TransferRequested: (_, { amount, currency, from, to, transferId }) => ({
      status: "requested",
      transferId,
      from,
      to,
      currency,
      decimals: amount.decimals,
      amount: amount.minor,
      reason: null
    }),
    SourceDebited: (transfer) => ({ ...transfer, status: "debited" }),
    TransferCompleted: (transfer) => ({ ...transfer, status: "completed" }),
    TransferRefused: (transfer, { reason }) => ({ ...transfer, status: "refused", reason }),
    RefundRequested: (transfer, { reason }) => ({ ...transfer, status: "refunding", reason }),
    SourceRefunded: (transfer) => ({ ...transfer, status: "refused" })
  },
  reply: { Request: view, NoteDebit: view, Complete: view, Refuse: view, RequestRefund: view, NoteRefund: view }
}

/** Transfers on an actor system. */
export const layer: Layer.Layer<Aggregate.Service<"Transfer">, never, ActorSystem> = Transfer.toLayer(behaviour)
