/** The event store in arrays and maps, gone with the process. For tests, examples, and as the shortest account of the port. */
import { Clock, Effect, Either, Layer, PubSub, Stream } from "effect"
import * as AppendPlan from "./AppendPlan.ts"
import { type EventPage, EventStore, maxPage, type StoredCommand } from "./EventStore.ts"
import * as Page from "./Page.ts"
import type { StoredEvent } from "./StoredEvent.ts"
import * as StreamId from "./StreamId.ts"

const pageOf = (events: ReadonlyArray<StoredEvent>, limit: number): EventPage => {
  const { kept, more } = Page.cut(events, limit)
  return { events: kept, more }
}

const make = Effect.gen(function* () {
  const log: Array<StoredEvent> = []
  const streams = new Map<StreamId.StreamId, Array<StoredEvent>>()
  const commands = new Map<string, StoredCommand>()
  const commits = yield* PubSub.sliding<void>(1)

  return EventStore.of({
    append: Effect.fnUntraced(function* (requests) {
      const wrong = AppendPlan.validate(requests)
      if (wrong !== undefined) return yield* wrong
      const now = yield* Clock.currentTimeMillis

      // No yield from here to the last write but to fail: the check and the write are one step for every other fiber.
      const planned = AppendPlan.plan(requests, {
        head: (streamId) => streams.get(streamId)?.at(-1) ?? AppendPlan.noHead,
        command: (commandId) => commands.get(commandId),
        lastPosition: log.length,
        recordedAt: Math.max(now, log.at(-1)?.recordedAt ?? 0)
      })
      if (Either.isLeft(planned)) return yield* planned.left
      const { events, result } = planned.right
      for (const row of events) {
        // Frozen, since readers get these very rows.
        const event = Object.freeze(row)
        log.push(event)
        const stream = streams.get(event.streamId)
        if (stream === undefined) streams.set(event.streamId, [event])
        else stream.push(event)
      }
      if (result._tag === "Appended") {
        for (const command of result.commands) commands.set(command.commandId, Object.freeze(command))
      }
      if (events.length > 0) yield* commits.publish()
      return result
    }),
    readStream: (streamId, options) =>
      Effect.map(Page.streamBounds(options), ({ from, to, limit, backwards }) => {
        const events = (streams.get(streamId) ?? []).slice(Math.max(from - 1, 0), to)
        return pageOf(backwards ? events.reverse() : events, limit)
      }),
    readAll: (after, limit = maxPage) =>
      Effect.suspend(
        () => Page.wrongLogBounds(after, limit) ?? Effect.succeed(pageOf(log.slice(after, after + limit + 1), limit))
      ),
    head: (streamId) =>
      Effect.sync(() => {
        const { hash, position, version } = streams.get(streamId)?.at(-1) ?? AppendPlan.noHead
        return { version, position, hash }
      }),
    // Nothing of it can be damaged: its events are what was appended, frozen.
    vouches: () => Effect.succeed(false),
    listStreams: (options) =>
      Effect.map(Page.listBounds(options), ({ prefix, after, limit }) => {
        const found = [...streams]
          .filter(([streamId]) => streamId.startsWith(prefix) && StreamId.compare(streamId, after) > 0)
          .sort(([left], [right]) => StreamId.compare(left, right))
        const { kept, more } = Page.cut(found, limit)
        return { streams: kept.map(([streamId, events]) => ({ streamId, version: events.length })), more }
      }),
    lastPosition: Effect.sync(() => log.length),
    writtenEnd: Effect.sync(() => log.length),
    commits: Stream.fromPubSub(commits)
  })
})

export const layer: Layer.Layer<EventStore> = Layer.effect(EventStore, make)
