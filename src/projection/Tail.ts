/**
 * `Tail` is the one reader of the newest events in a process. Commits wake only it. It reads each event once, verified,
 * from `EventStore`, and keeps the newest ones in a bounded ring, from which projections, reactions, subscriptions and
 * the feed take. A follower that is behind the ring reads pages of its own.
 *
 * - A commit costs the same however many wait for other events: followers are found by what they wait for.
 * - The tail reads while somebody waits at its end, and rests while all are at work, so nothing is read twice for a
 *   follower that catches up.
 * - What a reader gets from the ring is what the store would have given it: in the order of the log, without a hole.
 * - It decides nothing. At a damaged event, or where the store does not answer, it makes every follower look for
 *   itself, so that each meets the fault itself.
 */
import { Cause, Duration, Effect, Exit, LogLevel, Queue, Scope, Stream } from "effect"
import * as EventLoop from "../core/EventLoop.ts"
import { type EventPage, EventStore, maxPage, type ReadError } from "../core/EventStore.ts"
import * as FaultLog from "../core/FaultLog.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import * as EventFilter from "./EventFilter.ts"
import * as EventRing from "./EventRing.ts"
import { ProjectionConfig } from "./ProjectionConfig.ts"
import type { LogMisread } from "./ProjectionError.ts"
import * as Source from "./Source.ts"
import { type Watcher, Watchers } from "./Watchers.ts"

/** How often to look for commits that nothing announced, such as those of another process. */
const pollInterval = Duration.seconds(1)

/** Before it tries again what failed. */
const pause = Duration.millis(20)

/** A part of the ring that a follower takes: what it wants of it, and how far that is. */
export interface Taken {
  readonly events: ReadonlyArray<StoredEvent>
  /** Up to here there is nothing else that it wants. */
  readonly through: number
  /** Whether that is where the ring ends. */
  readonly isEnd: boolean
}

/** What a waiting follower hears. */
export interface Told {
  /** Nothing that it wants is up to here. */
  readonly through: number
  /** Whether the tail knows what follows; else the follower looks in the store by itself. */
  readonly isKnown: boolean
}

export class Tail {
  private readonly store: EventStore["Type"]
  private readonly ring: EventRing.EventRing
  private readonly wakes: Queue.Queue<void>
  private readonly watchers = new Watchers()
  private readonly reading = Effect.unsafeMakeSemaphore(1)
  /** Whether there may be something that was not read. */
  private isStale = true
  /** Whether a follower waits that came while none waited: the tail was at rest, and the log may have gone on. */
  private isRested = true
  private isCheckDue = false

  constructor(store: EventStore["Type"], bounds: EventRing.Bounds, wakes: Queue.Queue<void>) {
    this.store = store
    this.ring = new EventRing.EventRing(bounds)
    this.wakes = wakes
  }

  /** Position up to which it has read; below 0 before it did. */
  get end(): number {
    return this.ring.end
  }

  /** Position after which the ring has all of that. */
  get start(): number {
    return this.ring.start
  }

  /** What the ring has after a position, at most `limit`; undefined where the ring does not reach back to there. */
  take(after: number, wanted: EventFilter.Wanted, limit: number): Taken | undefined {
    if (!this.ring.covers(after)) return undefined
    const found = this.ring.page(after, limit)
    const through = found.at(-1)?.position ?? after
    return {
      events: found.filter((event) => EventFilter.fits(wanted, event)),
      through,
      isEnd: through >= this.ring.end
    }
  }

  /**
   * The next events after a position, of all streams: from the ring, or read for all who follow, or read for this
   * caller alone where it is behind. As `Source.read`.
   */
  read(after: number, limit: number): Effect.Effect<EventPage, ReadError | LogMisread> {
    return Effect.suspend(() => {
      const given = this.pageAfter(after, limit)
      if (given !== undefined) return Effect.succeed(given)
      if (after !== this.ring.end) return this.readAlone(after, limit)
      return this.reading.withPermits(1)(
        Effect.suspend(() => {
          const meanwhile = this.pageAfter(after, limit)
          if (meanwhile !== undefined) return Effect.succeed(meanwhile)
          if (after !== this.ring.end) return Source.read(this.store, after, limit)
          return Effect.map(this.readOn, (page) => {
            const added = this.pageAfter(after, limit) ?? page
            // The ring ends where this page does, and the log may not.
            return { events: added.events, more: added.more || page.more }
          })
        })
      )
    })
  }

