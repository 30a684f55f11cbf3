/**
 * Why an account refuses a command, and which command may be refused for what. Fields hold what the client may need;
 * messages name no owner and no amount, since they may reach a log. Where the client is to read an amount, `detail` has
 * it.
 */
import { Schema } from "effect"
import * as StoredForm from "../../core/StoredForm.ts"

const accountId = Schema.String

/** The account was never opened. Open it, or correct the id. */
export class AccountNotFound extends Schema.TaggedError<AccountNotFound>()("AccountNotFound", { accountId }) {
  override get message() {
    return `there is no account ${this.accountId}`
  }
}

/** The id is taken, by an open or a closed account. Choose another. */
export class AccountExists extends Schema.TaggedError<AccountExists>()("AccountExists", { accountId }) {
  override get message() {
    return `the account ${this.accountId} exists already`
  }
}

/** The account was closed, for good. */
export class AccountIsClosed extends Schema.TaggedError<AccountIsClosed>()("AccountIsClosed", { accountId }) {
  override get message() {
    return `the account ${this.accountId} is closed`
  }
}

/** The balance would fall below the overdraft limit. Withdraw at most what is available. */
export class InsufficientFunds extends Schema.TaggedError<InsufficientFunds>()("InsufficientFunds", {
  accountId,
  currency: Schema.String,
  /** Balance and overdraft limit together, without what holds reserve. */
  available: Schema.String,
  requested: Schema.String
}) {
  override get message() {
    return `the account ${this.accountId} has less than was asked for`
  }
  get detail() {
    return `${this.requested} ${this.currency} was asked for; ${this.available} is available`
  }
}

/** Only an empty account can be closed. Withdraw or deposit what is missing to zero. */
export class BalanceNotZero extends Schema.TaggedError<BalanceNotZero>()("BalanceNotZero", {
  accountId,
  currency: Schema.String,
  balance: Schema.String
}) {
  override get message() {
    return `the balance of the account ${this.accountId} is not zero`
  }
  get detail() {
    return `the balance is ${this.balance} ${this.currency}`
  }
}

/** The day or the time is not one that a new booking or hold may name. `field` says which. */
export class InvalidTime extends Schema.TaggedError<InvalidTime>()("InvalidTime", {
  field: Schema.String,
  reason: Schema.String
}) {
  override get message() {
    return `${this.field}: ${this.reason}`
  }
}

/** The text is not an amount of the account's currency. `field` says which. */
export class InvalidAmount extends Schema.TaggedError<InvalidAmount>()("InvalidAmount", {
  field: Schema.String,
  reason: Schema.String
}) {
  override get message() {
    return `${this.field}: ${this.reason}`
  }
}

/** ISO 4217 has no such currency. */
export class UnknownCurrency extends Schema.TaggedError<UnknownCurrency>()("UnknownCurrency", {
  currency: Schema.String
}) {
  readonly field = "currency"
  readonly reason = "is not a currency of ISO 4217; give a code such as EUR"
  override get message() {
    return `${this.currency} ${this.reason}`
  }
}

/** Money that this account sent is neither with its target nor back. Wait until the transfer has ended. */
export class TransferPending extends Schema.TaggedError<TransferPending>()("TransferPending", { accountId }) {
  override get message() {
    return `the account ${this.accountId} has a transfer under way`
  }
}

/** Capture or release the account's holds, or let them expire. */
export class HoldOpen extends Schema.TaggedError<HoldOpen>()("HoldOpen", { accountId }) {
  override get message() {
    return `the account ${this.accountId} has an open hold`
  }
}

const hold = { accountId, holdId: Schema.String }

/** The account has no open hold of this id: there was none, or it was captured, released or has expired. */
export class HoldNotFound extends Schema.TaggedError<HoldNotFound>()("HoldNotFound", hold) {
  override get message() {
    return `the account ${this.accountId} has no open hold ${this.holdId}`
  }
}

/** An open hold has this id. Choose another. */
export class HoldExists extends Schema.TaggedError<HoldExists>()("HoldExists", hold) {
  override get message() {
    return `the account ${this.accountId} has an open hold ${this.holdId} already`
  }
}

