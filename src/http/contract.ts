/** The public face of `daybook/http/contract`: the contract alone, for clients, also in a browser. Modules of this package never import it. */

export { AccountId, HoldId, TransferId } from "../account/AccountTerms.ts"
export * as Access from "./Access.ts"
export * from "./AccountsApi.ts"
export * as Problem from "./Problem.ts"
