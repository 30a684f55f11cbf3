/**
 * A process that remembers: an aggregate of its own holds what it has seen under each key, and decides what follows. It
 * is recovered as any aggregate is, and what it is told twice it has seen once (PM5).
 */
import { deepStrictEqual, strictEqual } from "node:assert"
import * as Rpc from "@effect/rpc/Rpc"
import { Effect, Either, Schema } from "effect"
import * as Aggregate from "../../core/Aggregate.ts"
import * as Event from "../../core/Event.ts"
import { EventStore } from "../../core/EventStore.ts"
import * as Application from "../../projection/Application.ts"
import * as Reaction from "../../projection/Reaction.ts"
import type { ProjectionCase } from "../projection/ProjectionCase.ts"
import { wholeLog } from "../WholeLog.ts"
import { until, within } from "./Bells.ts"

/** An aggregate to which one thing happens, as often as it is told. */
const Paid = Event.make("Paid", {})
const Packed = Event.make("Packed", {})
const Sent = Event.make("Sent", {})
const counted = <const E extends Event.Any>(event: E) =>
  ({ id: Schema.String, state: Schema.Int, initial: 0, events: [event], commands: [Rpc.make("Do")] }) as const
class Payment extends Aggregate.make("Payment", counted(Paid)) {}
class Box extends Aggregate.make("Box", counted(Packed)) {}
class Parcel extends Aggregate.make("Parcel", counted(Sent)) {}

const Saw = Event.make("Saw", { what: Schema.String })
const Ready = Event.make("Ready", {})
/** What the process knows of an order. It is ready once, when all that belongs to it was seen, in whichever order. */
class Fulfilment extends Aggregate.make("Fulfilment", {
  id: Schema.String,
  state: Schema.Struct({ seen: Schema.Array(Schema.String), isReady: Schema.Boolean }),
  initial: { seen: [], isReady: false },
  events: [Saw, Ready],
  commands: [Rpc.make("See", { payload: { what: Schema.String } })],
  snapshot: { every: 2 }
}) {}

const fulfilment = Application.aggregate(Fulfilment, {
  decide: {
    See: ({ what }, { isReady, seen }) => {
      const isNew = !seen.includes(what)
      const isLast = !isReady && seen.length + (isNew ? 1 : 0) === 2
      return Either.right([...(isNew ? [Saw.make({ what })] : []), ...(isLast ? [Ready.make({})] : [])])
    }
  },
  evolve: {
    Saw: ({ isReady, seen }, { what }) => ({ isReady, seen: [...seen, what] }),
    Ready: ({ seen }) => ({ isReady: true, seen })
  },
  reply: { See: () => undefined }
})

const idOf = (streamId: string): string => streamId.slice(streamId.indexOf("-") + 1)

const gathering = Reaction.make({
  name: "gathering",
  events: [Paid, Packed],
  startFrom: "beginning",
  react: ({ event, stored }, commandId) =>
    Effect.flatMap(Fulfilment, (of) => of(idOf(stored.streamId)).See({ what: event._tag }, { commandId: commandId() }))
})
const sending = Reaction.make({
  name: "sending",
  events: [Ready],
  startFrom: "beginning",
  react: ({ stored }, commandId) =>
    Effect.flatMap(Parcel, (of) => of(idOf(stored.streamId)).Do(undefined, { commandId: commandId() }))
})

const shop = Application.make({
  name: "shop",
  aggregates: [
    Application.aggregate(Payment, {
      decide: { Do: () => Either.right([Paid.make({})]) },
      evolve: { Paid: (count) => count + 1 },
      reply: { Do: () => undefined }
    }),
    Application.aggregate(Box, {
      decide: { Do: () => Either.right([Packed.make({})]) },
      evolve: { Packed: (count) => count + 1 },
      reply: { Do: () => undefined }
    }),
    Application.aggregate(Parcel, {
      decide: { Do: () => Either.right([Sent.make({})]) },
      evolve: { Sent: (count) => count + 1 },
      reply: { Do: () => undefined }
    }),
    fulfilment
  ],
  reactions: [gathering, sending]
})

export const Memory: ReadonlyArray<ProjectionCase> = [
  {
    name: "a process that remembers what it has seen under a key goes on after each end; what it recovers is the fold of its events (PM5)",
    run: Effect.gen(function* () {
      const orders = Array.from({ length: 20 }, (_, index) => `order-${index}`)
      const sent = Effect.map(wholeLog, (events) => events.filter(({ type }) => type === "Sent").length)
      for (const [index, order] of orders.entries()) {
        // Some are packed first, some are told of twice, and each process ends somewhere.
        const first = Effect.flatMap(Payment, (of) => of(order).Do())
        const second = Effect.flatMap(Box, (of) => of(order).Do())
        const told = index % 2 === 0 ? [first, second] : [second, first, second]
        const before = yield* sent
        const steps = Effect.all(told, { discard: true })
        yield* within(
          shop,
          index % 5 === 0 ? Effect.zipRight(steps, until(Effect.map(sent, (now) => now > before))) : steps
        )
      }
      const states = yield* within(
        shop,
        Effect.zipRight(
          until(Effect.map(sent, (now) => now >= orders.length)),
          Effect.flatMap(Fulfilment, (of) =>
            Effect.forEach(orders, (order) => Effect.map(of(order).state, ({ state }) => state))
          )
        )
      )
      const store = yield* EventStore
      const { codec, evolve, initial, streamId } = fulfilment.definition
      for (const [index, order] of orders.entries()) {
        const { events } = yield* store.readStream(streamId(order))
        const decoded = events.flatMap((event) => Either.getOrThrow(codec.decode(event)))
        deepStrictEqual(states[index], decoded.reduce(evolve, initial))
        deepStrictEqual([states[index]?.isReady, states[index]?.seen.length], [true, 2])
      }
      const parcels = (yield* wholeLog).filter(({ type }) => type === "Sent").map((event) => idOf(event.streamId))
      deepStrictEqual(parcels.toSorted(), orders.toSorted())
      strictEqual(yield* sent, orders.length)
    })
  }
]
