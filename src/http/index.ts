/**
 * The public face of `daybook/http`: the server of an application, and what its own API is made of. Modules of this
 * package never import it.
 */
export * as Access from "./Access.ts"
export * as ApiParts from "./ApiParts.ts"
export * as ApplicationServer from "./ApplicationServer.ts"
export * as CommandAnswer from "./CommandAnswer.ts"
export * as EventPage from "./EventPage.ts"
export * as EventView from "./EventView.ts"
export * as Failures from "./Failures.ts"
export { MoreFigures } from "./Figures.ts"
export * as HttpConfig from "./HttpConfig.ts"
export * as HttpPart from "./HttpPart.ts"
export * as NewId from "./NewId.ts"
export { ListenFailed, NodeServer } from "./NodeServer.ts"
export * as OpenApiDocument from "./OpenApiDocument.ts"
export * as Problem from "./Problem.ts"
export * as Reach from "./Reach.ts"
export * as RequestBody from "./RequestBody.ts"
export * as ServiceApi from "./ServiceApi.ts"
export * as Tokens from "./Tokens.ts"
