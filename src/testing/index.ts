/** The public face of `daybook/testing`. Modules of this package never import it. */
export * from "./ActorSystemConformance.ts"
export * as AggregateSpec from "./AggregateSpec.ts"
export * from "./Conformance.ts"
export * as EventFixtures from "./EventFixtures.ts"
export * from "./EventStoreConformance.ts"
export * from "./ProjectionConformance.ts"
export * from "./SnapshotStoreConformance.ts"
export * from "./UpcastConformance.ts"
