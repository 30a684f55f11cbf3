/**
 * `ReactionRunner` runs a reaction: it reads the log ahead of it, works on the events of many streams at once and on those of one
 * in their order, moves the checkpoint behind what is done, and parks a stream whose event keeps failing. What is declared, and
 * what it promises, is in `Reaction.ts`.
 *
 * A parked stream is worked on by itself, from its dead letter on: there an operator's abandonment is met, and what he takes up
 * again. Each change of a letter changes its time, so that what a worker was about to say of it fails, and it looks
 * again.
 */
import { Cause, Clock, Deferred, Duration, Effect, Either, LogLevel, Option, Queue } from "effect"
import * as Backoff from "../core/Backoff.ts"
import * as Causation from "../core/Causation.ts"
import * as Elapsed from "../core/Elapsed.ts"
import * as EventLoop from "../core/EventLoop.ts"
import { EventStore, maxPage } from "../core/EventStore.ts"
import * as FaultLog from "../core/FaultLog.ts"
import { Permits } from "../core/Permits.ts"
import * as Principal from "../core/Principal.ts"
import type { Recorded } from "../core/Recorded.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import { StreamDamaged } from "../core/StoreError.ts"
import * as Traces from "../core/Traces.ts"
import * as Batch from "./Batch.ts"
import { CheckpointStore, type MoveError } from "./CheckpointStore.ts"
import { ExclusionStore } from "./ExclusionStore.ts"
import { GenerationStore } from "./GenerationStore.ts"
import type { Abandonment, Checkpoint, DeadLetter, Model, ProjectionRow } from "./Model.ts"
import { attemptTimeout, ProjectionConfig } from "./ProjectionConfig.ts"
import type { ApplyFailed } from "./ProjectionError.ts"
import type { CommandIdOf, Reaction } from "./Reaction.ts"
import * as Registration from "./Registration.ts"
import * as Source from "./Source.ts"
import * as Tail from "./Tail.ts"

/**
 * Begins with U+0001, which no client's id may. A reaction that was renamed keeps the ids that it had under its first name. `index`
 * tells the events apart that one stored event was split into.
 */
export const commandIdOf = (
  { formerNames, name }: Pick<Reaction<never, never>, "name" | "formerNames">,
  { streamId, version }: Pick<StoredEvent, "streamId" | "version">,
  index: number
): CommandIdOf => {
  const [firstName = name] = formerNames
  return (n = 0) => `\u0001${firstName}:${streamId}:${version}:${index}:${n}`
}

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
 * The checkpoint is written after a number of events, or of milliseconds since the last time: seldom, since it shares
 * the writer with the commands, and what is not written is only done again.
 */
const saveEvery = 256
const saveIntervalMs = 100

/** What an operator abandoned, another one has taken up. */
const takenUp = Symbol("taken up")

