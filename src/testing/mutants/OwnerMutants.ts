/** Logs with one fault each in whose an event is, for the rules of `EventOwners`. */
import { EventStore } from "../../core/EventStore.ts"
import type { StoredEvent } from "../../core/StoredEvent.ts"
import { StreamId } from "../../core/StreamId.ts"
import type { Fails, Mutant } from "./Mutant.ts"
import { logging, mutant, type ReadSide } from "./PortMutant.ts"

const giving = (name: string, fails: Fails, change: (event: StoredEvent) => Partial<StoredEvent>): Mutant<ReadSide> =>
  mutant(
    name,
    fails,
    EventStore,
    logging((event) => [{ ...event, ...change(event) }])
  )

const isClosed = (event: StoredEvent, stream: string) => event.type === "Closed" && event.streamId === stream

export const OwnerMutants: ReadonlyArray<Mutant<ReadSide>> = [
  giving(
    "takes a stream for one of an aggregate whose name begins so",
    ["a projection gets", "a projection over", "a reaction and"],
    ({ streamId }) => (streamId === "orders-1" ? { streamId: StreamId.make("order-3") } : {})
  ),
  giving("gives the event of one aggregate other data", ["a projection over"], ({ data, streamId }) =>
    streamId === "ticket-2" ? { data: data.replace("8", "9") } : {}
  ),
  giving("gives a shared event of one aggregate other data", ["an event that two", "where the aggregates"], (event) =>
    isClosed(event, "ticket-1") ? { data: event.data.replace("sold out", "sold") } : {}
  ),
  giving(
    "gives a shared event of another aggregate other data",
    ["a reaction and", "a projection over", "a bare event"],
    (event) => (isClosed(event, "order-1") ? { data: event.data.replace("paid", "unpaid") } : {})
  ),
  giving(
    "takes a shared event for one of the other aggregate",
    ["a bare event", "a projection over", "an event that two", "a reaction and", "where the aggregates"],
    (event) => (isClosed(event, "ticket-1") ? { streamId: StreamId.make("order-9") } : {})
  ),
  giving("takes a shared event for one of another stream", ["where the aggregates", "an event that two"], (event) =>
    isClosed(event, "ticket-1") ? { streamId: StreamId.make("ticket-9") } : {}
  )
]
