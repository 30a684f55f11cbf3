/** The public face of `daybook/cli`. Modules of this package never import it. */
export * as Cli from "./Cli.ts"
export * as ImportRows from "./ImportRows.ts"
export * as Lines from "./Lines.ts"
export * as Rebuild from "./rebuild.ts"
export * as Verb from "./Verb.ts"
export * as Verification from "./Verification.ts"
