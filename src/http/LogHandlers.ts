/** The answers to requests for the log: a page of it, and the feed of server-sent events. */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect } from "effect"
import { EventStore, maxPage, type ReadError, type EventPage as StorePage } from "../core/EventStore.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import * as EventFilter from "../projection/EventFilter.ts"
import { defaultLimit } from "./ApiParts.ts"
import * as EventPage from "./EventPage.ts"
import { EventView } from "./EventView.ts"
import * as Failures from "./Failures.ts"
import * as Feed from "./Feed.ts"
import { HttpConfig } from "./HttpConfig.ts"
import { Places } from "./Places.ts"
import * as PositionAhead from "./PositionAhead.ts"
import { Problem } from "./Problem.ts"
import { ServiceApi } from "./ServiceApi.ts"
import * as Session from "./Session.ts"

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

/**
 * Most events that one request looks at for those that it wants, so that one who wants few costs no more than others.
 */
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
  isWanted: (event: StoredEvent) => boolean
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
        if (!isWanted(event)) continue
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
    const config = yield* HttpConfig
    const view = yield* EventView
    const places = yield* Places

    const feed = yield* Feed.make

    /** What the caller of this request may see, for as long as its token is taken: that is looked at with each beat. */
    const allowed = Effect.map(Session.caller, (caller) => ({
      streams: view.streamsOf(caller?.aggregates ?? null),
      untilDistrusted:
        caller === null
          ? Effect.never
          : Effect.repeat(Effect.delay(caller.isTrusted, config.heartbeat), { until: (isTrusted) => !isTrusted })
    }))

    return handlers
      .handle("page", ({ urlParams: { after = 0, limit = defaultLimit, ...filtering } }) =>
        Effect.gen(function* () {
          const { streams } = yield* allowed
          const isAll = Object.keys(filtering).length === 0 && streams === null
          const wanted = EventFilter.wantedOf(filterOf(filtering))
          const isWanted = (event: StoredEvent) =>
            EventFilter.fits(wanted, event) && Feed.maySee(streams, event.streamId)
          const page: Looked = yield* Effect.mapError(
            isAll ? store.readAll(after, limit) : search(store, after, limit, isWanted),
            (error) =>
              // Which stream that is, is not for everyone.
              error._tag === "StreamDamaged" && !Feed.maySee(streams, error.streamId)
                ? new Problem("data-damaged", { cause: error })
                : Failures.ofReading(error)
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
          const reader = { filter, skipDamaged, ...(yield* allowed) }
          return HttpServerResponse.stream(feed(from, reader), { headers: streamHeaders })
        })
      )
  })
)
