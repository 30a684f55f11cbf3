/**
 * `Subscription` follows the log, or one stream: what is stored after a place, and then each new event. Events come
 * once, in order and without a hole.
 *
 * It returns only what the log holds: at a damaged event it ends with `StreamDamaged`, after all events before it. A
 * subscriber that wants to go on behind it subscribes after its place.
 *
 * It is bounded: a few pages wait for the subscriber, and one that takes none for too long is cut off with
 * `SlowConsumer`, which says where to resume. While nothing that it wants comes, it costs nothing: see `Tail.ts`.
 */
import { Cause, Chunk, Deferred, Duration, Effect, Either, Exit, Option, Queue, Stream } from "effect"
import type * as Event from "../core/Event.ts"
import * as EventLoop from "../core/EventLoop.ts"
import { type EventPage, EventStore, type ReadError } from "../core/EventStore.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import type { StreamId } from "../core/StreamId.ts"
import * as EventFilter from "./EventFilter.ts"
import { SlowConsumer } from "./ProjectionError.ts"
import * as Selection from "./Selection.ts"
import * as Tail from "./Tail.ts"

/** Most events in a page. */
const pageSize = 256
/** Pages that wait for the subscriber. */
const maxWaitingPages = 4

/** How long a subscriber may let a page wait when as many wait as may. */
export const defaultPatience = Duration.seconds(30)

/**
 * Which events, and how long a subscriber may take. An event must match everything that is given. A damaged event ends
 * the subscription even where the filter would leave it out.
 */
export interface Options extends EventFilter.EventFilter {
  /** Only these events, of the aggregate that has them, as those of a projection. Default: all. */
  readonly events?: ReadonlyArray<Event.Any>
  /** Default: `defaultPatience`. */
  readonly patience?: Duration.DurationInput
}

/** What is followed. */
interface Followed {
  readonly streamId: StreamId | null
  /** The number that counts there: the position in the log, or the version in a stream. */
  readonly numberOf: (event: StoredEvent) => number
  /** The next page, and the position up to which there is nothing else where it is the last one. */
  readonly read: (
    store: EventStore["Type"],
    after: number
  ) => Effect.Effect<EventPage & { readonly through: number }, ReadError>
}

/** How many events of one stream, from the first on, follow each other and a version without a hole. */
const unbroken = (events: ReadonlyArray<StoredEvent>, after: number): number => {
  const hole = events.findIndex(({ previousHash, version }, index) => {
    const before = events[index - 1]
    return version !== after + 1 + index || (before !== undefined && previousHash !== before.hash)
  })
  return hole === -1 ? events.length : hole
}