/** More was to be captured than the hold reserves. Capture at most its amount. */
export class HoldExceeded extends Schema.TaggedError<HoldExceeded>()("HoldExceeded", hold) {
  override get message() {
    return `the hold ${this.holdId} of the account ${this.accountId} reserves less`
  }
}

/** The account has as many open holds as it may. Capture or release one first. */
export class TooManyHolds extends Schema.TaggedError<TooManyHolds>()("TooManyHolds", {
  accountId,
  limit: Schema.Int
}) {
  override get message() {
    return `the account ${this.accountId} has ${this.limit} open holds already`
  }
}

/** Version 1, from before transfers under way were bounded. */
const DebitRefused1 = Schema.TaggedStruct("DebitRefused", {
  accountId,
  reason: Schema.Literal("not-found", "closed", "currency-mismatch", "insufficient-funds")
})

/** The account does not pay for the transfer. Kept, so that the answer to one transfer never changes. */
export class DebitRefused extends Schema.TaggedError<DebitRefused>()("DebitRefused", {
  accountId,
  /** `too-many-transfers`: as many as may be are under way from the account. */
  reason: Schema.Literal(...DebitRefused1.fields.reason.literals, "too-many-transfers")
}) {
  override get message() {
    return `the account ${this.accountId} refuses the debit: ${this.reason}`
  }
}

/**
 * The log does not tell whether a transfer from the account has ended, and the answer depends on it. Not kept: try
 * again, and where it stays so, look at the stream of the transfer.
 */
export class TransfersUnreadable extends Schema.TaggedError<TransfersUnreadable>()("TransfersUnreadable", {
  accountId,
  /** The first of which it is not known. */
  transferId: Schema.String
}) {
  override get message() {
    return `the log does not tell whether the transfer ${this.transferId} from the account ${this.accountId} has ended`
  }
}

/** The account does not take the transfer. Not kept: the id of the command is then free for the refund. */
export class CreditRefused extends Schema.TaggedError<CreditRefused>()("CreditRefused", {
  accountId,
  reason: Schema.Literal("not-found", "closed", "currency-mismatch")
}) {
  override get message() {
    return `the account ${this.accountId} refuses the credit: ${this.reason}`
  }
}

/** The account never paid for the transfer, or knows that it has ended. Nothing is to be given back. */
export class NothingToRefund extends Schema.TaggedError<NothingToRefund>()("NothingToRefund", {
  accountId,
  transferId: Schema.String
}) {
  override get message() {
    return `the account ${this.accountId} has nothing to get back of transfer ${this.transferId}`
  }
}

const usable = [AccountNotFound, AccountIsClosed] as const

/** By the name of the command. The contract and HTTP take them from here. */
export const refusals = {
  Open: Schema.Union(AccountExists, InvalidAmount, UnknownCurrency),
  Deposit: Schema.Union(...usable, InvalidAmount, InvalidTime),
  Withdraw: Schema.Union(...usable, InvalidAmount, InvalidTime, InsufficientFunds),
  Close: Schema.Union(...usable, BalanceNotZero, TransferPending, TransfersUnreadable, HoldOpen),
  Reserve: Schema.Union(...usable, InvalidAmount, InvalidTime, InsufficientFunds, HoldExists, TooManyHolds),
  Capture: Schema.Union(...usable, InvalidAmount, HoldNotFound, HoldExceeded),
  Release: Schema.Union(...usable, HoldNotFound),
  Debit: Schema.Union(
    StoredForm.make(DebitRefused1).next(DebitRefused, (v1) => v1),
    TransfersUnreadable
  ),
  Credit: CreditRefused,
  Refund: NothingToRefund
} as const

/** What a client may be refused for: the legs of transfers are sent by their process alone. */
export type Refusal = (typeof refusals)[Exclude<keyof typeof refusals, "Debit" | "Credit" | "Refund">]["Type"]
/** A field of the request that does not fit, which no schema could tell. */
export type FieldRefusal = Extract<Refusal, { readonly field: string }>

/**
 * Mistakes in the request, what may yet be opened, and what the log does not tell at present: the same command may fare
 * better later, so they are not kept.
 */
export const transientErrors = [
  "AccountNotFound",
  "InvalidAmount",
  "InvalidTime",
  "UnknownCurrency",
  "HoldNotFound",
  "TransfersUnreadable",
  "CreditRefused",
  "NothingToRefund"
] as const
