/** The event store in arrays and maps, gone with the process. For tests, examples, and as the shortest account of the port. */
import { Clock, Effect, Either, Layer, PubSub, Stream } from "effect"
import * as AppendPlan from "./AppendPlan.ts"
import { EventStore, maxPage, type StoredCommand } from "./EventStore.ts"
import type { StoredEvent } from "./StoredEvent.ts"
import * as StreamId from "./StreamId.ts"

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
      Effect.map(AppendPlan.readBounds(options), ({ from, to, limit, backwards }) => {
        const events = (streams.get(streamId) ?? []).slice(Math.max(from - 1, 0), to)
        return backwards ? events.reverse().slice(0, limit) : events.slice(0, limit)
      }),
    readAll: (after, limit = maxPage) =>
      Effect.suspend(() => AppendPlan.wrongPage(after, limit) ?? Effect.succeed(log.slice(after, after + limit))),
    head: (streamId) => Effect.sync(() => streams.get(streamId)?.length ?? 0),
    listStreams: (options) =>
      Effect.map(AppendPlan.listBounds(options), ({ prefix, after, limit }) =>
        [...streams]
          .filter(([streamId]) => streamId.startsWith(prefix) && StreamId.compare(streamId, after) > 0)
          .sort(([left], [right]) => StreamId.compare(left, right))
          .slice(0, limit)
          .map(([streamId, events]) => ({ streamId, version: events.length }))
      ),
    lastPosition: Effect.sync(() => log.length),
    commits: Stream.fromPubSub(commits)
  })
})

export const layer: Layer.Layer<EventStore> = Layer.effect(EventStore, make)
