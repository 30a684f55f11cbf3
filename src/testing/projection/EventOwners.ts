/**
 * RD4: events of one name of two aggregates are kept apart, by projections (live and rebuilt), reactions and
 * subscriptions. Part of `ProjectionConformance`.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import * as Rpc from "@effect/rpc/Rpc"
import { SqlClient } from "@effect/sql/SqlClient"
import { Cause, Chunk, Effect, Exit, Layer, Schema, Stream } from "effect"
import * as Aggregate from "../../core/Aggregate.ts"
import * as Event from "../../core/Event.ts"
import type { EventStore } from "../../core/EventStore.ts"
import * as Projection from "../../projection/Projection.ts"
import type { ProjectionStore } from "../../projection/ProjectionStore.ts"
import * as Reaction from "../../projection/Reaction.ts"
import * as Subscription from "../../projection/Subscription.ts"
import type { Case } from "../Conformance.ts"
import { appendRaw, beside, caughtUp, limits, model, running, service } from "../Notes.ts"

const contract = <E extends Event.Any>(events: ReadonlyArray<E>) => ({
  id: Schema.String,
  state: Schema.Struct({}),
  initial: {},
  events,
  commands: [Rpc.make("Open")]
})

/** One name and two forms: a reader that takes the other's event cannot even read it. */
const orderOpened = Event.make("Opened", { customer: Schema.String })
const ticketOpened = Event.make("Opened", { seat: Schema.Int })
/** One name and one form, since it is one declaration. */
const closed = Event.make("Closed", { reason: Schema.String })
class Order extends Aggregate.make("Order", contract([orderOpened, closed])) {}
class Ticket extends Aggregate.make("Ticket", contract([ticketOpened, closed])) {}

const opened = (stream: string, fields: object) => appendRaw(stream, [{ type: "Opened", data: JSON.stringify(fields) }])
const closedFor = (stream: string, reason: string) =>
  appendRaw(stream, [{ type: "Closed", data: JSON.stringify({ reason }) }])

/** Orders and tickets, with events of one name in both; a stream whose name begins alike is of neither. */
const history = Effect.gen(function* () {
  yield* opened("order-1", { customer: "Ada" })
  yield* opened("ticket-1", { seat: 7 })
  yield* opened("orders-1", { customer: "nobody" })
  yield* closedFor("ticket-1", "sold out")
  yield* closedFor("order-1", "paid")
  yield* opened("ticket-2", { seat: 8 })
  return yield* opened("order-2", { customer: "Bert" })
})

/** The fields of an event, such as `customer=Ada`. */
const textOf = (event: object): string =>
  Object.entries(event)
    .filter(([name]) => name !== "_tag")
    .map(([name, value]) => `${name}=${value}`)
    .join()

/** Keeps what it was given of each stream. */
const reader = <E extends Event.Any>(events: ReadonlyArray<E>) =>
  Projection.make({
    name: "opened",
    version: 1,
    events,
    tables: ["opened"],
    create: ({ opened: table }) => [
      `CREATE TABLE ${table} (stream_id TEXT PRIMARY KEY, count INTEGER NOT NULL, texts TEXT NOT NULL)`
    ],
    apply: (batch, { opened: table }) =>
      Effect.gen(function* () {
        const sql = yield* SqlClient
        for (const { event, stored } of batch) {
          yield* sql.unsafe(
            `INSERT INTO ${table} VALUES (?, 1, ?) ON CONFLICT (stream_id) DO UPDATE
             SET count = ${table}.count + 1, texts = ${table}.texts || ' ' || excluded.texts`,
            [stored.streamId, textOf(event as object)]
          )
        }
      })
  })

/** What the model has when it has followed the log, and again when it was rebuilt from it. */
const modelOf = <E extends Event.Any>(events: ReadonlyArray<E>) =>
  running(
    [reader(events)],
    Effect.gen(function* () {
      yield* caughtUp(yield* history, "opened")
      const live = yield* model("opened")
      const projections = yield* service
      yield* projections.requestRebuild("opened")
      yield* projections.awaitRebuilt("opened")
      deepStrictEqual(yield* model("opened"), live)
      return live
    })
  )

