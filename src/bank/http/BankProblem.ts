/**
 * `BankProblem` is every error that the bank answers: those of any service, and the refusals of accounts, holds and
 * transfers.
 */
import { Schema } from "effect"
import * as StoredForm from "../../core/StoredForm.ts"
import * as Problem from "../../http/Problem.ts"
import type { FieldRefusal, Refusal, TransfersUnreadable } from "../account/AccountError.ts"

export * from "../../http/Problem.ts"

type KindRefusal = Exclude<Refusal, FieldRefusal | TransfersUnreadable>

/**
 * What each refusal of an account is over HTTP, by the tag of its error. One that names a field is `invalid-request`,
 * and what the log does not tell is `store-unavailable`.
 */
const ofAccounts = {
  AccountNotFound: { code: "account-not-found", status: 404, title: "There is no such account." },
  HoldNotFound: { code: "hold-not-found", status: 404, title: "The account has no such open hold." },
  AccountExists: { code: "account-exists", status: 409, title: "The account exists already." },
  AccountIsClosed: { code: "account-closed", status: 409, title: "The account is closed." },
  InsufficientFunds: {
    code: "insufficient-funds",
    status: 409,
    title: "The balance would fall below the overdraft limit."
  },
  BalanceNotZero: {
    code: "balance-not-zero",
    status: 409,
    title: "Only an account whose balance is zero can be closed."
  },
  TransferPending: { code: "transfer-pending", status: 409, title: "The account has a transfer under way." },
  HoldOpen: { code: "hold-open", status: 409, title: "The account has an open hold." },
  HoldExists: { code: "hold-exists", status: 409, title: "The account has an open hold of this id." },
  HoldExceeded: { code: "hold-exceeded", status: 409, title: "The hold reserves less than was to be captured." },
  TooManyHolds: { code: "too-many-holds", status: 409, title: "The account has as many open holds as it may." }
} as const satisfies { readonly [T in KindRefusal["_tag"]]: Problem.Kind }

type OfAccounts = typeof ofAccounts
type RefusalCode = OfAccounts[keyof OfAccounts]["code"]

const others = Problem.define({
  "transfer-not-found": { status: 404, title: "There is no such transfer." },
  "transfer-exists": { status: 409, title: "The transfer exists already." },
  "too-many-transfers": { status: 409, title: "The account has as many transfers under way as it may." },
  "transfer-refused": { status: 409, title: "The transfer was refused, and no money changed hands." },
  "account-busy": { status: 503, title: "Too many commands wait for this account.", retryAfter: 1 }
})

const byCode = (kinds: ReadonlyArray<Problem.Kind<RefusalCode>>) =>
  Object.fromEntries(kinds.map((kind) => [kind.code, kind])) as Problem.Kinds<RefusalCode>

/** Those of the bank alone. */
export const own: Problem.Kinds<RefusalCode | keyof typeof others> = { ...byCode(Object.values(ofAccounts)), ...others }

/** All codes, with what they mean. */
export const codes = { ...Problem.codes, ...own }
export type Code = keyof typeof codes

/** A problem of the bank's own codes. */
export const make = <C extends keyof typeof own>(code: C, details?: Problem.Details): Problem.Problem<C> =>
  new Problem.Problem<C>(own[code], details)

/** The problem of one code, as endpoints declare it. */
export const schema = <C extends Code>(code: C) => Problem.schema<C>(kindOf(code))

// A table of kinds by their own names, of which the compiler loses track where the name is not known.
const kindOf = <C extends Code>(code: C): Problem.Kind<C> => codes[code] as Problem.Kind as Problem.Kind<C>

type OfKind<E> = E extends KindRefusal ? Problem.Problem<OfAccounts[E["_tag"]]["code"]> : never
/** What a refusal becomes. */
export type OfRefusal<E> = E extends FieldRefusal
  ? Problem.Problem<"invalid-request">
  : E extends TransfersUnreadable
    ? Problem.Problem<"store-unavailable">
    : OfKind<E>

/** The problem that answers the error of a command. */
export const ofRefusal = (error: KindRefusal): Problem.Problem<RefusalCode> =>
  new Problem.Problem<RefusalCode>(ofAccounts[error._tag], {
    detail: "detail" in error ? error.detail : error.message
  })

/** The problems of a command's refusals, as its endpoint declares them beside those that every command may meet. */
export const refusalsOf = <E extends Refusal, I>(
  errors: Schema.Schema<E, I>
): Schema.Schema<OfKind<E>, Problem.Body> => {
  const kinds: Readonly<Record<string, Problem.Kind>> = ofAccounts
  const schemas = StoredForm.membersOf(errors).flatMap((member) => {
    const kind = kinds[StoredForm.tagOf(member) ?? ""]
    return kind === undefined ? [] : [Problem.schema(kind)]
  })
  // The conditional type of a generic union does not reduce here; for each concrete one it is this.
  return Schema.Union(...schemas) as Schema.Schema.Any as never
}
