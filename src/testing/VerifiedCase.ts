/** What a case of verified reading needs: a store, and a hand that changes its rows behind its back. */
import { Effect, Either } from "effect"
import * as EventHash from "../core/EventHash.ts"
import { EventStore } from "../core/EventStore.ts"
import type { SnapshotStore } from "../core/SnapshotStore.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import { StreamDamaged } from "../core/StoreError.ts"
import { StreamId } from "../core/StreamId.ts"
import type { ProjectionStore } from "../projection/ProjectionStore.ts"
import type { Case } from "./Conformance.ts"
import { type Edit, Tampering } from "./Tampering.ts"

export type VerifiedLogCase = Case<EventStore | SnapshotStore | Tampering>

export type VerifiedReadSideCase = Case<EventStore | ProjectionStore | Tampering>

/** One change of each field of a row. */
export const changes: Readonly<Record<string, (event: StoredEvent) => Edit>> = {
  data: ({ data }) => ({ data: data.replace("two", "TWO").replace('"by":2', '"by":9') }),
  type: () => ({ type: "Unwanted" }),
  "stream id": () => ({ streamId: StreamId.make("elsewhere") }),
  version: () => ({ version: 9 }),
  time: ({ recordedAt }) => ({ recordedAt: recordedAt - 1 }),
  "schema version": () => ({ schemaVersion: 2 }),
  "command id": () => ({ commandId: "forged" }),
  "correlation id": () => ({ correlationId: "forged" }),
  "causation id": () => ({ causationId: "forged" }),
  hash: () => ({ hash: EventHash.genesis }),
  "previous hash": () => ({ previousHash: EventHash.genesis })
}

/** Fields whose change makes the row name another place than the event has. */
export const displaced = ["stream id", "version"]

/** A reader of a stream may take it from the event before, and then gives what was appended whatever the row says. */
export const derived = "previous hash"

export const edit = (position: number, change: Edit) => Effect.flatMap(Tampering, (hand) => hand.edit(position, change))

/** The whole log, from event to event: those that are given, and what is said of the others. */
export const walk = Effect.gen(function* () {
  const store = yield* EventStore
  const events: Array<StoredEvent> = []
  const damages: Array<StreamDamaged> = []
  for (let after = 0; ; ) {
    const page = yield* Effect.either(store.readAll(after, 3))
    if (Either.isRight(page)) {
      events.push(...page.right.events)
      if (!page.right.more) return { events, damages }
      after = page.right.events.at(-1)?.position ?? after
    } else {
      if (!(page.left instanceof StreamDamaged)) return yield* Effect.die(page.left)
      damages.push(page.left)
      after = page.left.position ?? after
    }
  }
})

export const flipped = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Effect.flip(effect), (error) =>
    error instanceof StreamDamaged ? Effect.succeed(error) : Effect.die(error)
  )

export const stored = (streamId: StreamId) =>
  Effect.map(
    Effect.flatMap(EventStore, (store) => store.readStream(streamId)),
    ({ events }) => events
  )
