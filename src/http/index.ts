/** The public face of `daybook/http`: the contract, which a client imports, and the server behind it. Modules of this package never import it. */

export * from "../bank/http/AccountsApi.ts"
export * as Access from "./Access.ts"
export * as HttpConfig from "./HttpConfig.ts"
export { ListenFailed, NodeServer } from "./NodeServer.ts"
export * as OpenApiDocument from "./OpenApiDocument.ts"
export * as Problem from "./Problem.ts"
export * as Tokens from "./Tokens.ts"
