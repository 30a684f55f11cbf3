/** `BankProblem` is every error that the bank answers: those of any service, and the refusals of accounts, holds and transfers. */
import * as Problem from "../../http/Problem.ts"

export * from "../../http/Problem.ts"

/** Those of the bank alone. */
export const own = Problem.define({
  "account-not-found": { status: 404, title: "There is no such account." },
  "transfer-not-found": { status: 404, title: "There is no such transfer." },
  "hold-not-found": { status: 404, title: "The account has no such open hold." },
  "account-exists": { status: 409, title: "The account exists already." },
  "account-closed": { status: 409, title: "The account is closed." },
  "insufficient-funds": { status: 409, title: "The balance would fall below the overdraft limit." },
  "balance-not-zero": { status: 409, title: "Only an account whose balance is zero can be closed." },
  "transfer-pending": { status: 409, title: "The account has a transfer under way." },
  "transfer-exists": { status: 409, title: "The transfer exists already." },
  "transfer-refused": { status: 409, title: "The transfer was refused, and no money changed hands." },
  "hold-open": { status: 409, title: "The account has an open hold." },
  "hold-exists": { status: 409, title: "The account has an open hold of this id." },
  "hold-exceeded": { status: 409, title: "The hold reserves less than was to be captured." },
  "too-many-holds": { status: 409, title: "The account has as many open holds as it may." },
  "account-busy": { status: 503, title: "Too many commands wait for this account.", retryAfter: 1 }
})

/** All codes, with what they mean. */
export const codes = { ...Problem.codes, ...own }
export type Code = keyof typeof codes

export const make = <C extends keyof typeof own>(code: C, details?: Problem.Details): Problem.Problem<C> =>
  new Problem.Problem<C>(own[code], details)

/** The problem of one code, as endpoints declare it. */
export const schema = <C extends Code>(code: C) => Problem.schema<C>(kindOf(code))

// A table of kinds by their own names, of which the compiler loses track where the name is not known.
const kindOf = <C extends Code>(code: C): Problem.Kind<C> => codes[code] as Problem.Kind as Problem.Kind<C>
