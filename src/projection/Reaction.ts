/**
 * `Reaction` turns events into commands: a process manager. `react` sends commands under ids derived from the event, so that
 * to react again is harmless, and it will: after a restart, from the checkpoint on.
 *
 * Events of one stream are reacted to one after the other, in order; of different streams at the same time. The checkpoint is
 * the highest position up to which every event is done. A failed reaction is tried again for ever, with a growing delay;
 * after some attempts its stream is parked, which shows it to the operator and lets the checkpoint pass. A damaged event is
 * never reacted to, and the checkpoint does not pass it unseen, wanted or not.
 *
 * What it sends is of the principal `reaction:` and its name.
 *
 * Where the log was restored to an end before the checkpoint, what it did for the events that are gone cannot be undone here: it
 * says so, and stands still until an operator has it go on from the log's end.
 */
import { Cause, Clock, Deferred, Duration, Effect, Either, Layer, LogLevel, Option, Queue } from "effect"
import * as Backoff from "../core/Backoff.ts"
import * as Elapsed from "../core/Elapsed.ts"
import type * as Event from "../core/Event.ts"
import { EventStore, maxPage } from "../core/EventStore.ts"
import * as Fault from "../core/Fault.ts"
import { Permits } from "../core/Permits.ts"
import * as Principal from "../core/Principal.ts"
import type { Recorded } from "../core/Recorded.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import { StreamDamaged } from "../core/StoreError.ts"
import * as Traces from "../core/Traces.ts"
import { turn } from "../core/Turn.ts"
import * as Batch from "./Batch.ts"
import { CheckpointStore, type MoveError } from "./CheckpointStore.ts"
import { GenerationStore } from "./GenerationStore.ts"
import * as Lease from "./Lease.ts"
import type { Checkpoint, DeadLetter, Model } from "./Model.ts"
import { attemptTimeout, ProjectionConfig } from "./ProjectionConfig.ts"
import type { ApplyFailed } from "./ProjectionError.ts"
import type { ProjectionStore } from "./ProjectionStore.ts"
import * as Selection from "./Selection.ts"
import * as Source from "./Source.ts"
import * as Tail from "./Tail.ts"

/** The id of the n-th command (from 0) that a reaction sends for one event. */
export type CommandIdOf = (n?: number) => string

export interface Reaction<E extends { readonly _tag: string }, R> {
  /** Small letters, digits and underscores; not that of another projection or reaction. It is part of every command id. */
  readonly name: string
  readonly selection: Selection.Selection<E>
  readonly react: (recorded: Recorded<E>, commandId: CommandIdOf) => Effect.Effect<unknown, unknown, R>
}

// biome-ignore lint/suspicious/noExplicitAny: the events are contravariant; no other bound takes every reaction.
export type Any = Reaction<any, unknown>

export interface Options<E extends Event.Any, R> {
  readonly name: string
  /** The events that it wants, of the aggregate that has them, as those of a projection. All others are passed over. */
  readonly events: ReadonlyArray<E>
  /**
   * Sends commands under the ids it is given, and succeeds when the event is done. It runs again after a failure, a restart,
   * or beside another process that runs it, so all it does must be harmless the second time.
   */
  readonly react: (recorded: Recorded<Event.Of<E>>, commandId: CommandIdOf) => Effect.Effect<unknown, unknown, R>
}

export const make = <E extends Event.Any, R>({ events, name, react }: Options<E, R>): Reaction<Event.Of<E>, R> => ({
  name,
  selection: Selection.make(`the reaction ${name}`, events),
  react
})

/** Begins with U+0001, which no client's id may. `index` tells the events apart that one stored event was split into. */
export const commandIdOf =
  (name: string, { streamId, version }: Pick<StoredEvent, "streamId" | "version">, index: number): CommandIdOf =>
  (n = 0) =>
    `\u0001${name}:${streamId}:${version}:${index}:${n}`

/** An event under way, or one that is damaged, in the order of the log. */
interface Item {
  readonly met: Source.Met
  /** Of its data. */
  readonly characters: number
  isDone: boolean
}

/** A parked stream. */
interface Parked {
  letter: DeadLetter
  /** Highest version that the reader left to it. */
  seen: number
  /** Completed to try at once. */
  wake: Deferred.Deferred<void>
}

/**
 * The checkpoint is written after so many events, or so many milliseconds after the last time: seldom, since it shares the
 * writer with the commands, and what is not written is only done again.
 */
const saveEvery = 256
const saveIntervalMs = 100

