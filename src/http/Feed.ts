/**
 * `Feed` is the log as server-sent events: what is stored after a position, and then each new event. It is bounded:
 * `Subscription` reads on only as the client takes, and gives up one that takes nothing.
 *
 * It ends where it cannot go on, and says why: at an event that is damaged, at one of a newer release, and without a
 * word where the service stops or the reader's token is taken no more.
 */
import { Buffer } from "node:buffer"
import { Cause, Data, Deferred, Effect, Either, LogLevel, Stream } from "effect"
import { EventStore, type ReadError } from "../core/EventStore.ts"
import * as FaultLog from "../core/FaultLog.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import type { StreamDamaged } from "../core/StoreError.ts"
import type { EventFilter } from "../projection/EventFilter.ts"
import type { SlowConsumer } from "../projection/ProjectionError.ts"
import * as Subscription from "../projection/Subscription.ts"
import { EventView, type Unreadable } from "./EventView.ts"
import * as FeedMessages from "./FeedMessages.ts"
import { HttpConfig } from "./HttpConfig.ts"
import { Lifecycle } from "./Lifecycle.ts"

/** What a reader of the feed asked for and may have. */
export interface Reader {
  readonly filter: EventFilter
  readonly skipDamaged: boolean
  /** The streams whose events it may see; null: all. */
  readonly streams: ReadonlySet<string> | null
  /** Ends when it may see nothing any more. */
  readonly untilDistrusted: Effect.Effect<unknown>
}

type Place = Pick<StreamDamaged, "position" | "streamId" | "version">

/** Whether events of a stream are for who may see these. */
export const maySee = (streams: ReadonlySet<string> | null, streamId: string): boolean =>
  streams?.has(streamId) !== false

/**
 * Which event is damaged, and nothing of what is stored of it. It has the position as its id only for a client that
 * goes on behind it: any other client comes again where it was, and hears it again. For a stream that the reader may
 * not see it has only the position.
 */
const toDamage = ({ position, streamId, version }: Place, { skipDamaged, streams }: Reader) => {
  const id = skipDamaged ? `id: ${position}\n` : ""
  const where = maySee(streams, streamId) ? { position, streamId, version } : { position }
  return Buffer.from(`${id}event: damaged\ndata: ${JSON.stringify(where)}\n\n`)
}

/**
 * Which event a newer release has stored: without an id, so that the client comes again where it was, once that is
 * deployed.
 */
const toNewer = ({ position, streamId, version }: Place) =>
  Buffer.from(`event: newer-release\ndata: ${JSON.stringify({ position, streamId, version })}\n\n`)

/** An event that is what was stored and that this program cannot show. */
class Unshown extends Data.TaggedError("Unshown")<{ readonly place: Place; readonly problem: Unreadable }> {}

const toUnshown =
  ({ position, streamId, version }: StoredEvent) =>
  (problem: Unreadable) =>
    new Unshown({ problem, place: { position, streamId, version } })

/** A client that lost the connection comes again after a second, with the id of the last event that it got. */
const retry = Buffer.from("retry: 1000\n\n")
const heartbeat = Buffer.from(": \n\n")

export const make = Effect.gen(function* () {
  const store = yield* EventStore
  const lifecycle = yield* Lifecycle
  const config = yield* HttpConfig
  const view = yield* EventView
  const messagesOf = FeedMessages.make((stored) => Either.mapLeft(view.of(stored), toUnshown(stored)))

  const feed = (from: number, reader: Reader): Stream.Stream<Uint8Array> => {
    const { filter, skipDamaged, streams } = reader
    const messages = (after: number): Stream.Stream<Uint8Array, ReadError | SlowConsumer> => {
      /** Says where the feed ends, and goes on behind it where it may. */
      const at = (what: string, place: Place, message: Uint8Array, goesOn: boolean) => {
        const told = Stream.execute(FaultLog.report(LogLevel.Error, what, { ...place })).pipe(
          Stream.concat(Stream.make(message))
        )
        return goesOn && place.position !== null ? Stream.concat(told, messages(place.position)) : told
      }
      return Subscription.log(after, streams === null ? filter : { ...filter, streams }).pipe(
        Stream.chunks,
        Stream.mapConcat(messagesOf),
        Stream.mapEffect((message) => message),
        Stream.provideService(EventStore, store),
        Stream.catchTags({
          StreamDamaged: ({ position, streamId, version }) => {
            const place = { position, streamId, version }
            return at("the feed comes to a damaged event", place, toDamage(place, reader), skipDamaged)
          },
          Unshown: ({ place, problem }) =>
            problem.code === "newer-release"
              ? at("the feed comes to an event of a newer release", place, toNewer(place), false)
              : at("the feed comes to an event that cannot be read", place, toDamage(place, reader), skipDamaged)
        })
      )
    }
    const events = messages(from).pipe(
      // The answer has begun, and so an error can only end it: the client comes again, and learns more then.
      Stream.catchAllCause((cause) =>
        Stream.execute(
          Cause.isInterruptedOnly(cause)
            ? Effect.void
            : FaultLog.report(LogLevel.Warning, "a client of the feed was cut off", {}, cause)
        )
      )
    )
    const beats = Stream.as(Stream.tick(config.heartbeat), heartbeat)
    return Stream.concat(Stream.make(retry), Stream.merge(events, beats, { haltStrategy: "left" })).pipe(
      Stream.interruptWhen(Effect.race(Deferred.await(lifecycle.stopping), reader.untilDistrusted))
    )
  }
  return feed
})