export const run = Effect.fnUntraced(function* <E extends { readonly _tag: string }, R>(reaction: Reaction<E, R>) {
  const { name } = reaction
  const events = yield* EventStore
  const tail = yield* Tail.follow
  const checkpoints = yield* CheckpointStore
  const exclusions = yield* ExclusionStore
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
  /** Parked streams of which nothing is left, until that is stored. */
  const closing = new Set<string>()

  const pause = (attempts: number, sooner: Effect.Effect<void>) =>
    Effect.flatMap(Backoff.next(policy, attempts), (millis) => Effect.timeoutOption(sooner, millis))

  /** Until the store answers. */
  const persistently = <A, X, Q>(effect: Effect.Effect<A, X, Q>): Effect.Effect<A, never, Q> =>
    Effect.catchAllCause(effect, (cause) =>
      Cause.isInterruptedOnly(cause)
        ? Effect.interrupt
        : FaultLog.report(LogLevel.Warning, "a reaction waits for the store", { reaction: name }, cause).pipe(
            Effect.zipRight(Effect.sleep(limits.pollInterval)),
            Effect.zipRight(persistently(effect))
          )
    )

  const load = Effect.gen(function* () {
    const row = Option.getOrNull(yield* generations.find(name))
    return (
      row?.live ?? (yield* Effect.dieMessage(`the reaction ${name} was given another name, and runs under that one`))
    )
  })
  const registered = Registration.register(reaction).pipe(
    Effect.provideService(EventStore, events),
    Effect.provideService(GenerationStore, generations)
  )
  let saved: Checkpoint = yield* persistently(Effect.zipRight(registered, load))
  let readTo = saved.position
  let finished = saved.position

  /**
   * Changes what is stored about it, one change at a time, from where the checkpoint is. Returns whether it was changed
   * here.
   */
  const write = (change: (at: Checkpoint) => Effect.Effect<void, MoveError | ApplyFailed>): Effect.Effect<boolean> => {
    const once: Effect.Effect<boolean, MoveError | ApplyFailed> = Effect.suspend(() => {
      const at = saved
      return Effect.catchTag(Effect.as(change(at), true), "CheckpointMoved", () =>
        Effect.flatMap(load, (now) => {
          saved = now
          // Another process reacts too, which is harmless: where the checkpoint is the same, it or an operator was first.
          return now.position === at.position ? Effect.succeed(false) : once
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

  type React<A> = (recorded: Recorded<E>, commandId: CommandIdOf) => Effect.Effect<A, unknown, R>

  /** One attempt on the events of a stored one, in the conversation of that; what went wrong, or undefined. */
  const attemptWith = <A>(
    stored: StoredEvent,
    events: ReadonlyArray<E>,
    react: React<A>,
    onDone: (answers: ReadonlyArray<A>) => Effect.Effect<unknown>
  ): Effect.Effect<unknown, never, R> =>
    Effect.forEach(events, (event, index) =>
      Traces.because(stored.traceparent, react({ event, stored }, commandIdOf(reaction, stored, index)))
    ).pipe(
      Principal.as(`reaction:${name}`),
      Effect.provideService(Causation.Causation, Causation.of(stored)),
      Effect.timeoutFail({
        duration: attemptTimeout,
        onTimeout: () => new Error(`it took longer than ${Duration.format(attemptTimeout)}`)
      }),
      Effect.matchCauseEffect({
        onSuccess: onDone,
        onFailure: (cause) => (Cause.isInterruptedOnly(cause) ? Effect.interrupt : Effect.succeed(Cause.squash(cause)))
      }),
      places.within
    )

  /** One attempt; what went wrong, or undefined. */
  const attempt = (stored: Source.Met): Effect.Effect<unknown, never, R> => {
    if (stored instanceof StreamDamaged) return Effect.succeed(stored)
    const codec = reaction.selection.codecOf(stored)
    if (codec === undefined) return Effect.void
    const decoded = codec.decode(stored)
    if (Either.isLeft(decoded)) return Effect.succeed(decoded.left)
    return attemptWith<unknown>(stored, decoded.right, reaction.react, () => Effect.succeed(undefined))
  }

  /** One attempt to end what an operator abandoned; what went wrong, or undefined. */
  const giveUp = (met: Source.Met, { position, undone }: Abandonment): Effect.Effect<unknown, never, R> => {
    const end = (left: string | null) =>
      Effect.map(persistently(exclusions.endAbandonment(name, position, left)), (isStill) =>
        isStill ? undefined : takenUp
      )
    if (met instanceof StreamDamaged || reaction.abandon === null) return end(undone)
    const decoded = reaction.selection.codecOf(met)?.decode(met)
    if (decoded === undefined || Either.isLeft(decoded)) return end(undone)
    return attemptWith(met, decoded.right, reaction.abandon.react, (left) => {
      const texts = left.filter((each) => each !== null)
      return end(texts.length === 0 ? null : texts.join("; "))
    })
  }

  /** What the reader is to pass over: by position, what an operator abandoned, and what an earlier release skipped. */
  const excluded = Effect.gen(function* () {
    const skipped = yield* checkpoints.skipped(saved)
    const abandoned = new Map((yield* exclusions.abandonments(name)).map((each) => [each.position, each]))
    return { skipped, abandoned }
  }).pipe(persistently)

  /** By kind: the words of an error may quote what a log must not, and are in the status. */
  const log = (what: string, met: Source.Met, attempts: number, error: unknown) =>
    FaultLog.report(LogLevel.Warning, what, { reaction: name, ...Source.placeOf(met), attempts }, Cause.fail(error))

  const park = Effect.fnUntraced(function* (met: Source.Met, error: unknown, attempts: number) {
    const failure = Batch.failureOf(met, error, attempts)
    let letter: DeadLetter = { ...failure, parkedAt: yield* Clock.currentTimeMillis, retry: false }
    yield* write((at) =>
      Effect.map(checkpoints.park(at, { to: at.position, events: 0, rate: 0 }, failure), (parked) => {
        letter = parked
        return undefined
      })
    )
    const what = met instanceof StreamDamaged ? "an event is damaged" : "a reaction failed too often"
    yield* log(`${what}: the stream is parked, and tried again now and then`, met, attempts, error)
    return { letter, seen: 0, wake: yield* Deferred.make<void>() } satisfies Parked
  })

  /** Works through a parked stream, until nothing is left to it. */
  const workOff = Effect.fnUntraced(function* (state: Parked, own?: ReadonlyArray<Item>) {
    const { streamId, version: start } = state.letter
    let { attempts, version } = state.letter
    /** What it passed over because it is given up, by version: its position. */
    const over = new Map<number, number>()

    /**
     * Reads the letter again, which an operator or another process has changed, and begins again at what was taken up meanwhile.
     * Returns whether there is one.
     */
    const refresh = Effect.gen(function* () {
      const letter = (yield* persistently(checkpoints.deadLetters(saved))).find((each) => each.streamId === streamId)
      if (letter === undefined) return false
      const { abandoned } = yield* excluded
      const again = letter.version < start ? [letter.version] : []
      for (const [at, position] of over) if (!abandoned.has(position) && over.delete(at)) again.push(at)
      if (letter.retry || again.length > 0) attempts = 0
      version = Math.min(version, ...again)
      state.letter = letter
      return true
    })

    for (;;) {
      if (attempts > 0) yield* pause(attempts, Deferred.await(state.wake))
      state.wake = yield* Deferred.make<void>()
      const met = yield* persistently(Source.eventAt(events, streamId, version))
      if (met === undefined || Source.placeOf(met).position > readTo) {
        // The reader may have left it one more since.
        if (state.seen >= version) continue
        parked.delete(streamId)
        closing.add(streamId)
        const isOver = yield* write((at) => checkpoints.unpark(at, state.letter, null, Effect.void))
        closing.delete(streamId)
        if (isOver) return
        // Where the reader has met the next event by now, that is in work, and the letter is read when it is done.
        const queue = queues.get(streamId)
        if ((queue !== undefined && (queue !== own || queue.length > 1)) || !(yield* refresh)) return
        parked.set(streamId, state)
        continue
      }
      const { position } = Source.placeOf(met)
      const { abandoned, skipped } = yield* excluded
      const given = abandoned.get(position)
      const isOut = skipped.has(position) || given?.ended === true
      const error = isOut ? undefined : given === undefined ? yield* attempt(met) : yield* giveUp(met, given)
      if (error === takenUp) continue
      if (error === undefined) {
        if (given !== undefined) over.set(version, position)
        attempts = 0
        version++
        continue
      }
      attempts++
      const again: DeadLetter = { ...state.letter, ...Batch.failureOf(met, error, attempts), retry: false }
      if (yield* write((at) => checkpoints.unpark(at, state.letter, again, Effect.void))) state.letter = again
      else yield* refresh
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
          yield* workOff(state, queue)
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
    const { abandoned, skipped } = yield* excluded
    const given = abandoned.get(place.position)
    if (given?.ended === false) yield* giveUp(damaged, given)
    if (given !== undefined || skipped.has(place.position)) return yield* enqueue(damaged, true)
    if (yield* persistently(events.vouches(place))) return yield* enqueue(damaged, false)
    if (noted?.halted === true && noted.position === place.position) return
    const failure = { ...Batch.failureOf(damaged, damaged, (noted?.attempts ?? 0) + 1), halted: true }
    yield* write((at) => checkpoints.noteFailure(at, failure))
    yield* log("an event is damaged: the reaction halts", damaged, failure.attempts, damaged)
  })

  /** Brings back what was parked, and tells the workers what an operator released. */
  const readLetters = Effect.gen(function* () {
    const read = persistently(Effect.suspend(() => checkpoints.deadLetters(saved)))
    const isUnknown = ({ streamId }: DeadLetter) =>
      !parked.has(streamId) && !queues.has(streamId) && !closing.has(streamId)
    const letters = yield* read
    for (const { retry, streamId } of letters) {
      const known = parked.get(streamId)
      if (known !== undefined && retry) yield* Deferred.succeed(known.wake, undefined)
    }
    // Read again, now that no worker is at them: a worker may have ended while they were read.
    for (const letter of letters.some(isUnknown) ? yield* read : []) {
      const wake = yield* Deferred.make<void>()
      if (!isUnknown(letter)) continue
      const state = { letter, seen: 0, wake }
      parked.set(letter.streamId, state)
      yield* Effect.forkIn(workOff(state), scope)
    }
  })

  let lastLook: number | undefined
  let lastSave = 0
  /** As it was looked up last: at each poll, and before anything is begun or noted, since what nothing concerns costs commits little. */
  let row: ProjectionRow | null = null
  const lookUp = Effect.map(persistently(generations.find(name)), Option.getOrNull)
  for (;;) {
    const now = yield* Elapsed.millis
    const seen = tail.end
    if (lastLook === undefined || now - lastLook >= Duration.toMillis(limits.pollInterval)) {
      yield* readLetters
      row = yield* lookUp
      lastLook = now
    }
    places.relieve(now - Duration.toMillis(limits.pollInterval))
    // The log was restored under it. What it has under way ends with it, and it begins again where it is taken up.
    if (row?.live?.isAhead === true) return
    const isFull = row?.paused === true || characters >= limits.maxAheadCharacters
    const room = isFull ? 0 : limits.maxAhead - ahead.length
    let isMore = false
    if (room > 0) {
      const page = yield* persistently(
        Effect.catchTag(tail.read(readTo, Math.min(room, maxPage)), "StreamDamaged", Effect.succeed)
      )
      if (page instanceof StreamDamaged) {
        row = yield* lookUp
        yield* meet(page, row?.live?.failure ?? null)
        isMore = readTo === page.position
      } else {
        const isWanted = (stored: StoredEvent) => reaction.selection.codecOf(stored) !== undefined
        if (lastLook !== now && page.events.some(isWanted)) row = yield* lookUp
        if (row?.paused === true || row?.live?.isAhead === true) continue
        for (const stored of page.events) yield* enqueue(stored, !isWanted(stored))
        isMore = page.more
        if (row?.live?.failure != null) {
          yield* write((at) => checkpoints.noteFailure(at, null))
          row = yield* lookUp
        }
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
    yield* EventLoop.turn
  }
})