  /** Calls back once when there may be something after a position. Returns what ends the watch. */
  watch(after: number, wanted: EventFilter.Wanted, tell: (told: Told) => void): () => void {
    const isBehind = after < this.ring.start
    if (!isBehind && after < this.ring.end) {
      const next = this.ring.after(after).find((event) => EventFilter.fits(wanted, event))
      if (next !== undefined) {
        tell({ through: next.position - 1, isKnown: true })
        return () => {}
      }
    }
    const watcher: Watcher = {
      // A follower that is behind looks whatever comes, since what it wants may be before that.
      wanted: isBehind ? EventFilter.all : wanted,
      after: isBehind ? after : Math.max(after, this.ring.end),
      tell: (event) =>
        tell({
          through: isBehind ? after : event === undefined ? Math.max(after, this.ring.end) : event.position - 1,
          isKnown: event !== undefined
        })
    }
    this.isRested ||= this.watchers.size === 0
    this.watchers.add(watcher)
    if (this.isStale || this.isRested) Queue.unsafeOffer(this.wakes, undefined)
    return () => this.watchers.remove(watcher)
  }

  /** Calls back once when the tail is no longer where it was, perhaps at once. */
  watchEnd(seen: number, tell: () => void): () => void {
    if (this.ring.end === seen) return this.watch(seen, EventFilter.all, tell)
    tell()
    return () => {}
  }

  /** Waits for the call of `watch`. */
  wait(after: number, wanted: EventFilter.Wanted): Effect.Effect<Told> {
    return Effect.async((resume) => {
      const end = this.watch(after, wanted, (told) => resume(Effect.succeed(told)))
      return Effect.sync(end)
    })
  }

  /** Reads while its scope is open. */
  readonly run = Effect.gen(this, function* () {
    yield* Effect.forkScoped(Stream.runForEach(this.store.commits, () => Effect.sync(() => this.markStale())))
    const poll = Effect.sync(() => {
      this.isCheckDue = true
      // Nothing has it checked: followers at work go on with pages of their own.
      if (this.watchers.size === 0) this.ring.reset(-1)
      this.markStale()
    })
    yield* Effect.forkScoped(Effect.forever(Effect.delay(poll, pollInterval)))
    for (;;) {
      yield* Queue.take(this.wakes)
      const exit = yield* Effect.exit(this.reading.withPermits(1)(Effect.zipRight(this.check, this.readToEnd)))
      if (Exit.isSuccess(exit)) continue
      // Each waiting follower meets a failure where it looks for itself. A defect it may not meet.
      this.watchers.tellAll()
      if (Cause.isDie(exit.cause)) {
        yield* FaultLog.report(LogLevel.Warning, "the end of the log cannot be read at present", {}, exit.cause)
      }
      // The next follower that waits wakes it again at once.
      yield* Effect.sleep(pause)
    }
  })

  private pageAfter(after: number, limit: number): EventPage | undefined {
    if (!this.ring.covers(after) || after >= this.ring.end) return undefined
    const events = this.ring.page(after, limit)
    return { events, more: (events.at(-1)?.position ?? after) < this.ring.end }
  }

  /**
   * For a follower that is behind. Where nothing waits at the end, and it is ahead of the ring, the ring goes on from
   * there.
   */
  private readAlone(after: number, limit: number) {
    return Effect.tap(Source.read(this.store, after, limit), ({ events }) =>
      Effect.sync(() => {
        if (this.watchers.size > 0 || after <= this.ring.end || events.length === 0) return
        this.ring.reset(after)
        this.ring.push(events)
      })
    )
  }

