/**
 * `RelayRunner` runs a relay, in a loop that never ends by itself: it opens a session with the outlet, agrees with it where the relay is,
 * and sends batch after batch behind that, until something fails. Then it waits, and opens the next one.
 *
 * Who decides what:
 *
 * - the outlet, where it keeps the progress: what was sent. The checkpoint in the database then follows it, for people to see;
 * - `CheckpointStore`: where the relay is, where the outlet keeps nothing; and what operators asked for;
 * - the runner: which events make a batch, and whose fault a failure is. An event that cannot be read, or is refused, parks its
 *   stream: see `Parking.ts`. Anything else is tried again for ever, and nothing is passed over.
 *
 * All that it must remember is in these stores.
 */
import { Cause, Duration, Effect, LogLevel, Option, Queue, Random } from "effect"
import * as Backoff from "../core/Backoff.ts"
import * as Elapsed from "../core/Elapsed.ts"
import * as EventLoop from "../core/EventLoop.ts"
import { EventStore } from "../core/EventStore.ts"
import * as FaultLog from "../core/FaultLog.ts"
import { StreamDamaged } from "../core/StoreError.ts"
import type { Application } from "../projection/Application.ts"
import * as Batch from "../projection/Batch.ts"
import { CheckpointStore } from "../projection/CheckpointStore.ts"
import * as EventFilter from "../projection/EventFilter.ts"
import { GenerationStore } from "../projection/GenerationStore.ts"
import type { Model } from "../projection/Model.ts"
import { ProjectionConfig } from "../projection/ProjectionConfig.ts"
import * as Registration from "../projection/Registration.ts"
import * as RelayName from "../projection/RelayName.ts"
import * as Tail from "../projection/Tail.ts"
import * as Alignment from "./Alignment.ts"
import { MessageRefused, type Outlet, RelayFenced, type Session } from "./Outlet.ts"
import * as Parking from "./Parking.ts"
import * as RelayBatch from "./RelayBatch.ts"

/** What is run: see `Relay.ts`. */
export interface Relayed {
  readonly name: string
  readonly outlet: Outlet
  readonly filter: EventFilter.EventFilter
  readonly startFrom: Registration.StartFrom | null
}

/** How long one that was fenced out leaves the destination to the other; where that one holds the lease, it ends before. */
const fencedPause = Duration.seconds(10)

/** Events of a released stream that are sent between two batches of the others. */
const workOffEvents = 100

/** How much of the last measurement stays in the rate. */
const smoothing = 0.8

/** What a step came to: `over` ends the session, which is good for no more. */
type Step = "moved" | "idle" | "over"

