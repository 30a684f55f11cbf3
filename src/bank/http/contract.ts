/**
 * The public face of `daybook/http/contract`: the contract alone, for clients, also in a browser. Modules of this
 * package never import it.
 */

export * as Access from "../../http/Access.ts"
export { AccountId, HoldId, TransferId } from "../account/AccountSchemas.ts"
export {
  AccountPage,
  AccountRow,
  AccountView,
  BookingBody,
  CaptureBody,
  HoldBody,
  HoldList,
  HoldReceipt,
  HoldView,
  OpenBody,
  Receipt,
  Summary,
  TransferBody,
  TransferView
} from "./AccountBodies.ts"
export * from "./AccountsApi.ts"
export * as Problem from "./BankProblem.ts"
