/**
 * `Rewind` makes a relay send again, or pass over, what is behind a position. It is an operator's act, with an entry in
 * the journal. Streams that waited take part again. The relay comes to it when it looks next, also while it runs.
 */
import { Effect, Schema } from "effect"
import { EventStore } from "../core/EventStore.ts"
import * as Operation from "../core/Operation.ts"
import { CheckpointStore } from "../projection/CheckpointStore.ts"
import * as RelayName from "../projection/RelayName.ts"

/** There is nothing to rewind, or not to there. */
export class NotRewindable extends Schema.TaggedError<NotRewindable>()("NotRewindable", { reason: Schema.String }) {
  override get message() {
    return this.reason
  }
}

/** It goes on with the event after this position; 0: with the first of the log. */
export const to = Effect.fnUntraced(function* (relay: string, position: number, by: Operation.By = {}) {
  const events = yield* EventStore
  const checkpoints = yield* CheckpointStore
  const end = yield* events.lastPosition
  const [event] = position > 0 && position <= end ? (yield* events.readAll(position - 1, 1)).events : []
  if (position !== 0 && event?.position !== position) {
    return yield* new NotRewindable({
      reason: `the log, which ends at ${end}, has no event at position ${position}: give one that it has, or 0`
    })
  }
  const work = Effect.filterOrFail(
    Effect.map(checkpoints.rewind(RelayName.of(relay), position), (found) => (found ? {} : undefined)),
    (found) => found !== undefined,
    () => new NotRewindable({ reason: `there is no relay ${relay}; see \`daybook projections\`` })
  )
  return yield* Operation.run("relays.rewind", { relay, position }, by, work)
})