  /** The next page, for all. */
  private readonly readOn = Effect.suspend(() => {
    const from = this.ring.end
    this.isStale = false
    return Source.read(this.store, from, maxPage).pipe(
      Effect.tap(({ events }) => Effect.sync(() => this.add(from, events))),
      Effect.tapError((error) =>
        Effect.sync(() => {
          this.watchers.tellAll()
          // Behind it the log goes on: each who comes to it meets it in a page of its own.
          if (error._tag !== "StreamDamaged" || error.position === null || this.ring.end !== from) return
          this.ring.reset(error.position)
        })
      ),
      Effect.onInterrupt(() => Effect.sync(() => this.markStale()))
    )
  })

  /** What was read after a position. */
  private add(from: number, events: ReadonlyArray<StoredEvent>): void {
    // A follower that was further on has made the ring go on from there meanwhile.
    if (this.ring.end !== from) {
      this.markStale()
      return
    }
    this.ring.push(events)
    for (const event of events) {
      if (this.watchers.size === 0) return
      this.watchers.tell(event)
    }
  }

  private markStale(): void {
    this.isStale = true
    if (this.watchers.size > 0) Queue.unsafeOffer(this.wakes, undefined)
  }

  private readonly readToEnd = Effect.gen(this, function* () {
    if (this.isRested) yield* this.goToWaiting
    while (this.watchers.size > 0) {
      const { more } = yield* this.readOn
      if (!more && !this.isStale) return
      yield* EventLoop.turn
    }
  })

  /** Passes over what nothing waits for: while the tail was at rest, those who wait now have seen more than it. */
  private readonly goToWaiting = Effect.gen(this, function* () {
    this.isRested = false
    const { least } = this.watchers
    if (this.watchers.size === 0 || (least <= this.ring.end && this.ring.end >= 0)) return
    const last = yield* this.store.lastPosition
    const position = least < 0 ? last : Math.min(last, least)
    if (position <= this.ring.end) return
    this.watchers.tellAll(position)
    this.ring.reset(position)
  })

  /** Now and then, whether the log still has what was read: it may have been restored to before that. */
  private readonly check = Effect.gen(this, function* () {
    const { end, last } = this.ring
    if (!this.isCheckDue || this.watchers.size === 0 || end < 0) return
    this.isCheckDue = false
    const isThere: Effect.Effect<boolean, ReadError> =
      last === undefined
        ? Effect.map(this.store.lastPosition, (position) => position >= end)
        : Effect.map(this.store.readAll(end - 1, 1), ({ events }) => events[0]?.hash === last.hash)
    // Damage in its place is met by the followers that come there.
    if (yield* Effect.catchTag(isThere, "StreamDamaged", () => Effect.succeed(false))) return
    this.watchers.tellAll()
    this.ring.reset(yield* this.store.lastPosition)
  })
}

interface Shared {
  readonly tail: Tail
  readonly scope: Scope.CloseableScope
  followers: number
}

/** One for each store of the process, while somebody follows it. */
const tails = new WeakMap<EventStore["Type"], Shared>()

/** The tail of the store, made for the first who follows it and ended with the last. Its bounds are the first one's. */
export const follow: Effect.Effect<Tail, never, EventStore | Scope.Scope> = Effect.gen(function* () {
  const store = yield* EventStore
  const { tailBytes: bytes, tailEvents: events } = yield* ProjectionConfig
  const wakes = yield* Queue.sliding<void>(1)
  const scope = yield* Scope.make()
  const shared = yield* Effect.acquireRelease(
    Effect.suspend(() => {
      const known = tails.get(store)
      if (known !== undefined) {
        known.followers++
        return Effect.succeed(known)
      }
      const made: Shared = { tail: new Tail(store, { events, bytes }, wakes), scope, followers: 1 }
      tails.set(store, made)
      return Effect.as(Effect.forkIn(Effect.interruptible(Scope.extend(made.tail.run, scope)), scope), made)
    }),
    (held) =>
      Effect.suspend(() => {
        if (--held.followers > 0) return Effect.void
        tails.delete(store)
        return Scope.close(held.scope, Exit.void)
      })
  )
  // It hears of commits before its followers first read.
  yield* Effect.yieldNow()
  return shared.tail
})
