/** `daybook/cluster`: the same aggregates on many nodes, over PostgreSQL. */
export * as ActorSystemCluster from "./ActorSystemCluster.ts"
export * as ClusterFigures from "./ClusterFigures.ts"
export * as ClusterNode from "./ClusterNode.ts"