const follow = (
  { numberOf, read, streamId }: Followed,
  start: number,
  { events: chosen, patience = defaultPatience, ...filter }: Options
): Stream.Stream<StoredEvent, ReadError | SlowConsumer, EventStore> =>
  Stream.unwrapScoped(
    Effect.gen(function* () {
      const store = yield* EventStore
      const selection = chosen && Selection.make("a subscription", chosen)
      selection?.check()
      const tail = yield* Tail.follow
      const named = EventFilter.wantedOf(filter)
      const wanted = selection === undefined ? named : EventFilter.narrow(named, selection.reach())
      const isWanted = (event: StoredEvent) =>
        EventFilter.fits(wanted, event) && (selection === undefined || selection.codecOf(event) !== undefined)
      // All events of one stream, so that a hole in it shows.
      const watched = streamId === null ? wanted : EventFilter.wantedOf({ streamPrefix: streamId })
      /** The last one says why there are no more. */
      const pages = yield* Queue.bounded<Either.Either<ReadonlyArray<StoredEvent>, ReadError>>(maxWaitingPages)
      const ended = yield* Deferred.make<never, SlowConsumer>()
      /** The last event that the subscriber was given. */
      let given = start

      const tooSlow = Effect.suspend(() => new SlowConsumer({ streamId, resumeAfter: given }))
      const offer = (page: Either.Either<ReadonlyArray<StoredEvent>, ReadError>) =>
        Effect.timeoutOption(Queue.offer(pages, page), patience).pipe(
          Effect.flatMap(Option.match({ onNone: () => tooSlow, onSome: () => Effect.void }))
        )
      const readOn = Effect.gen(function* () {
        /** The last event that was seen, by its number there. */
        let after = start
        /** Position up to which all is seen, once that is known: from there the ring of the tail goes on. */
        let through: number | undefined
        /** Whether the tail may know what follows. */
        let isKnown = true
        const wait = (after: number) =>
          Effect.map(tail.wait(after, watched), (told) => {
            isKnown = told.isKnown
            return told.through
          })
        const give = Effect.fnUntraced(function* (events: ReadonlyArray<StoredEvent>) {
          for (const last of events.slice(-1)) after = numberOf(last)
          const fitting = events.filter(isWanted)
          if (fitting.length > 0) yield* offer(Either.right(fitting))
        })
        for (;;) {
          const taken = through === undefined || !isKnown ? undefined : tail.take(through, watched, pageSize)
          if (taken !== undefined) {
            const events = taken.events.filter(
              (event) => numberOf(event) > after && (streamId === null || event.streamId === streamId)
            )
            const whole = streamId === null ? events.length : unbroken(events, after)
            yield* give(events.slice(0, whole))
            through = whole < events.length ? undefined : taken.through
            // The ring may have gone past it while the subscriber took its time.
            if (through !== undefined && taken.isEnd && through >= tail.start) through = yield* wait(through)
            continue
          }
          if (streamId === null) after = Math.max(after, through ?? 0)
          isKnown = true
          const ringStart = tail.start
          const found = yield* Effect.either(read(store, after))
          // What was read before it is given first.
          if (Either.isLeft(found)) return yield* offer(Either.left(found.left))
          yield* give(found.right.events)
          // The embedded store answers without a pause: let others run between two pages.
          if (found.right.more) {
            yield* EventLoop.turn
            continue
          }
          through = Math.max(found.right.through, through ?? 0)
          // The ring may have gone past it meanwhile: then there is more.
          if (through >= tail.start || tail.start === ringStart) through = yield* wait(through)
        }
      })
      yield* Effect.forkScoped(
        Effect.onExit(readOn, (exit) =>
          Exit.isFailure(exit) && !Cause.isInterruptedOnly(exit.cause)
            ? Deferred.failCause(ended, exit.cause)
            : Effect.void
        )
      )

      return Stream.repeatEffectChunk(
        Effect.flatMap(
          // A client that was cut off hears of it at once: what waited is read again when it resumes.
          Effect.flatMap(Deferred.isDone(ended), (isDone) =>
            isDone ? Deferred.await(ended) : Effect.raceFirst(Queue.take(pages), Deferred.await(ended))
          ),
          Either.map((page) => {
            for (const last of page.slice(-1)) given = numberOf(last)
            return Chunk.unsafeFromArray(page as Array<StoredEvent>)
          })
        )
      )
    })
  )

/** The log after a position, of all streams. */
export const log = (
  after: number,
  options: Options = {}
): Stream.Stream<StoredEvent, ReadError | SlowConsumer, EventStore> =>
  follow(
    {
      streamId: null,
      numberOf: ({ position }) => position,
      read: (store, position) =>
        Effect.map(store.readAll(position, pageSize), (page) => ({
          ...page,
          through: page.events.at(-1)?.position ?? position
        }))
    },
    after,
    options
  )

/** One stream after a version. */
export const stream = (
  streamId: StreamId,
  afterVersion: number,
  options: Options = {}
): Stream.Stream<StoredEvent, ReadError | SlowConsumer, EventStore> =>
  follow(
    {
      streamId,
      numberOf: ({ version }) => version,
      // Where the log ended before it was read, all of the stream up to there is in it.
      read: (store, version) =>
        Effect.flatMap(store.lastPosition, (through) =>
          Effect.map(store.readStream(streamId, { from: version + 1, limit: pageSize }), (page) => ({
            ...page,
            through
          }))
        )
    },
    afterVersion,
    options
  )
