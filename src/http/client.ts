/**
 * The public face of `daybook/http/client`, for programs that speak to a service. It loads no module of Node. Modules
 * of this package never import it.
 */
export * as Client from "./AggregateClient.ts"
