/** The answers to requests for the log: a page of it, and the feed of server-sent events. */
import { Buffer } from "node:buffer"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Cause, Deferred, Effect, LogLevel, Stream } from "effect"
import { EventStore, maxPage, type ReadError, type EventPage as StorePage } from "../core/EventStore.ts"
import * as Fault from "../core/Fault.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import type { StreamDamaged } from "../core/StoreError.ts"
import * as EventFilter from "../projection/EventFilter.ts"
import type { SlowConsumer } from "../projection/ProjectionError.ts"
import * as Subscription from "../projection/Subscription.ts"
import { defaultLimit } from "./ApiParts.ts"
import * as EventPage from "./EventPage.ts"
import { EventView } from "./EventView.ts"
import * as Failures from "./Failures.ts"
import * as FeedMessages from "./FeedMessages.ts"
import { HttpConfig } from "./HttpConfig.ts"
import { Lifecycle } from "./Lifecycle.ts"
import { Places } from "./Places.ts"
import * as PositionAhead from "./PositionAhead.ts"
import type { Problem } from "./Problem.ts"
import { ServiceApi } from "./ServiceApi.ts"

/**
 * Which event is damaged, and nothing of what is stored of it. Under its position only for a client that goes on behind it:
 * any other one comes again where it was, and is told again.
 */
const toDamage = ({ position, streamId, version }: StreamDamaged, goesOn: boolean) => {
  const id = goesOn ? `id: ${position}\n` : ""
  return Buffer.from(`${id}event: damaged\ndata: ${JSON.stringify({ position, streamId, version })}\n\n`)
}

/** A client that lost the connection comes again after a second, with the id of the last event that it got. */
const retry = Buffer.from("retry: 1000\n\n")
const heartbeat = Buffer.from(": \n\n")

/** What is named once in a query, or several times. */
const setOf = (names: string | ReadonlyArray<string>): ReadonlySet<string> =>
  new Set(typeof names === "string" ? [names] : names)

interface Filtering {
  readonly aggregate?: string | ReadonlyArray<string>
  readonly stream?: string
  readonly type?: string | ReadonlyArray<string>
}

const filterOf = ({ aggregate, stream, type }: Filtering): EventFilter.EventFilter => ({
  ...(type !== undefined && { types: setOf(type) }),
  ...(aggregate !== undefined && { aggregates: setOf(aggregate) }),
  ...(stream !== undefined && { streamPrefix: stream })
})

/** Most events that one request looks at for those that it wants, so that one who wants few costs no more than others. */
const maxLookedAt = 10 * maxPage

/** A page of the log, and how far it was looked at where that is further than the last event of the page. */
interface Looked extends StorePage {
  readonly reached?: number
}

/** The next events that are wanted. */
const search = (
  store: EventStore["Type"],
  after: number,
  limit: number,
  wanted: EventFilter.Wanted
): Effect.Effect<Looked, ReadError> =>
  Effect.gen(function* () {
    const events: Array<StoredEvent> = []
    let reached = after
    for (let lookedAt = 0; lookedAt < maxLookedAt; ) {
      const page = yield* Effect.either(store.readAll(reached, maxPage))
      if (page._tag === "Left") {
        // What stands before it is given first; the next page is the error.
        return reached === after ? yield* Effect.fail(page.left) : { events, more: true, reached }
      }
      for (const event of page.right.events) {
        reached = event.position
        if (!EventFilter.fits(wanted, event)) continue
        events.push(event)
        if (events.length === limit) return { events, more: true, reached }
      }
      if (!page.right.more) return { events, more: false, reached }
      lookedAt += page.right.events.length
    }
    return { events, more: true, reached }
  })

const streamHeaders = {
  "content-type": "text/event-stream",
  // Else some proxies hold events back until a buffer is full.
  "x-accel-buffering": "no"
}

export const layer = HttpApiBuilder.group(ServiceApi, "log", (handlers) =>
  Effect.gen(function* () {
    const store = yield* EventStore
    const lifecycle = yield* Lifecycle
    const config = yield* HttpConfig
    const view = yield* EventView
    const places = yield* Places

    const messagesOf = FeedMessages.make(view.of)

    /** Bounded: `Subscription` reads on only as the client takes, and gives up one that takes nothing. */
    const feed = (from: number, skipDamaged: boolean, filter: EventFilter.EventFilter): Stream.Stream<Uint8Array> => {
      const messages = (after: number): Stream.Stream<Uint8Array, ReadError | SlowConsumer | Problem> =>
        Subscription.log(after, filter).pipe(
          Stream.chunks,
          Stream.mapConcat(messagesOf),
          Stream.mapEffect((message) => message),
          Stream.provideService(EventStore, store),
          Stream.catchTag("StreamDamaged", (damaged) => {
            const { position, streamId, version } = damaged
            const what = "the feed comes to a damaged event"
            const told = Stream.execute(Fault.report(LogLevel.Error, what, { streamId, version, position })).pipe(
              Stream.concat(Stream.make(toDamage(damaged, skipDamaged)))
            )
            return skipDamaged && position !== null ? Stream.concat(told, messages(position)) : told
          })
        )
      const events = messages(from).pipe(
        // The answer has begun, and so an error can only end it: the client comes again, and learns more then.
        Stream.catchAllCause((cause) =>
          Stream.execute(
            Cause.isInterruptedOnly(cause)
              ? Effect.void
              : Fault.report(LogLevel.Warning, "a client of the feed was cut off", {}, cause)
          )
        )
      )
      const beats = Stream.as(Stream.tick(config.heartbeat), heartbeat)
      return Stream.concat(Stream.make(retry), Stream.merge(events, beats, { haltStrategy: "left" })).pipe(
        Stream.interruptWhen(Deferred.await(lifecycle.stopping))
      )
    }

    return handlers
      .handle("page", ({ urlParams: { after = 0, limit = defaultLimit, ...filtering } }) =>
        Effect.gen(function* () {
          const isAll = Object.keys(filtering).length === 0
          const page: Looked = yield* Effect.mapError(
            isAll
              ? store.readAll(after, limit)
              : search(store, after, limit, EventFilter.wantedOf(filterOf(filtering))),
            Failures.ofReading
          )
          if (page.events.length === 0) yield* PositionAhead.refuse(store, after)
          return yield* EventPage.make(page, ({ position }) => position, page.reached)
        })
      )
      .handle("stream", ({ headers, urlParams: { after = 0, skipDamaged = false, ...filtering } }) =>
        Effect.gen(function* () {
          // A browser comes again with the URL it first had, and the header says where it is by now.
          const from = headers["last-event-id"] ?? after
          const filter = filterOf(filtering)
          yield* PositionAhead.refuse(store, from)
          // Until the request is over, which is when its client is gone.
          yield* places.feed
          return HttpServerResponse.stream(feed(from, skipDamaged, filter), { headers: streamHeaders })
        })
      )
  })
)
