/**
 * `Alignment` brings what the database says of a relay in line with what is committed at the outlet, when a session
 * begins. Where the outlet keeps the progress, that is what counts: it was committed with the messages. An operator's
 * rewind comes before it.
 */
import { Effect, Option, Schema } from "effect"
import { EventStore } from "../core/EventStore.ts"
import type { StreamId } from "../core/StreamId.ts"
import * as Batch from "../projection/Batch.ts"
import { CheckpointStore } from "../projection/CheckpointStore.ts"
import { GenerationStore } from "../projection/GenerationStore.ts"
import type { Model } from "../projection/Model.ts"
import * as Source from "../projection/Source.ts"
import type { Committed, Session } from "./Outlet.ts"

/** What is at the outlet does not fit this log: whatever is sent would repeat an event or leave one out. */
export class RelayHalted extends Schema.TaggedError<RelayHalted>()("RelayHalted", { reason: Schema.String }) {
  override get message() {
    return `${this.reason}; say with \`daybook relay rewind\` behind which position it goes on`
  }
}

/** Hash of the event at this position: undefined where there is none, null where it cannot be read. */
const hashAt = Effect.fnUntraced(function* (position: number) {
  if (position === 0) return null
  const events = yield* EventStore
  return yield* events.readAll(position - 1, 1).pipe(
    Effect.map(({ events: [event] }) => (event?.position === position ? event.hash : undefined)),
    Effect.catchTag("StreamDamaged", () => Effect.succeed(null))
  )
})

/** Makes the dead letters agree with the outlet. */
const alignLetters = Effect.fnUntraced(function* (at: Model, parked: Committed["parked"]) {
  const events = yield* EventStore
  const checkpoints = yield* CheckpointStore
  const letters = new Map((yield* checkpoints.deadLetters(at)).map((letter) => [letter.streamId, letter]))
  for (const [streamId, letter] of letters) {
    if (!parked.has(streamId)) yield* checkpoints.unpark(at, letter, null, Effect.void)
  }
  for (const [streamId, version] of parked) {
    const letter = letters.get(streamId)
    if (letter?.version === version) continue
    const met = yield* Source.eventAt(events, streamId as StreamId, version)
    if (met === undefined)
      return yield* new RelayHalted({ reason: `version ${version} of a stream that waits is not in this log` })
    const failure = Batch.failureOf(met, "it waits for an operator since before this process ran", 1)
    if (letter === undefined) yield* checkpoints.park(at, { to: at.position, events: 0, rate: at.rate }, failure)
    else yield* checkpoints.unpark(at, letter, { ...letter, ...failure }, Effect.void)
  }
})

/** Fails with `RelayHalted` where only an operator can say where to go on. */
export const align = Effect.fnUntraced(function* ({ committed, send }: Session, name: string) {
  const checkpoints = yield* CheckpointStore
  const generations = yield* GenerationStore
  const row = Option.getOrNull(yield* generations.find(name))
  if (row?.live == null) return
  const { live, rebuildRequested } = row
  if (committed === undefined) {
    if (rebuildRequested) yield* checkpoints.endRewind(live)
    return
  }
  const begin = Effect.flatMap(hashAt(live.position), (hash = null) =>
    send([], {
      position: live.position,
      hash,
      parked: new Map([...(committed?.parked.keys() ?? [])].map((streamId) => [streamId, null]))
    })
  )
  if (rebuildRequested) {
    yield* begin
    return yield* checkpoints.endRewind(live)
  }
  if (committed === null) {
    if (live.events === 0) return yield* begin
    const reason = `it has passed ${live.events} events, and nothing of it is committed there: what was is lost, or it is another destination`
    return yield* new RelayHalted({ reason })
  }
  const hash = yield* hashAt(committed.position)
  if (hash === undefined || (hash !== null && committed.hash !== null && hash !== committed.hash)) {
    const reason = `it has sent the event at position ${committed.position}, which this log has no more: the log was restored`
    return yield* new RelayHalted({ reason })
  }
  const at = { ...live, position: committed.position }
  if (at.position !== live.position) {
    yield* checkpoints.advance(live, { to: at.position, events: 0, rate: live.rate }, Effect.void)
  }
  yield* alignLetters(at, committed.parked)
})