export const run = Effect.fnUntraced(function* (app: Pick<Application, "ofStream">, relay: Relayed) {
  const events = yield* EventStore
  const tail = yield* Tail.follow
  const checkpoints = yield* CheckpointStore
  const generations = yield* GenerationStore
  const limits = yield* ProjectionConfig
  const name = RelayName.of(relay.name)
  const wanted = EventFilter.wantedOf(relay.filter)
  const wakes = yield* Queue.sliding<void>(1)
  const backoff = new Backoff.Backoff(Backoff.policyOf(limits))
  /** Events of the next batch: halved where one of them was refused, down to that one, and doubled by a success. */
  let limit = RelayBatch.maxEvents
  /** The same of a released stream. */
  let workOffLimit = workOffEvents
  /** The next event, where it was refused when it was alone. */
  let refused: { readonly position: number; readonly error: MessageRefused } | undefined
  /** Hash of the event at which the relay is, where it is known. */
  let hash: string | null = null
  /** Events a second, of late. */
  let rate = 0
  let isReleasedsTurn = true

  const log = (level: LogLevel.LogLevel, what: string, cause?: Cause.Cause<unknown>) =>
    FaultLog.report(level, what, { relay: relay.name }, cause)

  const find = Effect.map(generations.find(name), (found) => {
    const row = Option.getOrUndefined(found)
    return row?.live == null ? undefined : { ...row, live: row.live }
  })

  /** Sends the next batch, and moves the checkpoint behind it. */
  const sendNext = Effect.fnUntraced(function* (
    session: Session,
    form: RelayBatch.Form,
    at: Model,
    outside: Parking.Outside
  ) {
    const start = yield* Elapsed.millis
    const { excluded, letters } = outside
    const page = yield* Effect.catchTag(tail.read(at.position, limit), "StreamDamaged", Effect.succeed)
    if (page instanceof StreamDamaged) {
      yield* Parking.meet(session, at, page, outside)
      hash = null
      return "moved" as const
    }
    const [first] = page.events
    if (first === undefined) return "idle" as const
    const { messages, passed, unreadable } = RelayBatch.make(form, page.events, excluded)
    const last = passed.at(-1)
    const fault = refused?.position === first.position ? refused.error : unreadable
    if (last === undefined || refused?.position === first.position) {
      yield* Parking.park(session, at, first, fault, letters.length)
      refused = undefined
      hash = first.hash
      return "moved" as const
    }
    if (messages.length > 0) {
      // What nobody wants is passed over in the database alone: it costs no commit at the destination.
      const sent = yield* Effect.either(
        session.send(messages, { position: last.position, hash: last.hash, parked: new Map() })
      )
      if (sent._tag === "Left") {
        if (!(sent.left instanceof MessageRefused)) return yield* sent.left
        if (passed.length > 1) limit = Math.floor(passed.length / 2)
        else refused = { position: first.position, error: sent.left }
        return "over" as const
      }
    }
    const skipped = [...excluded.positions].filter((each) => each > at.position && each <= last.position)
    const move = { to: last.position, events: passed.length, rate, parked: letters.length, skipped }
    yield* checkpoints.advance(at, move, Effect.void)
    hash = last.hash
    const measured = passed.length / (Math.max((yield* Elapsed.millis) - start, 1) / 1_000)
    rate = rate === 0 ? measured : rate * smoothing + measured * (1 - smoothing)
    limit = Math.min(limit * 2, RelayBatch.maxEvents)
    return "moved" as const
  })

  const step = Effect.fnUntraced(function* (session: Session, form: RelayBatch.Form, at: Model) {
    const outside = yield* Parking.outside(at)
    const released = outside.letters.find(({ retry }) => retry)
    isReleasedsTurn = !isReleasedsTurn || at.failure?.halted === true
    if (released !== undefined && isReleasedsTurn) {
      const given = { hash, most: workOffLimit }
      const refusal = yield* Parking.workOff(session, form, at, released, outside.excluded, given)
      workOffLimit = refusal === undefined ? workOffEvents : 1
      return refusal === undefined ? ("moved" as const) : ("over" as const)
    }
    const stepped = at.failure?.halted === true ? "idle" : yield* sendNext(session, form, at, outside)
    return stepped === "idle" && released !== undefined ? ("moved" as const) : stepped
  })

  /** Until there is something after what the tail had when this step began. */
  const untilNews = (seen: number) =>
    Effect.acquireUseRelease(
      Effect.sync(() => tail.watchEnd(seen, () => Queue.unsafeOffer(wakes, undefined))),
      () => Effect.timeoutOption(Queue.take(wakes), limits.pollInterval),
      (end) => Effect.sync(end)
    )

  const converse = Effect.fnUntraced(function* ({ generation }: Model) {
    const identity = yield* events.identity
    const session = yield* relay.outlet.open({ ...identity, relay: relay.name, generation })
    yield* Alignment.align(session, name)
    hash = session.committed?.hash ?? null
    for (;;) {
      const seen = tail.end
      const row = yield* find
      // Where it is rewound, paused or ahead of the log, the next session begins with that.
      if (row === undefined || row.paused || row.live.isAhead) return
      if (row.rebuildRequested || row.live.generation !== generation) return
      const stepped: Step = yield* step(session, { app, identity, wanted }, row.live)
      if (stepped === "over") return
      if (stepped === "moved") backoff.reset()
      else yield* untilNews(seen)
      // The embedded store answers without a pause: let others run between two batches.
      yield* EventLoop.turn
    }
  })

  /** Notes what keeps the relay from its next event. Where there is none, nothing waits for it. */
  const note = Effect.fnUntraced(function* (error: unknown) {
    const row = yield* find
    const [next] = row === undefined ? [] : (yield* events.readAll(row.live.position, 1)).events
    if (row === undefined || next === undefined) return
    const before = row.live.failure?.position === next.position ? row.live.failure.attempts : 0
    const halted = error instanceof Alignment.RelayHalted
    yield* checkpoints.noteFailure(row.live, { ...Batch.failureOf(next, error, before + 1), halted })
  })

  const meetTrouble = Effect.fnUntraced(function* (cause: Cause.Cause<unknown>) {
    if (Cause.isInterruptedOnly(cause)) return yield* Effect.interrupt
    const error = Cause.squash(cause)
    yield* log(LogLevel.Warning, "a relay cannot go on at present", cause)
    yield* Effect.catchAllCause(note(error), (failed) =>
      log(LogLevel.Warning, "what keeps a relay from going on cannot be noted", failed)
    )
    const now = yield* Elapsed.millis
    backoff.fail(now, yield* Random.next)
    const least = error instanceof RelayFenced ? Duration.toMillis(fencedPause) : 1
    yield* Effect.sleep(Math.max(backoff.notBefore - now, least))
  })

  const begin = Effect.gen(function* () {
    const birth = { name, version: 1, startFrom: relay.startFrom, formerNames: [] }
    yield* Registration.register(birth)
    const row = yield* find
    if (row === undefined) return
    // A new start may have brought what was missing.
    yield* checkpoints.clearFailures(name, row.live.version)
    for (const { streamId } of yield* checkpoints.deadLetters(row.live))
      yield* checkpoints.release(name, streamId, "retry")
  })

  let isBegun = false
  const cycle = Effect.gen(function* () {
    if (!isBegun) yield* begin
    isBegun = true
    const row = yield* find
    if (row === undefined || row.paused || row.live.isAhead) return yield* Effect.sleep(limits.pollInterval)
    const isReleased = (yield* Parking.outside(row.live)).letters.some(({ retry }) => retry)
    if (row.live.failure?.halted === true && !isReleased && !row.rebuildRequested) {
      return yield* Effect.sleep(limits.pollInterval)
    }
    yield* Effect.scoped(converse(row.live))
  })
  yield* Effect.forever(Effect.catchAllCause(cycle, meetTrouble))
})
