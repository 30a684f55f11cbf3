/** The stores on NATS JetStream. */
export * as NatsAddress from "./NatsAddress.ts"
export { NatsFault } from "./NatsFault.ts"
export * as NatsStore from "./NatsStore.ts"
