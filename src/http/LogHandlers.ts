/** The answers to requests for the log: a page of it, and the feed of server-sent events. */
import { Buffer } from "node:buffer"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Cause, Deferred, Effect, LogLevel, Stream } from "effect"
import { EventStore, type ReadError } from "../core/EventStore.ts"
import * as Fault from "../core/Fault.ts"
import type { StreamDamaged } from "../core/StoreError.ts"
import type { EventFilter } from "../projection/EventFilter.ts"
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
    const feed = (from: number, skipDamaged: boolean, filter: EventFilter): Stream.Stream<Uint8Array> => {
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
      .handle("page", ({ urlParams: { after = 0, limit = defaultLimit } }) =>
        Effect.gen(function* () {
          const page = yield* Effect.mapError(store.readAll(after, limit), Failures.ofReading)
          if (page.events.length === 0) yield* PositionAhead.refuse(store, after)
          return yield* EventPage.make(page, ({ position }) => position)
        })
      )
      .handle("stream", ({ headers, urlParams: { after = 0, aggregate, skipDamaged = false, streamPrefix, type } }) =>
        Effect.gen(function* () {
          // A browser comes again with the URL it first had, and the header says where it is by now.
          const from = headers["last-event-id"] ?? after
          const filter: EventFilter = {
            ...(type !== undefined && { types: setOf(type) }),
            ...(aggregate !== undefined && { aggregates: setOf(aggregate) }),
            ...(streamPrefix !== undefined && { streamPrefix })
          }
          yield* PositionAhead.refuse(store, from)
          // Until the request is over, which is when its client is gone.
          yield* places.feed
          return HttpServerResponse.stream(feed(from, skipDamaged, filter), { headers: streamHeaders })
        })
      )
  })
)
