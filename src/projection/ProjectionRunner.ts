/**
 * `ProjectionRunner` keeps one projection up to date, in a loop that never ends by itself: it is notified of events and
 * looks by itself now and then, takes the next events in bounded batches, backs off after a failure, and halts or parks
 * a stream after too many. A rebuild is a second model, filled between the batches of the one that serves: see
 * `Rebuild.ts`.
 *
 * Who decides what:
 *
 * - the runner: when the next batch is taken and how large it is, and which failure halts and which parks;
 * - `Rebuild.ts`: when a shadow is begun, has each event once and may serve, and what keeps it from that;
 * - `CheckpointStore`: whether a batch counts. It may be killed at any instant, and any number of them may run: the
 *   first to move a checkpoint wins, and the others see it and stand by. It keeps what failed, and what operators asked
 *   for;
 * - `GenerationStore`: whether a shadow is begun and a swap done, whole or not at all, for whichever runner asks;
 * - `LeaseStore`, through `Lease.ts` and before all this: which process runs it, to save work and not to be right.
 *
 * All that it must remember is in these stores.
 */
import { Cause, Duration, Effect, LogLevel, Option, Queue, Random } from "effect"
import * as Backoff from "../core/Backoff.ts"
import * as Elapsed from "../core/Elapsed.ts"
import * as EventLoop from "../core/EventLoop.ts"
import { EventStore, maxPage } from "../core/EventStore.ts"
import * as FaultLog from "../core/FaultLog.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import { StreamDamaged } from "../core/StoreError.ts"
import * as Traces from "../core/Traces.ts"
import * as Batch from "./Batch.ts"
import { CheckpointStore } from "./CheckpointStore.ts"
import { GenerationStore } from "./GenerationStore.ts"
import type { DeadLetter, Failure, Model } from "./Model.ts"
import type { Any } from "./Projection.ts"
import { ProjectionConfig } from "./ProjectionConfig.ts"
import { ApplyFailed, type LogMisread } from "./ProjectionError.ts"
import * as Rebuild from "./Rebuild.ts"
import * as Source from "./Source.ts"
import * as Tail from "./Tail.ts"

/** What the loop remembers of one model between two steps. It may be lost. */
interface Pace {
  readonly generation: number
  readonly backoff: Backoff.Backoff
  /** Events that the next batch takes: halved by a failure, down to the one at fault, and doubled by a success. */
  limit: number
  /** Events a second, of late. */
  rate: number
  /** Events of released streams taken up since the model last moved. */
  takenUp: number
}

/** How much of the last measurement stays in the rate. */
const smoothing = 0.8

/** What was taken out of a model, and the dead letters that say so. */
interface Excluded {
  readonly excluded: Batch.Excluded
  readonly letters: ReadonlyArray<DeadLetter>
}

const whatOf = (met: Source.Met): string =>
  met instanceof StreamDamaged ? "an event is damaged" : "an event failed too often"

/** Most milliseconds between two looks of a model while all that comes concerns others. */
const quietPauseMs = 100

/**
 * Hears of requests through `wakes` and of events from the tail, and reports through `onMove` that a model moved or
 * changed.
 */
