/** The public face of `daybook/projection`. Modules of this package never import it. */
export * as Projection from "./Projection.ts"
export * as ProjectionConfig from "./ProjectionConfig.ts"
export * from "./ProjectionError.ts"
export * from "./ProjectionStore.ts"
export * from "./Projections.ts"
export * as ProjectionsLocal from "./ProjectionsLocal.ts"
export * as Reaction from "./Reaction.ts"
export * as Subscription from "./Subscription.ts"
