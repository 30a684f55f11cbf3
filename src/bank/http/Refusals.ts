/** `Refusals` is how what accounts and transfers answer becomes a problem of the bank. */

import type { RuntimeError } from "../../core/ActorError.ts"
import * as Failures from "../../http/Failures.ts"
import { Problem } from "../../http/Problem.ts"
import type {
  AccountExists,
  AccountIsClosed,
  AccountNotFound,
  BalanceNotZero,
  HoldExceeded,
  HoldExists,
  HoldNotFound,
  HoldOpen,
  InsufficientFunds,
  InvalidAmount,
  InvalidTime,
  TooManyHolds,
  TransferPending,
  UnknownCurrency
} from "../account/AccountError.ts"
import type { TransferNotFound } from "../transfer/TransferError.ts"
import type { AskError, TransferRefusal } from "../transfer/Transfers.ts"
import * as BankProblem from "./BankProblem.ts"

export type Refusal =
  | AccountNotFound
  | AccountExists
  | AccountIsClosed
  | InsufficientFunds
  | BalanceNotZero
  | TransferPending
  | HoldOpen
  | HoldNotFound
  | HoldExists
  | HoldExceeded
  | TooManyHolds
  | InvalidAmount
  | InvalidTime
  | UnknownCurrency

const refusals = {
  AccountNotFound: ({ message }: AccountNotFound) => BankProblem.make("account-not-found", { detail: message }),
  AccountExists: ({ message }: AccountExists) => BankProblem.make("account-exists", { detail: message }),
  AccountIsClosed: ({ message }: AccountIsClosed) => BankProblem.make("account-closed", { detail: message }),
  InsufficientFunds: ({ available, currency, requested }: InsufficientFunds) =>
    BankProblem.make("insufficient-funds", {
      detail: `${requested} ${currency} was asked for; ${available} is available`
    }),
  BalanceNotZero: ({ balance, currency }: BalanceNotZero) =>
    BankProblem.make("balance-not-zero", { detail: `the balance is ${balance} ${currency}` }),
  TransferPending: ({ message }: TransferPending) => BankProblem.make("transfer-pending", { detail: message }),
  HoldOpen: ({ message }: HoldOpen) => BankProblem.make("hold-open", { detail: message }),
  HoldNotFound: ({ message }: HoldNotFound) => BankProblem.make("hold-not-found", { detail: message }),
  HoldExists: ({ message }: HoldExists) => BankProblem.make("hold-exists", { detail: message }),
  HoldExceeded: ({ message }: HoldExceeded) => BankProblem.make("hold-exceeded", { detail: message }),
  TooManyHolds: ({ message }: TooManyHolds) => BankProblem.make("too-many-holds", { detail: message }),
  InvalidAmount: ({ field, reason }: InvalidAmount) => Failures.invalid(field, reason),
  InvalidTime: ({ field, reason }: InvalidTime) => Failures.invalid(field, reason),
  UnknownCurrency: () => Failures.invalid("currency", "is no currency of ISO 4217; give a code such as EUR")
}
export type RefusalProblem<E extends Refusal> = ReturnType<(typeof refusals)[E["_tag"]]>

/** What an account's own refusal answers, with the header fields of a command's answer. */
export const ofRefusal = <E extends Refusal>(
  error: E,
  headers: Readonly<Record<string, string>>
): RefusalProblem<E> => {
  const make = refusals[error._tag] as unknown as (error: E) => Problem
  return make(error).with({ headers }) as RefusalProblem<E>
}

/** What the actor runtime answers, where a command was sent to an account. */
export const ofCommand = (error: RuntimeError) => {
  if (error._tag === "VersionMismatch") {
    return new Problem("version-mismatch", { detail: `the account is at version ${error.actual}` })
  }
  const problem = Failures.ofCommand(error)
  return problem.code === "aggregate-busy" ? BankProblem.make("account-busy", { cause: error }) : problem
}

/** The same for a command without an expected version. */
export const ofOpening = Failures.without(ofCommand, "version-mismatch")
/** The same where only state was read. */
export const ofState = Failures.without(ofCommand, ...Failures.notOfState)

/** What the request of a transfer answers that led to none. */
export const ofTransfer = (error: AskError) =>
  error._tag === "AccountNotFound" ? BankProblem.make("account-not-found", { detail: error.message }) : ofOpening(error)
/** What a refused request of a transfer answers. */
export const ofTransferRefusal = (error: TransferRefusal) => {
  switch (error._tag) {
    case "TransferExists":
      return BankProblem.make("transfer-exists", { detail: error.message })
    case "SameAccount":
      return Failures.invalid("to", "is the account that the money comes from")
    case "InvalidAmount":
      return Failures.invalid(error.field, error.reason)
  }
}
export const ofTransferState = (error: TransferNotFound | RuntimeError) =>
  error._tag === "TransferNotFound" ? BankProblem.make("transfer-not-found", { detail: error.message }) : ofState(error)
