/**
 * `Shop` is an application of its own, for tests of what every application has: orders that are paid, and tickets for
 * them.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import { Rpc } from "@effect/rpc"
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect, Either, Schema } from "effect"
import * as ImportRows from "../../src/cli/ImportRows.ts"
import * as Aggregate from "../../src/core/Aggregate.ts"
import * as Event from "../../src/core/Event.ts"
import * as Access from "../../src/http/Access.ts"
import * as ApiParts from "../../src/http/ApiParts.ts"
import * as Failures from "../../src/http/Failures.ts"
import * as HttpPart from "../../src/http/HttpPart.ts"
import * as Problem from "../../src/http/Problem.ts"
import * as Application from "../../src/projection/Application.ts"
import type { ImportFormat } from "../../src/projection/ImportFormat.ts"
import * as Projection from "../../src/projection/Projection.ts"
import * as Reaction from "../../src/projection/Reaction.ts"

const Opened = Event.make("Opened", { customer: Schema.String })
const Paid = Event.make("Paid", { cents: Schema.Int })

export class NotOpen extends Schema.TaggedError<NotOpen>()("NotOpen", {}) {}

export class Order extends Aggregate.make("Order", {
  id: Schema.String,
  state: Schema.Struct({ customer: Schema.NullOr(Schema.String), cents: Schema.Int }),
  initial: { customer: null, cents: 0 },
  events: [Opened, Paid],
  commands: [
    Rpc.make("Open", { payload: { customer: Schema.String }, success: Schema.Int }),
    Rpc.make("Pay", { payload: { cents: Schema.Int }, success: Schema.Int, error: NotOpen })
  ],
  transientErrors: ["NotOpen"],
  snapshot: { every: 2 }
}) {}

const order = Application.aggregate(Order, {
  decide: {
    Open: ({ customer }) => Either.right([Opened.make({ customer })]),
    Pay: ({ cents }, { customer }) =>
      customer === null ? Either.left(new NotOpen()) : Either.right([Paid.make({ cents })])
  },
  evolve: {
    Opened: (state, { customer }) => ({ ...state, customer }),
    Paid: (state, { cents }) => ({ ...state, cents: state.cents + cents })
  },
  reply: { Open: ({ cents }) => cents, Pay: ({ cents }) => cents }
})

/** An event of the same name as one of orders, and of another form. */
const TicketOpened = Event.make("Opened", { cents: Schema.Int })

export class Ticket extends Aggregate.make("Ticket", {
  id: Schema.String,
  state: Schema.Struct({ cents: Schema.Int }),
  initial: { cents: 0 },
  events: [TicketOpened],
  commands: [Rpc.make("Open", { payload: { cents: Schema.Int }, success: Schema.Int })]
}) {}

const ticket = Application.aggregate(Ticket, {
  decide: { Open: ({ cents }) => Either.right([TicketOpened.make({ cents })]) },
  evolve: { Opened: (state, { cents }) => ({ cents: state.cents + cents }) },
  reply: { Open: ({ cents }) => cents }
})

const sales = Projection.make({
  name: "sales",
  version: 1,
  events: [Paid],
  tables: ["sales"],
  create: ({ sales }) => [`CREATE TABLE ${sales} (stream TEXT PRIMARY KEY, cents INTEGER NOT NULL)`],
  apply: (batch, { sales }) =>
    Effect.flatMap(SqlClient, (sql) =>
      Effect.forEach(batch, ({ event, stored }) =>
        sql.unsafe(
          `INSERT INTO ${sales} (stream, cents) VALUES (?, ?)
           ON CONFLICT (stream) DO UPDATE SET cents = ${sales}.cents + excluded.cents`,
          [stored.streamId, event.cents]
        )
      )
    )
})

const ticketing = Reaction.make({
  name: "ticketing",
  startFrom: "beginning",
  events: [Paid],
  react: ({ event, stored }, commandId) =>
    Effect.flatMap(Ticket, (tickets) =>
      tickets(stored.streamId.slice("order-".length)).Open({ cents: event.cents }, { commandId: commandId(0) })
    )
})

const Row = Schema.parseJson(Schema.Struct({ order: Schema.String, cents: Schema.Int }))

/** Rows that open the order and pay it. */
const orders: ImportFormat<Aggregate.Service<"Order">> = {
  name: "orders",
  options: { customer: { default: "somebody", description: "who orders" } },
  run: (source, { customer = "" }) =>
    Effect.flatMap(Order, (all) =>
      ImportRows.run(
        source,
        ({ number, text }) =>
          Schema.decode(Row)(text).pipe(
            Effect.map((row) => [{ ...row, number }]),
            Effect.mapError(() => new Error(`${source.file} line ${number}: is not a row of orders`))
          ),
        (rows) =>
          Effect.forEach(
            rows.flat(),
            ({ cents, number, order: id }) =>
              all(id)
                .Open({ customer }, { commandId: `open-${number}` })
                .pipe(
                  Effect.zipRight(all(id).ask("Pay", { cents }, { commandId: `pay-${number}` })),
                  Effect.andThen(({ replayed }) => Effect.sync(() => source.tally[replayed ? "replayed" : "applied"]++))
                ),
            { discard: true }
          )
      )
    )
}

const kinds = Problem.define({ "no-such-order": { status: 404, title: "There is no such order." } })

export const ShopApi = HttpApi.make("shop").add(
  HttpApiGroup.make("orders").add(
    HttpApiEndpoint.get("total", "/orders/:id/total")
      .setPath(Schema.Struct({ id: Schema.String }))
      .addSuccess(Schema.Struct({ cents: Schema.Int }))
      .addError(Schema.Union(ApiParts.every, Problem.schema("aggregate-busy"), Problem.schema(kinds["no-such-order"])))
      .middleware(Access.Read)
  )
)

const handlers = HttpApiBuilder.group(ShopApi, "orders", (handle) =>
  Effect.map(Order, (all) =>
    handle.handle("total", ({ path: { id } }) =>
      Effect.gen(function* () {
        const { state, version } = yield* Effect.mapError(all(id).state, Failures.ofState)
        if (version === 0) return yield* Effect.fail(new Problem.Problem(kinds["no-such-order"]))
        return { cents: state.cents }
      })
    )
  )
)

export const shop = Application.make({
  name: "shop",
  description: "Orders, and tickets for what is paid.",
  aggregates: [order, ticket],
  projections: [sales],
  reactions: [ticketing],
  imports: [orders],
  http: () => HttpPart.make({ api: ShopApi, handlers, problems: Object.keys(kinds) })
})
