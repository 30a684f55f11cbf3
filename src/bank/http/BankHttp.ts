/** `BankHttp` is the bank's own API over HTTP: its contract with the handlers that answer it. */
import { Layer } from "effect"
import * as HttpPart from "../../http/HttpPart.ts"
import * as AccountHandlers from "./AccountHandlers.ts"
import { AccountsApi } from "./AccountsApi.ts"
import * as BankProblem from "./BankProblem.ts"
import * as HoldHandlers from "./HoldHandlers.ts"
import * as TransferHandlers from "./TransferHandlers.ts"

export const part = HttpPart.make({
  api: AccountsApi,
  handlers: Layer.mergeAll(AccountHandlers.layer, HoldHandlers.layer, TransferHandlers.layer),
  problems: Object.keys(BankProblem.own),
  description: "Accounts on an event log. Amounts are decimal text in the account's currency."
})
