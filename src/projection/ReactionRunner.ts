/**
 * `ReactionRunner` runs a reaction: it reads the log ahead of it, works on the events of many streams at once and on those of one
 * in their order, moves the checkpoint behind what is done, and parks a stream whose event keeps failing. What is declared, and
 * what it promises, is in `Reaction.ts`.
 *
 * A parked stream is worked on by itself, from its dead letter on: there an operator's abandonment is met, and what he takes up
 * again. Each change of a letter changes its time, so that what a worker was about to say of it fails, and it looks
 * again.
 */
import { Cause, Clock, Deferred, Duration, Effect, LogLevel, Option, Queue } from "effect"
import * as Backoff from "../core/Backoff.ts"
import * as Elapsed from "../core/Elapsed.ts"
import * as EventLoop from "../core/EventLoop.ts"
import { EventStore, maxPage } from "../core/EventStore.ts"
import * as FaultLog from "../core/FaultLog.ts"
import { Permits } from "../core/Permits.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import { StreamDamaged } from "../core/StoreError.ts"
import * as Batch from "./Batch.ts"
import { CheckpointStore, type MoveError } from "./CheckpointStore.ts"
import { ExclusionStore } from "./ExclusionStore.ts"
import { GenerationStore } from "./GenerationStore.ts"
import type { Checkpoint, DeadLetter, Model, ProjectionRow } from "./Model.ts"
import { ProjectionConfig } from "./ProjectionConfig.ts"
import type { ApplyFailed } from "./ProjectionError.ts"
import type { Reaction } from "./Reaction.ts"
import * as ReactionAttempts from "./ReactionAttempts.ts"
import * as Registration from "./Registration.ts"
import * as Source from "./Source.ts"
import * as Tail from "./Tail.ts"

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

/** Most milliseconds between two looks while all that comes concerns others. */
const quietPauseMs = 100

export const run = Effect.fnUntraced(function* <E extends { readonly _tag: string }, R>(reaction: Reaction<E, R>) {
  const { name, version } = reaction
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

  /** Whether a later release has raised it: what is to be done is that one's. */
  const isNewer = (live: Checkpoint) => live.version > version

  const load = Effect.gen(function* () {
    const row = Option.getOrNull(yield* generations.find(name))
    const live =
      row?.live ?? (yield* Effect.dieMessage(`the reaction ${name} was given another name, and runs under that one`))
    if (isNewer(live)) {
      return yield* Effect.dieMessage(`the reaction ${name} was raised to version ${live.version}, and runs under that`)
    }
    return live
  })
  const registered = Registration.register(reaction).pipe(
    Effect.provideService(EventStore, events),
    Effect.provideService(CheckpointStore, checkpoints),
    Effect.provideService(GenerationStore, generations)
  )
  const past = Effect.provideService(Registration.pastOf(reaction), EventStore, events)
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

  const { attempt, giveUp } = ReactionAttempts.make({
    reaction,
    // Only a raised version has any.
    raises: reaction.version === 1 ? [] : (yield* persistently(past)).raises,
    places,
    endAbandonment: (position, left) => persistently(exclusions.endAbandonment(name, position, left))
  })

  /** What is passed over: by position, what an operator abandoned, and what an earlier release skipped. */
  const excluded = Effect.gen(function* () {
    const skipped = yield* checkpoints.skipped(saved)
    const abandoned = new Map((yield* exclusions.abandonments(name)).map((each) => [each.position, each]))
    return { skipped, abandoned }
  }).pipe(persistently)

  /** What was abandoned before it began: the reader may come to it again, and nothing is parked that says so. */
  const abandonedBefore = new Set((yield* excluded).abandoned.keys())

  /** One attempt, unless the event is passed over: what went wrong, or undefined; and how it was given up. */
  const attemptOrPass = Effect.fnUntraced(function* (met: Source.Met) {
    const { position } = Source.placeOf(met)
    const { abandoned, skipped } = yield* excluded
    const given = abandoned.get(position)
    if (skipped.has(position) || given?.ended === true) return { given, error: undefined }
    return { given, error: given === undefined ? yield* attempt(met) : yield* giveUp(met, given) }
  })

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
      const { error, given } = yield* attemptOrPass(met)
      if (error === ReactionAttempts.takenUp) continue
      if (error === undefined) {
        if (given !== undefined) over.set(version, given.position)
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
        const wasAbandoned = abandonedBefore.has(Source.placeOf(met).position)
        const error = wasAbandoned ? (yield* attemptOrPass(met)).error : yield* attempt(met)
        if (error === ReactionAttempts.takenUp) continue
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
    // The log was restored under it, or a later release runs it. What it has under way ends with it, and it begins again where it
    // is taken up.
    if (row?.live != null && (row.live.isAhead || isNewer(row.live))) return
    const isFull = row?.paused === true || characters >= limits.maxAheadCharacters
    const room = isFull ? 0 : limits.maxAhead - ahead.length
    let isMore = false
    let isQuiet = false
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
        if (row?.paused === true || (row?.live != null && (row.live.isAhead || isNewer(row.live)))) continue
        for (const stored of page.events) yield* enqueue(stored, !isWanted(stored))
        isMore = page.more
        isQuiet = page.events.length > 0 && !page.events.some(isWanted)
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
      const tell = () => void Queue.unsafeOffer(wakes, undefined)
      const watch = () => (isQuiet ? tail.watch(readTo, reaction.selection.reach(), tell) : tail.watchEnd(known, tell))
      // Where it can take no more, the workers wake it.
      const end = room > 0 ? watch() : () => {}
      const atMost = Math.min(Duration.toMillis(limits.pollInterval), untilSave, ...(isQuiet ? [quietPauseMs] : []))
      yield* Effect.timeoutOption(Queue.take(wakes), atMost).pipe(Effect.ensuring(Effect.sync(end)))
    }
    // The embedded store answers without a pause: let others run between two pages.
    yield* EventLoop.turn
  }
})
