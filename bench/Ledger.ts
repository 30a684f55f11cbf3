/** `Ledger` is the aggregate that the benchmarks run: one command, one event, a balance. */
import { Rpc } from "@effect/rpc"
import { Either, Schema } from "effect"
import * as Aggregate from "../src/core/Aggregate.ts"
import * as Event from "../src/core/Event.ts"

const Deposited = Event.make("Deposited", { amount: Schema.BigInt, reference: Schema.String })

export class Ledger extends Aggregate.make("Ledger", {
  id: Schema.String,
  state: Schema.Struct({ balance: Schema.BigInt }),
  initial: { balance: 0n },
  events: [Deposited],
  commands: [
    Rpc.make("Deposit", {
      payload: { amount: Schema.BigInt, reference: Schema.String },
      success: Schema.Struct({ balance: Schema.BigInt, version: Schema.Int, position: Schema.Int })
    })
  ]
}) {}

export const LedgerLive = Ledger.toLayer({
  decide: { Deposit: (command) => Either.right([Deposited.make(command)]) },
  evolve: { Deposited: ({ balance }, { amount }) => ({ balance: balance + amount }) },
  reply: { Deposit: ({ balance }, at) => ({ balance, ...at }) }
})

/** The command of the benchmarks, by its number. */
export const deposit = (number: number) => ({ amount: BigInt((number % 97) + 1), reference: `invoice ${number}` })
/** What `Deposited` stores of it. */
export const depositData = (number: number): string =>
  JSON.stringify({ amount: String((number % 97) + 1), reference: `invoice ${number}` })
