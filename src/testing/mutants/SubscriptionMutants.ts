/** Stores with one fault each that a follower of the log meets, for the rules of `SubscriptionConformance`. */
import { Effect } from "effect"
import type { EventPage, EventStore } from "../../core/EventStore.ts"
import type { StoredEvent } from "../../core/StoredEvent.ts"
import { StreamId } from "../../core/StreamId.ts"
import type { Mutant } from "./Mutant.ts"
import { storeMutant as mutant } from "./PortMutant.ts"

type Store = EventStore["Type"]

/** With each page of the log changed. */
const paging =
  (change: (events: ReadonlyArray<StoredEvent>, after: number) => ReadonlyArray<StoredEvent>) =>
  ({ readAll }: Store): Partial<Store> => ({
    readAll: (after, limit) =>
      Effect.map(readAll(after, limit), ({ events, more }): EventPage => ({ events: change(events, after), more }))
  })

/** With some events of a page given twice. */
const twice = (isTwice: (event: StoredEvent) => boolean) => (events: ReadonlyArray<StoredEvent>) =>
  events.flatMap((event) => (isTwice(event) ? [event, event] : [event]))

const byPosition = (left: StoredEvent, right: StoredEvent) => left.position - right.position

export const SubscriptionMutants: ReadonlyArray<Mutant<EventStore>> = [
  mutant(
    "gives a page of the log by streams",
    ["a subscription gives", "slow ones, one", "filters by type"],
    paging((events) => events.toSorted((left, right) => left.streamId.localeCompare(right.streamId)))
  ),
  mutant(
    "gives an event twice that is far in the log",
    ["a slow subscriber is"],
    paging(twice(({ position }) => position === 3_000))
  ),
  mutant("gives an event twice that is far in its stream", ["a slow subscriber of"], ({ readStream }) => ({
    readStream: (streamId, options) =>
      Effect.map(readStream(streamId, options), ({ events, more }) => ({
        events: twice(({ version }) => version === 1_000)(events),
        more
      }))
  })),
  mutant(
    "loses an event that few want",
    ["the log is read once"],
    paging((events) => events.filter(({ type }) => type !== "Never"))
  ),
  mutant("gives an event twice that was read often", ["slow ones, one"], (store) => {
    const reads = new Map<number, number>()
    return paging((events, after) => {
      const count = (reads.get(after) ?? 0) + 1
      reads.set(after, count)
      return count > 50 ? [...events.slice(0, 1), ...events] : events
    })(store)
  }),
  mutant(
    "takes the stream of an event behind the first page for another",
    ["filters by type"],
    paging((events, after) =>
      after === 0
        ? events
        : events.map((event) =>
            event.streamId === "invoice-1" ? { ...event, streamId: StreamId.make("order-1") } : event
          )
    )
  ),
  mutant("takes a stream for another whose name begins so", ["of one stream among"], ({ readAll, readStream }) => {
    const [own, other] = [StreamId.make("a-1"), StreamId.make("a-10")]
    const taken = (event: StoredEvent): StoredEvent => (event.streamId === other ? { ...event, streamId: own } : event)
    return {
      ...paging((events) => events.map(taken))({ readAll } as Store),
      readStream: (streamId, options) =>
        streamId !== own
          ? readStream(streamId, options)
          : Effect.zipWith(readStream(own, options), readStream(other, options), (page, another) => ({
              events: [...page.events, ...another.events.map(taken)].sort(byPosition),
              more: page.more
            }))
    }
  }),
  mutant("takes a position that is none for 0", ["where the store does not"], ({ readAll }) => ({
    readAll: (after, limit) => readAll(Math.max(after, 0), limit)
  }))
]
