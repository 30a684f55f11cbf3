/** An application on Hono, and Daybook inside it: `POST /orders/ID` takes from the stock, or does not happen. */
import process, { argv, exit } from "node:process"
import { serve } from "@hono/node-server"
import { ActorSystemLocal } from "daybook"
import { Alongside, ApplicationClient, SqliteStore } from "daybook/sql"
import { Effect, Layer, ManagedRuntime, Schema } from "effect"
import { Hono } from "hono"
import { application, Order } from "./Order.js"
import * as Shop from "./Shop.js"

const [, , filename = "shop.db", port = "3000"] = argv

const runtime = ManagedRuntime.make(
  application.layer.pipe(
    Layer.provide(ActorSystemLocal.layer),
    Layer.merge(ApplicationClient.layer),
    Layer.provide(SqliteStore.layer({ filename, prefix: "daybook_" }))
  )
)

const answer = (status: 200 | 201 | 400 | 409 | 503, body: object) => ({ status, body })

const Body = Schema.parseJson(Schema.Struct({ item: Schema.String, pieces: Schema.Int }))

/** The order and the stock: one transaction. The id of the order is the command's, so that it can be sent again. */
const place = (id: string, body: string) =>
  Effect.gen(function* () {
    const { item, pieces } = yield* Schema.decode(Body)(body)
    const order = (yield* Order)(id)
    yield* order
      .Place({ item, pieces }, { commandId: `order-${id}` })
      .pipe(Alongside.write(() => Shop.take(item, pieces)))
    return answer(201, { order: id, item, pieces })
  }).pipe(
    Effect.catchTags({
      ParseError: () => Effect.succeed(answer(400, { error: "an order is {item, pieces}" })),
      InvalidArgument: ({ message }) => Effect.succeed(answer(400, { error: message })),
      AlreadyPlaced: () => Effect.succeed(answer(409, { error: "this order was placed" })),
      CommandIdReused: () => Effect.succeed(answer(409, { error: "this order was placed" })),
      NotInStock: ({ item }) => Effect.succeed(answer(409, { error: `not so many of ${item} in stock` }))
    }),
    Effect.catchAll((error) => Effect.succeed(answer(503, { error: error._tag })))
  )

const stock = Effect.map(Shop.stock, (rows) => answer(200, rows)).pipe(
  Effect.catchAll((error) => Effect.succeed(answer(503, { error: error._tag })))
)

await runtime.runPromise(Shop.prepare)

const app = new Hono()
app.post("/orders/:id{[A-Za-z0-9-]+}", async (context) => {
  const { body, status } = await runtime.runPromise(place(context.req.param("id"), await context.req.text()))
  return context.json(body, status)
})
app.get("/stock", async (context) => {
  const { body, status } = await runtime.runPromise(stock)
  return context.json(body, status)
})
app.notFound((context) => context.json({ error: "no such page" }, 404))

const server = serve({ fetch: app.fetch, hostname: "127.0.0.1", port: Number(port) }, (address) => {
  console.log(`listening on http://127.0.0.1:${address.port}`)
})

const stop = () => {
  server.close(() => void runtime.dispose().then(() => exit(0)))
}
process.once("SIGTERM", stop)
process.once("SIGINT", stop)
