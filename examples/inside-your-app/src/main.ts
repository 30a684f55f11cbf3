/** A server with Node's own HTTP, and Daybook inside it: `POST /orders/ID` takes from the stock, or does not happen. */
import { createServer } from "node:http"
import process, { argv, exit } from "node:process"
import { text } from "node:stream/consumers"
import { ActorSystemLocal } from "daybook"
import { Alongside, ApplicationClient, SqliteStore } from "daybook/sql"
import { Effect, Layer, ManagedRuntime, Schema } from "effect"
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

const Body = Schema.parseJson(Schema.Struct({ item: Schema.String, pieces: Schema.Int }))

/** The order and the stock: one transaction. The id of the order is the command's, so that it can be sent again. */
const place = (id: string, body: string) =>
  Effect.gen(function* () {
    const { item, pieces } = yield* Schema.decode(Body)(body)
    const order = (yield* Order)(id)
    yield* order
      .Place({ item, pieces }, { commandId: `order-${id}` })
      .pipe(Alongside.write(() => Shop.take(item, pieces)))
    return { status: 201, body: { order: id, item, pieces } }
  }).pipe(
    Effect.catchTags({
      ParseError: () => Effect.succeed({ status: 400, body: { error: "an order is {item, pieces}" } }),
      AlreadyPlaced: () => Effect.succeed({ status: 409, body: { error: "this order was placed" } }),
      CommandIdReused: () => Effect.succeed({ status: 409, body: { error: "this order was placed" } }),
      NotInStock: ({ item }) => Effect.succeed({ status: 409, body: { error: `not so many of ${item} in stock` } })
    }),
    Effect.catchAll((error) => Effect.succeed({ status: 503, body: { error: error._tag } }))
  )

const stock = Effect.map(Shop.stock, (rows) => ({ status: 200, body: rows })).pipe(
  Effect.catchAll((error) => Effect.succeed({ status: 503, body: { error: error._tag } }))
)

await runtime.runPromise(Shop.prepare)

const server = createServer(async (request, response) => {
  const id = /^\/orders\/([A-Za-z0-9-]{1,64})$/.exec(request.url ?? "")?.[1]
  const answer =
    request.method === "POST" && id !== undefined
      ? await runtime.runPromise(place(id, await text(request)))
      : request.url === "/stock"
        ? await runtime.runPromise(stock)
        : { status: 404, body: { error: "no such page" } }
  response.writeHead(answer.status, { "content-type": "application/json" }).end(JSON.stringify(answer.body))
})
server.listen(Number(port), "127.0.0.1", () => {
  const address = server.address()
  console.log(`listening on http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : port}`)
})

const stop = () => {
  server.close(() => void runtime.dispose().then(() => exit(0)))
}
process.once("SIGTERM", stop)
process.once("SIGINT", stop)
