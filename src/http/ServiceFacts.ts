/**
 * `ServiceFacts` is what a service knows of itself that neither its log nor its contract says: its release, how it was
 * set up, where its data is and how large that is, the nodes beside it. The program that serves provides it; without
 * one the console says that it is not known.
 */
import { Context, Effect } from "effect"
import type { StoreUnavailable } from "../core/StoreError.ts"

/** A setting of the program, and where its value came from. */
export interface Setting {
  readonly name: string
  /** Null where nothing was said, or where it is a secret. */
  readonly value: string | null
  readonly source: "flag" | "environment" | "default"
  /** The variable of the environment that would give it; null where there is none. */
  readonly variable: string | null
}

export interface Size {
  /** As people call it. */
  readonly what: string
  readonly bytes: number
}

export interface Node {
  readonly address: string
  readonly healthy: boolean
  /** Milliseconds since 1970-01-01 UTC. */
  readonly lastHeartbeat: number
  /** Shares of the aggregates that it holds. */
  readonly shards: number
}

export interface Facts {
  readonly release: string | null
  /** `sqlite`, `postgres`, …; and the database's name or path, without a password. */
  readonly backend: string | null
  readonly database: string | null
  readonly settings: ReadonlyArray<Setting>
  readonly sizes: Effect.Effect<ReadonlyArray<Size>, StoreUnavailable>
  /** This process among the nodes, by its address; null where it is alone. */
  readonly self: string | null
  readonly nodes: Effect.Effect<ReadonlyArray<Node>, StoreUnavailable>
}

export const unknown: Facts = {
  release: null,
  backend: null,
  database: null,
  settings: [],
  sizes: Effect.succeed([]),
  self: null,
  nodes: Effect.succeed([])
}

export class ServiceFacts extends Context.Reference<ServiceFacts>()("daybook/http/ServiceFacts", {
  defaultValue: () => unknown
}) {}