const run = Effect.fnUntraced(function* <E extends { readonly _tag: string }, R>(reaction: Reaction<E, R>) {
  const { name } = reaction
  const events = yield* EventStore
  const tail = yield* Tail.follow
  const checkpoints = yield* CheckpointStore
  const generations = yield* GenerationStore
  const limits = yield* ProjectionConfig
  const policy = Backoff.policyOf(limits)
  const scope = yield* Effect.scope
  const wakes = yield* Queue.sliding<void>(1)
  const wake = Queue.offer(wakes, undefined)
  const places = new Permits(limits.maxInFlight)
  const writing = yield* Effect.makeSemaphore(1)

  const ahead: Array<Item> = []
  /** Of all that is ahead. */
  let characters = 0
  const queues = new Map<string, Array<Item>>()
  const parked = new Map<string, Parked>()

  const pause = (attempts: number, sooner: Effect.Effect<void>) =>
    Effect.flatMap(Backoff.next(policy, attempts), (millis) => Effect.timeoutOption(sooner, millis))

  /** Until the store answers. */
  const persistently = <A, X, Q>(effect: Effect.Effect<A, X, Q>): Effect.Effect<A, never, Q> =>
    Effect.catchAllCause(effect, (cause) =>
      Cause.isInterruptedOnly(cause)
        ? Effect.interrupt
        : Fault.report(LogLevel.Warning, "a reaction waits for the store", { reaction: name }, cause).pipe(
            Effect.zipRight(Effect.sleep(limits.pollInterval)),
            Effect.zipRight(persistently(effect))
          )
    )

  const load = Effect.gen(function* () {
    yield* generations.register(name, "reaction")
    const row = Option.getOrNull(yield* generations.find(name))
    return row?.live ?? (yield* Effect.dieMessage(`the reaction ${name} has no checkpoint`))
  })
  let saved: Checkpoint = yield* persistently(load)
  let readTo = saved.position
  let finished = saved.position

  /** Changes what is stored about it, one change at a time, from where the checkpoint is. */
  const write = (change: (at: Checkpoint) => Effect.Effect<void, MoveError | ApplyFailed>): Effect.Effect<void> => {
    const once: Effect.Effect<void, MoveError | ApplyFailed> = Effect.suspend(() => {
      const at = saved
      return Effect.catchTag(change(at), "CheckpointMoved", () =>
        Effect.flatMap(load, (now) => {
          saved = now
          // Another process reacts too, which is harmless: where the checkpoint is the same, it has made the change.
          return now.position === at.position ? Effect.void : once
        })
      )
    })
    return writing.withPermits(1)(persistently(once))
  }

  const save = write((at) => {
    let passed = 0
    while (ahead[passed]?.isDone === true) passed++
    finished = ahead[passed - 1]?.met.position ?? finished
    for (const item of ahead.splice(0, passed)) characters -= item.characters
    const to = finished
    if (to <= at.position) return Effect.void
    return Effect.map(checkpoints.advance(at, { to, events: passed, rate: 0 }, Effect.void), () => {
      saved = { ...at, position: to }
    })
  })

  /** One attempt; what went wrong, or undefined. */
  const attempt = (stored: Source.Met): Effect.Effect<unknown, never, R> => {
    if (stored instanceof StreamDamaged) return Effect.succeed(stored)
    const codec = reaction.selection.codecOf(stored)
    if (codec === undefined) return Effect.void
    const decoded = codec.decode(stored)
    if (Either.isLeft(decoded)) return Effect.succeed(decoded.left)
    return Effect.forEach(
      decoded.right,
      (event, index) =>
        Traces.because(stored.traceparent, reaction.react({ event, stored }, commandIdOf(name, stored, index))),
      { discard: true }
    ).pipe(
      Principal.as(`reaction:${name}`),
      Effect.timeoutFail({
        duration: attemptTimeout,
        onTimeout: () => new Error(`it took longer than ${Duration.format(attemptTimeout)}`)
      }),
      Effect.matchCauseEffect({
        onSuccess: () => Effect.succeed(undefined),
        onFailure: (cause) => (Cause.isInterruptedOnly(cause) ? Effect.interrupt : Effect.succeed(Cause.squash(cause)))
      }),
      places.within
    )
  }

  /** By kind: the words of an error may quote what a log must not, and are in the status. */
  const log = (what: string, met: Source.Met, attempts: number, error: unknown) =>
    Fault.report(LogLevel.Warning, what, { reaction: name, ...Source.placeOf(met), attempts }, Cause.fail(error))

  const park = Effect.fnUntraced(function* (met: Source.Met, error: unknown, attempts: number) {
    const failure = Batch.failureOf(met, error, attempts)
    yield* write((at) => checkpoints.park(at, { to: at.position, events: 0, rate: 0 }, failure))
    const what = met instanceof StreamDamaged ? "an event is damaged" : "a reaction failed too often"
    yield* log(`${what}: the stream is parked, and tried again now and then`, met, attempts, error)
    const letter = { ...failure, parkedAt: yield* Clock.currentTimeMillis, retry: false }
    return { letter, seen: 0, wake: yield* Deferred.make<void>() } satisfies Parked
  })

  /** Works through a parked stream, until nothing is left to it. */
  const workOff = Effect.fnUntraced(function* (state: Parked) {
    const { streamId } = state.letter
    let { attempts, version } = state.letter
    for (;;) {
      if (attempts > 0) yield* pause(attempts, Deferred.await(state.wake))
      state.wake = yield* Deferred.make<void>()
      const met = yield* persistently(Source.eventAt(events, streamId, version))
      if (met === undefined || Source.placeOf(met).position > readTo) {
        // The reader may have left it one more since.
        if (state.seen >= version) continue
        parked.delete(streamId)
        return yield* write((at) => checkpoints.unpark(at, state.letter, null, Effect.void))
      }
      const skipped = yield* persistently(checkpoints.skipped(name, saved.version))
      const error = skipped.has(Source.placeOf(met).position) ? undefined : yield* attempt(met)
      if (error === undefined) {
        attempts = 0
        version++
        continue
      }
      attempts++
      const again: DeadLetter = { ...state.letter, ...Batch.failureOf(met, error, attempts), retry: false }
      yield* write((at) => checkpoints.unpark(at, state.letter, again, Effect.void))
      state.letter = again
    }
  })

  /** Reacts to what waits of one stream. */
  const work = Effect.fnUntraced(function* (streamId: string, queue: Array<Item>) {
    for (let item = queue[0]; item !== undefined; item = queue[0]) {
      const { met } = item
      const maxAttempts = met instanceof StreamDamaged ? 1 : limits.maxAttempts
      for (let attempts = 1; !item.isDone; attempts++) {
        const error = yield* attempt(met)
        if (error === undefined) {
          item.isDone = true
        } else if (attempts < maxAttempts || parked.size >= limits.maxDeadLetters) {
          yield* log("a reaction failed and is tried again", met, attempts, error)
          yield* pause(attempts, Effect.never)
        } else {
          const state = yield* park(met, error, attempts)
          // What waits behind it is in the log, and so is what comes.
          state.seen = queue.at(-1)?.met.version ?? met.version
          for (const each of queue) each.isDone = true
          queue.length = 1
          parked.set(streamId, state)
          yield* wake
          yield* workOff(state)
        }
      }
      queue.shift()
      yield* wake
    }
    queues.delete(streamId)
  })

  const enqueue = (met: Source.Met, isDone: boolean) => {
    const item: Item = { met, characters: met instanceof StreamDamaged ? 0 : met.data.length, isDone }
    characters += item.characters
    readTo = Source.placeOf(met).position
    ahead.push(item)
    if (isDone) return Effect.void
    const { streamId, version } = met
    const behind = parked.get(streamId)
    if (behind !== undefined) {
      behind.seen = version
      item.isDone = true
      return Effect.void
    }
    const queue = queues.get(streamId)
    if (queue !== undefined) {
      queue.push(item)
      return Effect.void
    }
    const own = [item]
    queues.set(streamId, own)
    return Effect.forkIn(work(streamId, own), scope)
  }

  /**
   * The next event is damaged, and is not reacted to. Where its stream alone is concerned, that is parked; else nothing
   * goes on behind it, until it is whole again or an operator has it passed over.
   */
  const meet = Effect.fnUntraced(function* (damaged: StreamDamaged, noted: Model["failure"]) {
    const place = Source.placeOf(damaged)
    const skipped = yield* persistently(checkpoints.skipped(name, saved.version))
    if (skipped.has(place.position)) return yield* enqueue(damaged, true)
    if (yield* persistently(events.vouches(place))) return yield* enqueue(damaged, false)
    if (noted?.halted === true && noted.position === place.position) return
    const failure = { ...Batch.failureOf(damaged, damaged, (noted?.attempts ?? 0) + 1), halted: true }
    yield* write((at) => checkpoints.noteFailure(at, failure))
    yield* log("an event is damaged: the reaction halts", damaged, failure.attempts, damaged)
  })

  /** Brings back what was parked, and tells the workers what an operator released. */
  const readLetters = Effect.gen(function* () {
    for (const letter of yield* persistently(checkpoints.deadLetters(saved))) {
      const known = parked.get(letter.streamId)
      if (known === undefined && !queues.has(letter.streamId)) {
        const state = { letter, seen: 0, wake: yield* Deferred.make<void>() }
        parked.set(letter.streamId, state)
        yield* Effect.forkIn(workOff(state), scope)
      } else if (known !== undefined && letter.retry) {
        yield* Deferred.succeed(known.wake, undefined)
      }
    }
  })

  let lastLook: number | undefined
  let lastSave = 0
  for (;;) {
    const now = yield* Elapsed.millis
    const seen = tail.end
    if (lastLook === undefined || now - lastLook >= Duration.toMillis(limits.pollInterval)) {
      yield* readLetters
      lastLook = now
    }
    const row = Option.getOrNull(yield* persistently(generations.find(name)))
    // The log was restored under it. What it has under way ends with it, and it begins again where it is taken up.
    if (row?.live?.isAhead === true) return
    const isFull = row?.paused === true || characters >= limits.maxAheadCharacters
    const room = isFull ? 0 : limits.maxAhead - ahead.length
    const noted = row?.live?.failure ?? null
    let isMore = false
    if (room > 0) {
      const page = yield* persistently(
        Effect.catchTag(tail.read(readTo, Math.min(room, maxPage)), "StreamDamaged", Effect.succeed)
      )
      if (page instanceof StreamDamaged) {
        yield* meet(page, noted)
        isMore = readTo === page.position
      } else {
        for (const stored of page.events) {
          yield* enqueue(stored, reaction.selection.codecOf(stored) === undefined)
        }
        isMore = page.more
        if (noted !== null) yield* write((at) => checkpoints.noteFailure(at, null))
      }
    }
    const open = ahead.findIndex(({ isDone }) => !isDone)
    const done = open === -1 ? ahead.length : open
    let untilSave = done === 0 ? Number.POSITIVE_INFINITY : done >= saveEvery ? 0 : lastSave + saveIntervalMs - now
    if (untilSave <= 0) {
      yield* save
      lastSave = now
      untilSave = Number.POSITIVE_INFINITY
    }
    if (!isMore) {
      const known = readTo >= tail.end ? tail.end : seen
      // Where it can take no more, the workers wake it.
      const end = room > 0 ? tail.watchEnd(known, () => Queue.unsafeOffer(wakes, undefined)) : () => {}
      yield* Effect.timeoutOption(Queue.take(wakes), Math.min(Duration.toMillis(limits.pollInterval), untilSave)).pipe(
        Effect.ensuring(Effect.sync(end))
      )
    }
    // The embedded store answers without a pause: let others run between two pages.
    yield* turn
  }
})

