/**
 * `Parking` is what a relay does with a stream that has an event which cannot be sent: the stream waits at that event,
 * and the others go on. An operator makes it try the event again or pass over it; then the stream's events up to where
 * the relay is are sent in their order, before it takes part again. Where the outlet keeps the progress, it knows which
 * streams wait, and each step is committed there first.
 */
import { Effect, LogLevel } from "effect"
import { EventStore } from "../core/EventStore.ts"
import * as FaultLog from "../core/FaultLog.ts"
import { StreamDamaged } from "../core/StoreError.ts"
import type { StreamId } from "../core/StreamId.ts"
import * as Batch from "../projection/Batch.ts"
import { CheckpointStore } from "../projection/CheckpointStore.ts"
import type { DeadLetter, Model } from "../projection/Model.ts"
import { ProjectionConfig } from "../projection/ProjectionConfig.ts"
import * as Source from "../projection/Source.ts"
import { MessageRefused, type Session } from "./Outlet.ts"
import * as RelayBatch from "./RelayBatch.ts"

/** What is left out of the log as it is sent, and the dead letters that say so. */
export interface Outside {
  readonly excluded: Batch.Excluded
  readonly letters: ReadonlyArray<DeadLetter>
}

export const outside = Effect.fnUntraced(function* (at: Model) {
  const checkpoints = yield* CheckpointStore
  const letters = yield* checkpoints.deadLetters(at)
  const positions = yield* checkpoints.skipped(at)
  return {
    letters,
    excluded: { streams: new Set(letters.map(({ streamId }) => streamId)), positions }
  } satisfies Outside
})

const log = (what: string, relay: string, met: Source.Met, error: unknown) =>
  FaultLog.report(LogLevel.Error, what, {
    relay,
    ...Source.placeOf(met),
    reason: error instanceof Error ? error.name : ""
  })

/** The stream of this event, the next one, waits from now on. Where too many streams wait, the whole relay does. */
export const park = Effect.fnUntraced(function* (
  { send }: Session,
  at: Model,
  met: Source.Met,
  error: unknown,
  waiting: number
) {
  const checkpoints = yield* CheckpointStore
  const limits = yield* ProjectionConfig
  const failure = Batch.failureOf(met, error, 1)
  if (waiting >= limits.maxDeadLetters) {
    yield* checkpoints.noteFailure(at, { ...failure, halted: true })
    return yield* log("too many streams of a relay wait: it halts", at.projection, met, error)
  }
  const { position, streamId, version } = failure
  const hash = met instanceof StreamDamaged ? null : met.hash
  yield* send([], { position, hash, parked: new Map([[streamId, version]]) })
  yield* checkpoints.park(at, { to: position, events: 1, rate: at.rate }, failure)
  yield* log("an event cannot be sent: its stream waits", at.projection, met, error)
})

/**
 * The next event is damaged and is not sent. Its stream waits where that alone is concerned, otherwise the whole relay.
 */
export const meet = Effect.fnUntraced(function* (
  session: Session,
  at: Model,
  damaged: StreamDamaged,
  { excluded, letters }: Outside
) {
  const events = yield* EventStore
  const checkpoints = yield* CheckpointStore
  const place = Source.placeOf(damaged)
  const isVouched = yield* events.vouches(place)
  if (excluded.positions.has(place.position) || (isVouched && excluded.streams.has(place.streamId))) {
    const skipped = excluded.positions.has(place.position) ? [place.position] : []
    const move = { to: place.position, events: 1, rate: at.rate, parked: letters.length, skipped }
    return yield* checkpoints.advance(at, move, Effect.void)
  }
  if (isVouched) return yield* park(session, at, damaged, damaged, letters.length)
  yield* checkpoints.noteFailure(at, { ...Batch.failureOf(damaged, damaged, 1), halted: true })
  yield* log("an event is damaged: the relay halts", at.projection, damaged, damaged)
})

/** The next events of a stream that waits, up to where the relay is; of a damaged one nothing but itself. */
const waitingOf = Effect.fnUntraced(function* (at: Model, { streamId, version }: DeadLetter, most: number) {
  const events = yield* EventStore
  const next = yield* Source.eventAt(events, streamId, version)
  if (next === undefined || next instanceof StreamDamaged) return { next, page: [] }
  const { events: page } = yield* events
    .readStream(streamId as StreamId, { from: version, limit: most })
    .pipe(Effect.catchTag("StreamDamaged", () => Effect.succeed({ events: [next] })))
  return { next, page: page.filter(({ position }) => position <= at.position) }
})

/**
 * Sends what waits of a stream that an operator released, as many at most. `hash` is that of the event at which the
 * relay is. Returns a refusal of one of several, which nothing has come of: then the next attempt is with fewer.
 */
export const workOff = Effect.fnUntraced(function* (
  { send }: Session,
  form: RelayBatch.Form,
  at: Model,
  letter: DeadLetter,
  { positions }: Batch.Excluded,
  { hash, most }: { readonly hash: string | null; readonly most: number }
) {
  const checkpoints = yield* CheckpointStore
  const { streamId } = letter
  const { next, page } = yield* waitingOf(at, letter, most)
  const progress = (version: number | null) => ({
    position: at.position,
    hash,
    parked: new Map([[streamId, version]])
  })
  const again = (met: Source.Met, error: unknown) =>
    Effect.zipRight(
      log("an event of a stream that waits cannot be sent", at.projection, met, error),
      checkpoints.unpark(
        at,
        letter,
        { ...letter, ...Batch.failureOf(met, error, letter.attempts + 1), retry: false },
        Effect.void
      )
    )
  if (next instanceof StreamDamaged && !positions.has(Source.placeOf(next).position))
    return void (yield* again(next, next))
  const made = RelayBatch.make(form, page, { streams: new Set(), positions })
  const [first] = page
  if (first !== undefined && made.passed.length === 0) return void (yield* again(first, made.unreadable))
  // A damaged event that is passed over is the only one that it passes.
  const passedTo = next instanceof StreamDamaged ? letter.version : made.passed.at(-1)?.version
  const later = passedTo === undefined ? undefined : yield* Source.eventAt(yield* EventStore, streamId, passedTo + 1)
  const rest = later === undefined || Source.placeOf(later).position > at.position ? undefined : later
  const sent = yield* Effect.either(send(made.messages, progress(rest === undefined ? null : rest.version)))
  if (sent._tag === "Left") {
    if (!(sent.left instanceof MessageRefused)) return yield* sent.left
    if (first !== undefined && made.passed.length === 1) yield* again(first, sent.left)
    return sent.left
  }
  const left = rest === undefined ? null : { ...letter, ...Batch.failureOf(rest, letter.error, 0), retry: true }
  yield* checkpoints.unpark(at, letter, left, Effect.void)
  return undefined
})
