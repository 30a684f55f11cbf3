/** Why a transfer refuses a command. Messages name no amount, since they may reach a log. */
import { Schema } from "effect"

const transferId = Schema.String

/** The transfer was never requested. */
export class TransferNotFound extends Schema.TaggedError<TransferNotFound>()("TransferNotFound", { transferId }) {
  override get message() {
    return `there is no transfer ${this.transferId}`
  }
}

/** The id is taken. Choose another. */
export class TransferExists extends Schema.TaggedError<TransferExists>()("TransferExists", { transferId }) {
  override get message() {
    return `the transfer ${this.transferId} exists already`
  }
}

/** A transfer needs two accounts. */
export class SameAccount extends Schema.TaggedError<SameAccount>()("SameAccount", { accountId: Schema.String }) {
  override get message() {
    return `source and target are both the account ${this.accountId}`
  }
}

/** The transfer has ended in another way, or has not come so far: its process and its accounts disagree. */
export class UnexpectedStep extends Schema.TaggedError<UnexpectedStep>()("UnexpectedStep", {
  transferId,
  status: Schema.String
}) {
  override get message() {
    return `the transfer ${this.transferId} is ${this.status}`
  }
}
