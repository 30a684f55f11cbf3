/** How what the lower floors answer becomes a `Problem`. Their errors know no status, and no message of theirs that may hold a path or SQL leaves. */
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
  TooManyHolds,
  TransferPending,
  UnknownCurrency
} from "../bank/account/AccountError.ts"
import type { TransferNotFound } from "../bank/transfer/TransferError.ts"
import type { RequestError } from "../bank/transfer/Transfers.ts"
import { RecoveryFailed, type RuntimeError } from "../core/ActorError.ts"
import type { LookupError, ReadError } from "../core/EventStore.ts"
import { type InvalidArgument, type OutcomeUnknown, StoreUnavailable, StreamDamaged } from "../core/StoreError.ts"
import type { ViewBehind } from "../projection/ProjectionError.ts"
import { Problem } from "./Problem.ts"

const invalid = (path: string, reason: string) =>
  new Problem("invalid-request", { detail: `${path} ${reason}`, errors: [{ path, reason }] })

export const invalidArgument = ({ argument, reason }: InvalidArgument) => invalid(argument, reason)
export const storeUnavailable = (cause: StoreUnavailable) => new Problem("store-unavailable", { cause })
export const outcomeUnknown = (cause: OutcomeUnknown) => new Problem("outcome-unknown", { cause })
/** Events that are not what was stored: reading them again gives the same. Says which, and nothing of what is stored. */
export const damaged = (cause: unknown) => {
  const damage = cause instanceof RecoveryFailed ? cause.cause : cause
  if (!(damage instanceof StreamDamaged)) return new Problem("data-damaged", { cause })
  const { position, streamId, version } = damage
  const detail = `${streamId} version ${version} is damaged${position === null ? "" : `, at position ${position}`}`
  return new Problem("data-damaged", { detail, cause })
}

const recoveryFailed = (error: RecoveryFailed) =>
  error.cause instanceof StoreUnavailable ? storeUnavailable(error.cause) : damaged(error)

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
  | UnknownCurrency

const refusals = {
  AccountNotFound: ({ message }: AccountNotFound) => new Problem("account-not-found", { detail: message }),
  AccountExists: ({ message }: AccountExists) => new Problem("account-exists", { detail: message }),
  AccountIsClosed: ({ message }: AccountIsClosed) => new Problem("account-closed", { detail: message }),
  InsufficientFunds: ({ available, currency, requested }: InsufficientFunds) =>
    new Problem("insufficient-funds", { detail: `${requested} ${currency} was asked for; ${available} is available` }),
  BalanceNotZero: ({ balance, currency }: BalanceNotZero) =>
    new Problem("balance-not-zero", { detail: `the balance is ${balance} ${currency}` }),
  TransferPending: ({ message }: TransferPending) => new Problem("transfer-pending", { detail: message }),
  HoldOpen: ({ message }: HoldOpen) => new Problem("hold-open", { detail: message }),
  HoldNotFound: ({ message }: HoldNotFound) => new Problem("hold-not-found", { detail: message }),
  HoldExists: ({ message }: HoldExists) => new Problem("hold-exists", { detail: message }),
  HoldExceeded: ({ message }: HoldExceeded) => new Problem("hold-exceeded", { detail: message }),
  TooManyHolds: ({ message }: TooManyHolds) => new Problem("too-many-holds", { detail: message }),
  InvalidAmount: ({ field, reason }: InvalidAmount) => invalid(field, reason),
  UnknownCurrency: () => invalid("currency", "is no currency of ISO 4217; give a code such as EUR")
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

/** What the actor runtime's answer becomes, where a command was sent. */
export const ofCommand = (error: RuntimeError) => {
  switch (error._tag) {
    case "MailboxFull":
    case "TooManyActors":
    case "VersionConflict":
      return new Problem("account-busy", { cause: error })
    case "VersionMismatch":
      return new Problem("version-mismatch", { detail: `the account is at version ${error.actual}` })
    case "RecoveryFailed":
      return recoveryFailed(error)
    case "EntryDamaged":
      return damaged(error)
    case "UnreadableAnswer":
      return new Problem("answer-unreadable", { cause: error })
    case "ShuttingDown":
      return new Problem("shutting-down")
    case "CommandIdReused":
      return new Problem("idempotency-key-reused")
    case "InvalidArgument":
      return invalidArgument(error)
    case "UnencodableEvent":
    case "DecisionTimedOut":
      return new Problem("internal", { cause: error })
    case "StoreUnavailable":
      return storeUnavailable(error)
    case "OutcomeUnknown":
      return outcomeUnknown(error)
  }
}

type OfCommand = ReturnType<typeof ofCommand>

/** Problems that cannot come where the request gives no occasion for them. */
const without =
  <const C extends OfCommand["code"]>(...codes: ReadonlyArray<C>) =>
  (error: RuntimeError): Exclude<OfCommand, Problem<C>> | Problem<"internal"> => {
    const problem = ofCommand(error)
    return codes.some((code) => code === problem.code)
      ? new Problem("internal", { cause: error })
      : (problem as Exclude<OfCommand, Problem<C>>)
  }

/** The same for a command without an expected version. */
export const ofOpening = without("version-mismatch")
/** The same where only state was read. */
export const ofState = without("version-mismatch", "idempotency-key-reused", "outcome-unknown", "answer-unreadable")

/** What the request of a transfer answers that led to none. */
export const ofTransfer = (error: RequestError) => {
  switch (error._tag) {
    case "AccountNotFound":
      return new Problem("account-not-found", { detail: error.message })
    case "TransferExists":
      return new Problem("transfer-exists", { detail: error.message })
    case "SameAccount":
      return invalid("to", "is the account that the money comes from")
    case "InvalidAmount":
      return invalid(error.field, error.reason)
    default:
      return ofOpening(error)
  }
}
export const ofTransferState = (error: TransferNotFound | RuntimeError) =>
  error._tag === "TransferNotFound" ? new Problem("transfer-not-found", { detail: error.message }) : ofState(error)

/** What a question to the log answers that gives no event. */
export const ofLookup = (error: LookupError) =>
  error._tag === "StoreUnavailable" ? storeUnavailable(error) : invalidArgument(error)

/** What reading the log answers. */
export const ofReading = (error: ReadError) => (error._tag === "StreamDamaged" ? damaged(error) : ofLookup(error))

/** What asking a read model answers. */
export const ofQuery = (error: ViewBehind | LookupError) =>
  error._tag === "ViewBehind" ? new Problem("view-behind", { detail: error.message }) : ofLookup(error)
