/** `Refusals` turns what accounts and transfers answer into a problem of the bank. */
import type { RuntimeError } from "../../core/ActorError.ts"
import * as Failures from "../../http/Failures.ts"
import { Problem } from "../../http/Problem.ts"
import type { Refusal } from "../account/AccountError.ts"
import type { TransferNotFound } from "../transfer/TransferError.ts"
import type { AskError, TransferRefusal } from "../transfer/Transfers.ts"
import * as BankProblem from "./BankProblem.ts"

const problemOf = (error: Refusal) => {
  if ("field" in error) return Failures.invalid(error.field, error.reason)
  if (error._tag === "TransfersUnreadable") return new Problem("store-unavailable", { detail: error.message })
  return BankProblem.ofRefusal(error)
}

/** What an account's own refusal answers, with the header fields of a command's answer. */
export const ofRefusal = <E extends Refusal>(
  refused: E,
  headers: Readonly<Record<string, string>>
): BankProblem.OfRefusal<E> => {
  // It is of the same kind as before; only its type became generic.
  const problem: Problem = problemOf(refused)
  return problem.with({ headers }) as Problem as BankProblem.OfRefusal<E>
}

/** What the actor runtime answers, where a command was sent to an account. */
export const ofCommand = (error: RuntimeError) => {
  if (error._tag === "WrongExpectedVersion") {
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