export const run = Effect.fnUntraced(function* (
  projection: Any,
  wakes: Queue.Queue<void>,
  onMove: Effect.Effect<void>
) {
  const events = yield* EventStore
  const tail = yield* Tail.follow
  const checkpoints = yield* CheckpointStore
  const generations = yield* GenerationStore
  const limits = yield* ProjectionConfig
  const { name, version } = projection
  const policy = Backoff.policyOf(limits)
  const paces = new Map<number, Pace>()
  const traced = yield* Traces.batches(name)
  let begun = false
  /** For a store that does not answer. */
  const outage = new Backoff.Backoff(policy)
  const quietPause = Math.min(quietPauseMs, Duration.toMillis(limits.pollInterval))

  const paceOf = ({ generation }: Model): Pace => {
    const known = paces.get(generation)
    if (known !== undefined) return known
    const made = {
      generation,
      backoff: new Backoff.Backoff(policy),
      limit: limits.maxBatch,
      rate: 0,
      takenUp: 0
    }
    paces.set(generation, made)
    return made
  }

  /** Delays the next attempt. */
  const backOff = Effect.fnUntraced(function* (backoff: Backoff.Backoff) {
    backoff.fail(yield* Elapsed.millis, yield* Random.next)
  })

  /** By kind: the words of an error may quote an owner or an amount, and the operator finds them in the status. */
  const log = (level: "warn" | "error", what: string, { position, streamId, type, version }: Failure, error: unknown) =>
    FaultLog.report(
      level === "warn" ? LogLevel.Warning : LogLevel.Error,
      what,
      { projection: name, streamId, version, position, type },
      Cause.fail(error)
    )

  /** One more failure on the event that the model has next. `isFinal`: to try it again gives the same. */
  const fail = Effect.fnUntraced(function* (
    model: Model,
    met: Source.Met,
    error: unknown,
    { isFinal, mayPark = true }: { readonly isFinal: boolean; readonly mayPark?: boolean }
  ) {
    const pace = paceOf(model)
    const before = model.failure?.position === met.position ? model.failure.attempts : 0
    const failure = Batch.failureOf(met, error, before + 1)
    const isLast = isFinal || failure.attempts >= limits.maxAttempts
    if (isLast && mayPark && projection.onFailure === "park") {
      if ((yield* checkpoints.deadLetters(model)).length < limits.maxDeadLetters) {
        yield* checkpoints.park(model, { to: failure.position, events: 1, rate: model.rate }, failure)
        yield* log("error", `${whatOf(met)}: its stream is parked`, failure, error)
        pace.backoff.reset()
        return
      }
    }
    yield* checkpoints.noteFailure(model, { ...failure, halted: isLast })
    if (isLast) return yield* log("error", `${whatOf(met)}: the projection halts`, failure, error)
    yield* log("warn", "a projection failed and tries again", failure, error)
    yield* backOff(pace.backoff)
  })

  /** The source gave what cannot be the log. Nothing of it is taken, however often: it is not a fault of the event. */
  const refuse = Effect.fnUntraced(function* (model: Model, error: LogMisread) {
    const { event, reason } = error
    const pace = paceOf(model)
    const failure = Batch.failureOf(event, reason, pace.backoff.failures + 1)
    yield* checkpoints.noteFailure(model, { ...failure, halted: false })
    yield* log("error", "the log was read out of order or with a hole, and is read again", failure, error)
    yield* backOff(pace.backoff)
    return "moved" as const
  })

  const excludedOf = Effect.fnUntraced(function* (model: Model) {
    const letters = yield* checkpoints.deadLetters(model)
    const positions = yield* checkpoints.skipped(model)
    return { letters, excluded: { streams: new Set(letters.map(({ streamId }) => streamId)), positions } }
  })

  const change = (model: Model, batch: Batch.Batch<{ readonly _tag: string }>) =>
    batch.events.length === 0
      ? Effect.void
      : Effect.mapError(
          Effect.suspend(() => projection.apply(batch.events, model.tables)),
          (cause) => new ApplyFailed({ projection: name, cause })
        )

  /** What the stream has at this version, or its damage; undefined where the model has not come so far. */
  const eventAt = (model: Model, streamId: string, version: number) =>
    Effect.map(Source.eventAt(events, streamId, version), (met) =>
      met === undefined || Source.placeOf(met).position > model.position ? undefined : met
    )

  /** Tries a stream that an operator released: its events up to the checkpoint, one after the other. */
  const unpark = Effect.fnUntraced(function* (model: Model, letter: DeadLetter, positions: ReadonlySet<number>) {
    const next = yield* eventAt(model, letter.streamId, letter.version)
    if (next === undefined) return yield* checkpoints.unpark(model, letter, null, Effect.void)
    const failed = (error: unknown) => {
      const { attempts } = letter.version === next.version ? letter : { attempts: 0 }
      const rest = { ...letter, ...Batch.failureOf(next, error, attempts + 1), retry: false }
      return Effect.zipRight(log("warn", "an event of a parked stream failed again", rest, error), Effect.succeed(rest))
    }
    let batch: Batch.Batch<{ readonly _tag: string }> = { events: [], to: 0, passed: 1, unreadable: undefined }
    if (!(next instanceof StreamDamaged)) {
      batch = Batch.make(projection, 0, [next], { streams: new Set(), positions })
    } else if (!positions.has(Source.placeOf(next).position)) {
      return yield* checkpoints.unpark(model, letter, yield* failed(next), Effect.void)
    }
    if (batch.unreadable !== undefined) {
      return yield* checkpoints.unpark(model, letter, yield* failed(batch.unreadable), Effect.void)
    }
    const later = yield* eventAt(model, letter.streamId, next.version + 1)
    const rest = later === undefined ? null : { ...letter, ...Batch.failureOf(later, letter.error, 0), retry: true }
    const { position } = Source.placeOf(next)
    yield* checkpoints
      .unpark(model, letter, rest, change(model, batch), { position, skipped: positions.has(position) })
      .pipe(
        Effect.catchTag("ApplyFailed", ({ cause }) =>
          Effect.flatMap(failed(cause), (letterAgain) => checkpoints.unpark(model, letter, letterAgain, Effect.void))
        )
      )
  })

  /**
   * The next event is damaged, and nothing is done with it. Its stream waits where that alone is concerned, otherwise
   * the whole model.
   */
  const meet = Effect.fnUntraced(function* (model: Model, damaged: StreamDamaged, { excluded, letters }: Excluded) {
    const place = Source.placeOf(damaged)
    const isVouched = projection.onFailure === "park" && (yield* events.vouches(place))
    // An operator had it passed over, or its stream waits already, and its turn comes there.
    if (excluded.positions.has(place.position) || (isVouched && excluded.streams.has(place.streamId))) {
      const skipped = excluded.positions.has(place.position) ? [place.position] : []
      const move = { to: place.position, events: 1, rate: model.rate, parked: letters.length, skipped }
      yield* checkpoints.advance(model, move, Effect.void)
    } else {
      yield* fail(model, damaged, damaged, { isFinal: true, mayPark: isVouched })
    }
    return "moved" as const
  })

  /** The next events of the log, as many pages as that takes and a batch has room for, up to one that is damaged. */
  const readPages = Effect.fnUntraced(function* (after: number, limit: number) {
    const read: Array<StoredEvent> = []
    let characters = 0
    for (;;) {
      const from = read.at(-1)?.position ?? after
      const page = yield* tail.read(from, Math.min(limit - read.length, maxPage)).pipe(
        Effect.catchIf(
          (error) => error._tag === "StreamDamaged" && read.length > 0,
          () => Effect.succeed({ events: [], more: false })
        )
      )
      for (const event of page.events) {
        read.push(event)
        characters += event.data.length
      }
      const isFull = read.length >= limit || characters >= limits.maxBatchCharacters
      if (!page.more || page.events.length === 0 || isFull) return read
      yield* EventLoop.turn
    }
  })

  /** Where the batch that was tried last ended, if it had nothing for the model and was all that there is. */
  let quietAt: number | undefined

  /** Tries the next batch of a model. */
  const tryNext = Effect.fnUntraced(function* (model: Model, most: number) {
    const pace = paceOf(model)
    quietAt = undefined
    const start = yield* Elapsed.millis
    const outside = yield* excludedOf(model)
    const { excluded, letters } = outside
    const released = letters.find(({ retry }) => retry)
    // At most this many in a row: the other streams go on meanwhile.
    if (released !== undefined && pace.takenUp < limits.busyBatch) {
      pace.takenUp++
      yield* unpark(model, released, excluded.positions)
      return "moved" as const
    }
    pace.takenUp = 0
    const otherwise = released === undefined ? "idle" : "moved"
    if (model.failure?.halted === true || pace.backoff.notBefore > start) return otherwise
    const page = yield* Effect.catchTag(
      readPages(model.position, Math.min(pace.limit, most)),
      "StreamDamaged",
      Effect.succeed
    )
    if (page instanceof StreamDamaged) return yield* meet(model, page, outside)
    const [first] = page
    if (first === undefined) return otherwise
    const batch = Batch.make(projection, model.position, page, excluded)
    if (batch.unreadable !== undefined && batch.passed === 0) {
      yield* fail(model, first, batch.unreadable, { isFinal: true })
      return "moved" as const
    }
    const move = {
      to: batch.to,
      events: batch.passed,
      rate: pace.rate,
      parked: letters.length,
      skipped: [...excluded.positions].filter((each) => each > model.position && each <= batch.to)
    }
    return yield* traced(page.slice(0, batch.passed), checkpoints.advance(model, move, change(model, batch))).pipe(
      Effect.zipRight(
        Effect.map(Elapsed.millis, (now) => {
          const measured = batch.passed / (Math.max(now - start, 1) / 1_000)
          pace.rate = pace.rate === 0 ? measured : pace.rate * smoothing + measured * (1 - smoothing)
          pace.backoff.reset()
          if (batch.events.length === 0 && page.length < Math.min(pace.limit, most)) quietAt = batch.to
          pace.limit = Math.min(pace.limit * 2, limits.maxBatch)
          return "moved" as const
        })
      ),
      Effect.catchTag("ApplyFailed", ({ cause }) =>
        Effect.gen(function* () {
          // Smaller batches, without a pause, until the one that fails is one event.
          if (batch.passed > 1) pace.limit = Math.floor(batch.passed / 2)
          else yield* fail(model, first, cause, { isFinal: false })
          return "moved" as const
        })
      )
    )
  })

  /** The same, and what follows where the log was misread. */
  const take = (model: Model, most: number) =>
    Effect.catchTag(tryNext(model, most), "LogMisread", (error) => refuse(model, error))

  const rebuild = yield* Rebuild.make({
    projection,
    take,
    notBefore: (shadow) => paceOf(shadow).backoff.notBefore,
    onSwap: () => paces.clear()
  })

  const cycle = Effect.gen(function* () {
    if (!begun) {
      yield* generations.register(name, "projection")
      // A new start may have brought what was missing.
      yield* checkpoints.clearFailures(name, version)
      begun = true
    }
    const row = Option.getOrNull(yield* generations.find(name))
    if (row === null || row.paused) return "idle" as const
    const outcomes: Array<Rebuild.Outcome | "passed"> = []
    // Beside a newer release, whose model serves, the one of this version goes on for the processes of this release.
    const own = [row.live, ...row.formers].find((model) => model?.version === version)
    // One that is ahead of the log would miss what came since the log was restored: it waits to be rebuilt.
    if (own != null && !own.isAhead) {
      const outcome = yield* take(own, limits.maxBatch)
      outcomes.push(outcome === "moved" && quietAt !== undefined ? "passed" : outcome)
    }
    outcomes.push(yield* rebuild.step(row))
    return (["lost", "moved", "passed"] as const).find((outcome) => outcomes.includes(outcome)) ?? "idle"
  }).pipe(Effect.catchTag("CheckpointMoved", () => Effect.succeed("lost" as const)))

  const wake = () => Queue.unsafeOffer(wakes, undefined)
  const sleepWhile = (watch: () => () => void, atMost: Duration.DurationInput) =>
    Effect.acquireUseRelease(
      Effect.sync(watch),
      () => Effect.timeoutOption(Queue.take(wakes), atMost),
      (end) => Effect.sync(end)
    )
  /** Until there is something after what the tail had when this step began, or a request. */
  const sleep = (seen: number, atMost: Duration.DurationInput) => sleepWhile(() => tail.watchEnd(seen, wake), atMost)
  /**
   * Until there is an event of its own after that position, or a request: what concerns others is passed over now and then, so
   * that a model costs their commits next to nothing.
   */
  const rest = (after: number) => sleepWhile(() => tail.watch(after, projection.selection.reach(), wake), quietPause)

  for (;;) {
    const now = yield* Elapsed.millis
    const seen = tail.end
    const outcome: Rebuild.Outcome | "passed" | "down" = yield* cycle.pipe(
      Effect.tap(() =>
        Effect.sync(() => {
          outage.reset()
        })
      ),
      // The store failed, or a defect of this code: nothing was lost, since all that is remembered is in the store.
      Effect.catchAllCause((cause) =>
        Effect.zipRight(
          FaultLog.report(LogLevel.Warning, "a projection cannot go on at present", { projection: name }, cause),
          Effect.as(backOff(outage), "down" as const)
        )
      )
    )
    if (outcome === "moved" || outcome === "passed") yield* onMove
    if (outcome === "passed" && quietAt !== undefined) yield* rest(quietAt)
    // The one that is ahead of us moves the model; we look again when it may have stopped.
    if (outcome === "lost") yield* Effect.sleep(limits.pollInterval)
    if (outcome === "down") yield* Effect.sleep(Math.max(outage.notBefore - now, 1))
    if (outcome === "idle") {
      const backoffs = [...rebuild.backoffs, ...[...paces.values()].map(({ backoff }) => backoff)]
      const waits = backoffs.flatMap(({ notBefore }) => (notBefore > now ? [notBefore - now] : []))
      yield* sleep(seen, Math.min(Duration.toMillis(limits.pollInterval), ...waits))
    }
    // The embedded store answers without a pause: let others run between two steps.
    yield* EventLoop.turn
  }
})
