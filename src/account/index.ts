/** The public face of `daybook/account`. Modules of this package never import it. */
export * from "./Account.ts"
export * as AccountBehaviour from "./AccountBehaviour.ts"
export * from "./AccountError.ts"
export * from "./AccountEvents.ts"
export * as AccountSummary from "./AccountSummary.ts"
export * as Money from "./Money.ts"
