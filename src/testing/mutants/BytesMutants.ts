/** Stores and actor systems with one fault each in what they hold at once, for the rules of `BytesConformance`. */
import { Deferred, Duration, Effect, Exit } from "effect"
import * as ActorConfig from "../../core/ActorConfig.ts"
import { EventStore } from "../../core/EventStore.ts"
import { mutant, type Needs, unavailable } from "./ActorMutant.ts"
import { asking, changing, limited, type Mutant, overSnapshots, overStore } from "./Mutant.ts"

export const BytesMutants: ReadonlyArray<Mutant<Needs>> = [
  mutant(
    "gives two pages of a stream at once",
    ["two streams of large", "a page of large"],
    changing(EventStore, ({ readStream }) => ({
      readStream: (streamId, options = {}) =>
        Effect.flatMap(readStream(streamId, options), (first): ReturnType<typeof readStream> => {
          const last = first.events.at(-1)
          const isFull = first.events.length === options.limit
          if (!first.more || isFull || last === undefined || options.direction === "backwards") {
            return Effect.succeed(first)
          }
          const rest = readStream(streamId, { ...options, from: last.version + 1 })
          return Effect.map(rest, ({ events, more }) => ({ events: [...first.events, ...events], more }))
        })
    }))
  ),
  mutant(
    "reads one stream to its end before the next",
    ["of 64 long recoveries"],
    overStore(({ readStream }) => {
      let busy: { readonly id: string; readonly ended: Deferred.Deferred<void> } | undefined
      const read: typeof readStream = (streamId, options) =>
        Effect.suspend(() => {
          if (busy !== undefined && busy.id !== streamId) {
            return Effect.zipRight(Deferred.await(busy.ended), read(streamId, options))
          }
          const own = busy ?? { id: streamId, ended: Deferred.unsafeMake<void>(streamId as never) }
          busy = own
          const end = Effect.suspend(() => {
            busy = undefined
            return Deferred.succeed(own.ended, undefined)
          })
          return Effect.onExit(readStream(streamId, options), (exit) =>
            Effect.unless(end, () => Exit.isSuccess(exit) && exit.value.more)
          )
        })
      return { readStream: read }
    })
  ),
  mutant(
    "gives up a recovery of which a page takes half of its time",
    ["a recovery that comes on"],
    limited(({ recoveryTimeout, ...limits }) =>
      recoveryTimeout === undefined
        ? limits
        : { ...limits, recoveryTimeout: Duration.times(Duration.decode(recoveryTimeout), 0.5) }
    )
  ),
  mutant(
    "reads the beginning of a stream again after a fault",
    ["a fault of the store"],
    overStore(({ readStream }) => ({
      readStream: (streamId, options) =>
        Effect.tapError(readStream(streamId, options), () => Effect.either(readStream(streamId, { limit: 1 })))
    }))
  ),
  mutant(
    "keeps one actor fewer than it may",
    ["readers of many ids"],
    limited(({ maxLiveActors, ...limits }) =>
      maxLiveActors === undefined ? limits : { ...limits, maxLiveActors: maxLiveActors - 1 }
    )
  ),
  mutant(
    "does not say which limit ended a read",
    ["a read of a store"],
    asking(({ state }) => ({
      state: (aggregate, id) => Effect.catchTag(state(aggregate, id), "StoreUnavailable", () => unavailable("late"))
    }))
  ),
  mutant(
    "gives two pages of the journal at once",
    ["a page of large"],
    changing(EventStore, ({ readJournal }) => ({
      readJournal: (after, limit) =>
        Effect.flatMap(readJournal(after, limit), (first): ReturnType<typeof readJournal> => {
          const last = first.entries.at(-1)
          if (!first.more || last === undefined) return Effect.succeed(first)
          return Effect.map(readJournal(last.sequence, limit), ({ entries, more }) => ({
            entries: [...first.entries, ...entries],
            more
          }))
        })
    }))
  ),
  mutant(
    "takes one event fewer than a command may have",
    ["a command of too many"],
    limited(() => ({ maxCommandEvents: ActorConfig.defaults.maxCommandEvents - 1 }))
  ),
  mutant(
    "saves each snapshot twice",
    ["a snapshot of 50 MB"],
    overSnapshots(({ save }) => ({ save: (snapshots, keep) => save([...snapshots, ...snapshots], keep) }))
  )
]
