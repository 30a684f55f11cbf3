/**
 * `Bank` is the application: accounts, transfers between them, the timers of both, the invariant that money is
 * conserved, the summary of accounts, and their API over HTTP.
 */
import * as Application from "../projection/Application.ts"
import * as Timers from "../projection/Timers.ts"
import { Account } from "./account/Account.ts"
import * as AccountBehaviour from "./account/AccountBehaviour.ts"
import * as AccountSummary from "./account/AccountSummary.ts"
import * as HoldProcess from "./account/HoldProcess.ts"
import * as BankConsole from "./BankConsole.ts"
import * as Conservation from "./Conservation.ts"
import * as AccountRows from "./import/AccountRows.ts"
import { Transfer } from "./transfer/Transfer.ts"
import * as TransferBehaviour from "./transfer/TransferBehaviour.ts"
import * as TransferProcess from "./transfer/TransferProcess.ts"
import * as Transfers from "./transfer/Transfers.ts"

export const application = Application.make({
  name: "daybook",
  description: "Accounts as durable actors on an event log.",
  aggregates: [
    Application.aggregate(Account, AccountBehaviour.behaviour, { layer: AccountBehaviour.layer }),
    Application.aggregate(Transfer, TransferBehaviour.behaviour, { layer: TransferBehaviour.layer }),
    Timers.part
  ],
  projections: [AccountSummary.projection],
  services: Transfers.services,
  reactions: [TransferProcess.reaction, HoldProcess.reaction],
  invariants: [Conservation.invariant],
  imports: [AccountRows.berka, AccountRows.commands],
  console: BankConsole.words,
  verbs: () => import("./cli/statement.ts").then(({ verb }) => [verb]),
  // Loaded by the server alone: it is as much code as all else.
  http: () => import("./http/BankHttp.ts").then(({ part }) => part)
})
