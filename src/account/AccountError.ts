/**
 * Why an account refuses a command. Fields hold what the client may need; messages name no owner and no amount, since they
 * may reach a log.
 */
import { Schema } from "effect"

const accountId = Schema.String

/** Nobody opened the account. Open it, or correct the id. */
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
  /** Balance and overdraft limit together. */
  available: Schema.String,
  requested: Schema.String
}) {
  override get message() {
    return `the account ${this.accountId} has less than was asked for`
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
}

/** The text is no amount of the account's currency. `field` says which. */
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
  override get message() {
    return `${this.currency} is no currency of ISO 4217; give a code such as EUR`
  }
}