/** Waits until the log has the event that the reaction was at, or an operator takes it up at the log's end. */
const untilOnLog = Effect.fnUntraced(function* (name: string) {
  const generations = yield* GenerationStore
  const { pollInterval } = yield* ProjectionConfig
  for (let isKnown = false; ; isKnown = true) {
    const row = yield* Effect.option(generations.find(name))
    const live = Option.getOrUndefined(Option.flatten(row))?.live ?? null
    if (live?.isAhead !== true) return
    if (!isKnown) {
      const message = "a reaction is ahead of the log, which was restored, and waits to be resumed"
      yield* Fault.report(LogLevel.Error, message, { reaction: name, position: live.position })
    }
    yield* Effect.sleep(pollInterval)
  }
})

const follow = <E extends { readonly _tag: string }, R>(reaction: Reaction<E, R>) =>
  Effect.forever(Effect.zipRight(untilOnLog(reaction.name), Effect.scoped(run(reaction))))

/** Runs the reaction while its scope is open. */
export const layer = <E extends { readonly _tag: string }, R>(
  reaction: Reaction<E, R>
): Layer.Layer<never, never, EventStore | ProjectionStore | R> =>
  Layer.scopedDiscard(
    Effect.flatMap(Effect.zipRight(Effect.sync(reaction.selection.check), GenerationStore), (generations) =>
      // Known at once to whoever asks for it; where the store does not answer now, it is tried again.
      Effect.catchAllCause(generations.register(reaction.name, "reaction"), (cause) =>
        Fault.report(LogLevel.Warning, "a reaction cannot be registered yet", { reaction: reaction.name }, cause)
      ).pipe(Effect.zipRight(Effect.forkScoped(Lease.whileHeld(reaction.name, follow(reaction)))))
    )
  )
