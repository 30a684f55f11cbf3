/** The public face of `daybook/testing`. Modules of this package never import it. */
export * from "./ActorSystemConformance.ts"
export * as AggregateSpec from "./AggregateSpec.ts"
export * from "./Conformance.ts"
export * from "./EventStoreConformance.ts"
export * from "./SnapshotStoreConformance.ts"