/** The defect that it ends with, which must name the event and both aggregates. */
const refused = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.exit(effect), (exit) => {
    ok(Exit.isFailure(exit))
    const error = Cause.squash(exit.cause)
    ok(error instanceof Error && error.name === "AmbiguousEvent", String(error))
    for (const part of ["Closed", "Order", "Ticket"]) ok(error.message.includes(part), error.message)
  })

export const EventOwners: ReadonlyArray<Case<EventStore | ProjectionStore>> = [
  {
    name: "a projection gets the events of its aggregate, and none of that name of another, live and rebuilt (RD4)",
    run: Effect.gen(function* () {
      deepStrictEqual(yield* modelOf([orderOpened]), { "order-1": "1: customer=Ada", "order-2": "1: customer=Bert" })
    })
  },
  {
    name: "a projection over two aggregates decodes each event of one name as its own aggregate's (RD4)",
    run: Effect.gen(function* () {
      deepStrictEqual(yield* modelOf([...Order.events, Ticket.event(ticketOpened)]), {
        "order-1": "2: customer=Ada reason=paid",
        "order-2": "1: customer=Bert",
        "ticket-1": "1: seat=7",
        "ticket-2": "1: seat=8"
      })
    })
  },
  {
    name: "an event that two aggregates share is read of the one that is named (RD4)",
    run: Effect.gen(function* () {
      deepStrictEqual(yield* modelOf([Ticket.event(closed)]), { "ticket-1": "1: reason=sold out" })
    })
  },
  {
    name: "a reaction and a subscription get the events of their aggregate alone (RD4)",
    run: Effect.gen(function* () {
      const seen: Array<string> = []
      const reaction = Reaction.make({
        name: "welcome",
        startFrom: "beginning",
        events: [orderOpened, Order.event(closed)],
        react: ({ event, stored }) => Effect.sync(() => void seen.push(`${stored.streamId} ${textOf(event)}`))
      })
      const end = yield* history
      yield* Effect.provide(
        beside(
          [],
          Effect.flatMap(service, (asked) => asked.awaitPosition("welcome", end, "100 seconds"))
        ),
        Layer.provide(Reaction.layer(reaction), limits)
      )
      deepStrictEqual(seen.sort(), ["order-1 customer=Ada", "order-1 reason=paid", "order-2 customer=Bert"])
      const followed = yield* Subscription.log(0, { events: [ticketOpened, Order.event(closed)] }).pipe(
        Stream.take(3),
        Stream.runCollect
      )
      deepStrictEqual(
        Chunk.toReadonlyArray(followed).map(({ streamId, type }) => `${streamId} ${type}`),
        ["ticket-1 Opened", "order-1 Closed", "ticket-2 Opened"]
      )
    })
  },
  {
    name: "a bare event that two aggregates use is refused with both names, before anything runs (RD4)",
    run: Effect.gen(function* () {
      const projection = reader([closed])
      const reaction = Reaction.make({
        name: "thank",
        startFrom: "beginning",
        events: [closed],
        react: () => Effect.void
      })
      yield* refused(running([projection], Effect.void))
      yield* refused(beside([projection], Effect.void))
      yield* refused(Layer.build(Layer.provide(Reaction.layer(reaction), limits)).pipe(Effect.scoped))
      yield* refused(Stream.runDrain(Subscription.log(0, { events: [closed] })))
      yield* refused(Effect.sync(() => projection.selection.within([Order, Ticket])))
      // One of them alone is not ambiguous.
      const end = yield* history
      const ofOrders = { ...projection, selection: projection.selection.within([Order]) }
      yield* running([ofOrders], caughtUp(end, "opened"))
      deepStrictEqual(yield* model("opened"), { "order-1": "1: reason=paid" })
    })
  },
  {
    name: "where the aggregates are known, an event declared apart from them is of the one that has its name (RD4)",
    run: Effect.gen(function* () {
      const apart = Event.make("Closed", { reason: Schema.String })
      const projection = reader([apart])
      yield* refused(Effect.sync(() => projection.selection.within([Order, Ticket])))
      const ofTickets = { ...projection, selection: projection.selection.within([Ticket]) }
      const end = yield* history
      yield* running([ofTickets], caughtUp(end, "opened"))
      strictEqual((yield* model("opened"))["ticket-1"], "1: reason=sold out")
      strictEqual(Object.keys(yield* model("opened")).length, 1)
    })
  }
]
