/** The public face of `daybook`. Modules of this package never import it. */
export * as Event from "./Event.ts"
export * as EventCodec from "./EventCodec.ts"
export * from "./EventError.ts"
export * as EventHash from "./EventHash.ts"
export * from "./StoredEvent.ts"
export * as StreamId from "./StreamId.ts"
