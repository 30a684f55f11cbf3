/** The answers to requests for the log: a page of it, and the feed of server-sent events. */
import { Buffer } from "node:buffer"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Cause, Deferred, Effect, LogLevel, Metric, Stream } from "effect"
import { EventStore } from "../core/EventStore.ts"
import * as Fault from "../core/Fault.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import * as Subscription from "../projection/Subscription.ts"
import { AccountsApi, defaultLimit } from "./AccountsApi.ts"
import * as EventPage from "./EventPage.ts"
import * as EventView from "./EventView.ts"
import * as Failures from "./Failures.ts"
import { HttpConfig } from "./HttpConfig.ts"
import * as HttpMetrics from "./HttpMetrics.ts"
import { Lifecycle } from "./Lifecycle.ts"
import { Problem } from "./Problem.ts"

/** JSON has no line break of its own, so that one `data:` line holds an event. */
const toMessage = (stored: StoredEvent) =>
  Effect.map(
    EventView.make(stored),
    (event) => `id: ${event.position}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
  )

/** A client that lost the connection comes again after a second, with the id of the last event that it got. */
const retry = "retry: 1000\n\n"
const heartbeat = ": \n\n"

const streamHeaders = {
  "content-type": "text/event-stream",
  // Else some proxies hold events back until a buffer is full.
  "x-accel-buffering": "no"
}

export const layer = HttpApiBuilder.group(AccountsApi, "log", (handlers) =>
  Effect.gen(function* () {
    const store = yield* EventStore
    const lifecycle = yield* Lifecycle
    const config = yield* HttpConfig
    let subscribers = 0
    const count = (change: number) =>
      Effect.suspend(() => {
        subscribers += change
        return Metric.set(HttpMetrics.subscribers, subscribers)
      })

    /** Bounded: `Subscription` reads on only as the client takes, and gives up one that takes nothing. */
    const feed = (after: number): Stream.Stream<Uint8Array> => {
      const events = Subscription.log(after).pipe(
        Stream.mapEffect(toMessage),
        Stream.provideService(EventStore, store),
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
      return Stream.acquireRelease(count(1), () => count(-1)).pipe(
        Stream.flatMap(() => Stream.concat(Stream.make(retry), Stream.merge(events, beats, { haltStrategy: "left" }))),
        Stream.interruptWhen(Deferred.await(lifecycle.stopping)),
        Stream.map((text) => Buffer.from(text))
      )
    }

    return handlers
      .handle("page", ({ urlParams: { after = 0, limit = defaultLimit } }) =>
        Effect.gen(function* () {
          const page = yield* Effect.mapError(store.readAll(after, limit), Failures.ofReading)
          return yield* EventPage.make(page, ({ position }) => position)
        })
      )
      .handle("stream", ({ headers, urlParams: { after = 0 } }) =>
        subscribers >= config.maxSubscribers
          ? Effect.fail(new Problem("too-many-subscribers"))
          : // A browser comes again with the URL it first had, and the header says where it is by now.
            Effect.succeed(
              HttpServerResponse.stream(feed(headers["last-event-id"] ?? after), { headers: streamHeaders })
            )
      )
  })
)
