import { ActorSystemLocal } from "daybook"
import { SqliteStore } from "daybook/sql"
import { Effect, Layer } from "effect"
import { application, Tank } from "./application.js"

const fill = Effect.gen(function* () {
  const north = (yield* Tank)("north")
  console.log(`${yield* north.Fill({ litres: 60 })} litres`)
})

const layer = application.layer.pipe(
  Layer.provide(ActorSystemLocal.layer),
  Layer.provide(SqliteStore.layer({ filename: "tank.db" }))
)
await Effect.runPromise(Effect.provide(fill, layer))
