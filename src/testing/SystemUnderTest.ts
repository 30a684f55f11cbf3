/** The actor system that a suite is run on, and what a case of such a suite needs. */
import { Context, type Layer } from "effect"
import type { ActorLimits } from "../core/ActorConfig.ts"
import type { ActorSystem } from "../core/ActorSystem.ts"
import type { EventStore } from "../core/EventStore.ts"
import type { SnapshotStore } from "../core/SnapshotStore.ts"
import type { Case } from "./Conformance.ts"

/** How the system that is tested is built, with some limits changed. */
export class SystemUnderTest extends Context.Tag("daybook/testing/SystemUnderTest")<
  SystemUnderTest,
  {
    readonly layer: (limits: Partial<ActorLimits>) => Layer.Layer<ActorSystem, never, EventStore | SnapshotStore>
  }
>() {}

export type ActorSystemCase = Case<EventStore | SnapshotStore | SystemUnderTest>
