/** The public face of `daybook/relay`. Modules of this package never import it. */

export { RelayHalted } from "./Alignment.ts"
export * as CloudEvent from "./CloudEvent.ts"
export * as KafkaOutlet from "./KafkaOutlet.ts"
export * as NatsOutlet from "./NatsOutlet.ts"
export * from "./Outlet.ts"
export * as Relay from "./Relay.ts"
export * as RelayAddress from "./RelayAddress.ts"
export * as Rewind from "./Rewind.ts"
