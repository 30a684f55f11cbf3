/**
 * `AgedAccount` is an account after several releases, for tests of reading what earlier ones stored: a float became
 * minor units, a field came with a default, the bank's raw rows became deposits and withdrawals, one event has another
 * name, and one is gone.
 */
import * as Rpc from "@effect/rpc/Rpc"
import { Either, Schema } from "effect"
import * as Aggregate from "../core/Aggregate.ts"
import * as Event from "../core/Event.ts"

const Minor = Schema.BigInt

/** Version 2 knows when: the time at which version 1 was stored. */
const Opened = Event.make("Opened", { owner: Schema.String }).next(
  { owner: Schema.String, openedAt: Schema.Int },
  (v1, { recordedAt }) => ({ ...v1, openedAt: recordedAt })
)

/** The version that the bank's rows were split into. */
const Deposited2 = Event.make("Deposited", { amount: Schema.Number }).next({ amount: Minor }, ({ amount }) => ({
  amount: BigInt(Math.round(amount * 100)).toString()
}))
const Deposited = Deposited2.next({ amount: Minor, reference: Schema.NullOr(Schema.String) }, (v2) => ({
  ...v2,
  reference: null
}))

const Withdrawn = Event.make("Debited", { amount: Minor, reference: Schema.NullOr(Schema.String) }).renamed("Withdrawn")
const FeeTaken = Event.make("FeeTaken", { amount: Minor })

/** The bank's row as it came. Two of its codes mean a debit, and a symbol of nothing but spaces is none. */
const BankRow = Event.make("BankRow", {
  code: Schema.Literal("PRIJEM", "VYDAJ", "VYBER"),
  amount: Schema.Int,
  symbol: Schema.String,
  fee: Schema.optionalWith(Schema.Int, { exact: true })
}).split([Deposited, Withdrawn, FeeTaken], ({ amount, code, fee, symbol }) => {
  const reference = symbol.trim() === "" ? null : symbol.trim()
  const booking =
    code === "PRIJEM"
      ? Deposited2.stored({ amount: String(amount) })
      : Withdrawn.stored({ amount: String(amount), reference })
  return fee === undefined ? [booking] : [booking, FeeTaken.stored({ amount: String(fee) })]
})
const StatementPrinted = Event.make("StatementPrinted", { page: Schema.Int }).retired()

export class AgedAccount extends Aggregate.make("AgedAccount", {
  id: Schema.String,
  state: Schema.Struct({ balance: Minor, events: Schema.Int, openedAt: Schema.Int }),
  initial: { balance: 0n, events: 0, openedAt: 0 },
  events: [Opened, Deposited, Withdrawn, FeeTaken, BankRow, StatementPrinted],
  commands: [Rpc.make("Deposit", { payload: { amount: Minor }, success: Schema.Struct({ balance: Minor }) })]
}) {}

type Behaviour = Parameters<typeof AgedAccount.define>[0]

export const behaviour: Behaviour = {
  decide: { Deposit: ({ amount }) => Either.right([Deposited.make({ amount, reference: null })]) },
  evolve: {
    Opened: (account, { openedAt }) => ({ ...account, events: account.events + 1, openedAt }),
    Deposited: (account, { amount }) => ({ ...account, events: account.events + 1, balance: account.balance + amount }),
    Withdrawn: (account, { amount }) => ({ ...account, events: account.events + 1, balance: account.balance - amount }),
    FeeTaken: (account, { amount }) => ({ ...account, events: account.events + 1, balance: account.balance - amount })
  },
  reply: { Deposit: ({ balance }) => ({ balance }) }
}
