/**
 * `Subscription` follows the log, or one stream: what is stored after a place, and then each new event. Events come once, in
 * order and without a hole.
 *
 * It gives what the log holds and nothing else: at an event that is damaged it ends with `StreamDamaged`, after all that
 * stands before. To go on behind it is the subscriber's to say, by subscribing after its place.
 *
 * It is bounded: a few pages wait for the subscriber, and one that takes none for too long is cut off with `SlowConsumer`,
 * which says where to resume.
 */
import { Cause, Chunk, Deferred, Duration, Effect, Either, Exit, Option, Queue, Stream } from "effect"
import type * as Event from "../core/Event.ts"
import { type EventPage, EventStore, type ReadError } from "../core/EventStore.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import type { StreamId } from "../core/StreamId.ts"
import { turn } from "../core/Turn.ts"
import { SlowConsumer } from "./ProjectionError.ts"
import * as Selection from "./Selection.ts"

/** Most events in a page. */
const pageSize = 256
/** Pages that wait for the subscriber. */
const maxWaitingPages = 4

/** How long a subscriber may let a page wait when as many wait as may. */
export const defaultPatience = Duration.seconds(30)
/** How often to look for commits that nobody told of, such as those of another process. */
const pollInterval = Duration.seconds(1)

export interface Options {
  /** Only these events, of the aggregate that has them, as those of a projection. Default: all. */
  readonly events?: ReadonlyArray<Event.Any>
  /** Default: `defaultPatience`. */
  readonly patience?: Duration.DurationInput
}

/** What is followed, by the number that counts there: positions of the log, or versions of a stream. */
interface Followed {
  readonly streamId: StreamId | null
  readonly numberOf: (event: StoredEvent) => number
  readonly read: (store: EventStore["Type"], after: number) => Effect.Effect<EventPage, ReadError>
}

const follow = (
  { numberOf, read, streamId }: Followed,
  start: number,
  { events, patience = defaultPatience }: Options
): Stream.Stream<StoredEvent, ReadError | SlowConsumer, EventStore> =>
  Stream.unwrapScoped(
    Effect.gen(function* () {
      const store = yield* EventStore
      const selection = events && Selection.make("a subscription", events)
      selection?.check()
      /** The last one is why there are no more. */
      const pages = yield* Queue.bounded<Either.Either<ReadonlyArray<StoredEvent>, ReadError>>(maxWaitingPages)
      const wakes = yield* Queue.sliding<void>(1)
      const ended = yield* Deferred.make<never, SlowConsumer>()
      /** The last event that the subscriber was given. */
      let given = start

      yield* Stream.merge(store.commits, Stream.tick(pollInterval)).pipe(
        Stream.runForEach(() => Queue.offer(wakes, undefined)),
        Effect.forkScoped
      )
      const tooSlow = Effect.suspend(() => new SlowConsumer({ streamId, resumeAfter: given }))
      const offer = (page: Either.Either<ReadonlyArray<StoredEvent>, ReadError>) =>
        Effect.timeoutOption(Queue.offer(pages, page), patience).pipe(
          Effect.flatMap(Option.match({ onNone: () => tooSlow, onSome: () => Effect.void }))
        )
      const readOn = Effect.gen(function* () {
        for (let after = start; ; ) {
          const found = yield* Effect.either(read(store, after))
          // What was read before it is given first.
          if (Either.isLeft(found)) return yield* offer(Either.left(found.left))
          const page = found.right
          for (const last of page.events.slice(-1)) after = numberOf(last)
          const wanted =
            selection === undefined
              ? page.events
              : page.events.filter((event) => selection.codecOf(event) !== undefined)
          if (wanted.length > 0) yield* offer(Either.right(wanted))
          // The embedded store answers without a pause: let others run between two pages.
          yield* page.more ? turn : Queue.take(wakes)
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
          // Whoever was cut off learns it at once: what waited is read again when it resumes.
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
      read: (store, position) => store.readAll(position, pageSize)
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
      read: (store, version) => store.readStream(streamId, { from: version + 1, limit: pageSize })
    },
    afterVersion,
    options
  )
