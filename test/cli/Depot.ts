/**
 * `Depot` is an application whose models and processes get stuck, for tests of what operators do then: parcels, of
 * which those of 13 kilos stop both models and those of 7 the process, for as long as the file of `DEPOT_TROUBLE` is
 * there.
 */
import { existsSync } from "node:fs"
import process from "node:process"
import { Rpc } from "@effect/rpc"
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect, Either, Schema } from "effect"
import * as Aggregate from "../../src/core/Aggregate.ts"
import * as Event from "../../src/core/Event.ts"
import * as Application from "../../src/projection/Application.ts"
import * as Projection from "../../src/projection/Projection.ts"
import * as Reaction from "../../src/projection/Reaction.ts"

const Arrived = Event.make("Arrived", { kilos: Schema.Int })
const Printed = Event.make("Printed", { kilos: Schema.Int })

export class Parcel extends Aggregate.make("Parcel", {
  id: Schema.String,
  state: Schema.Struct({ kilos: Schema.Int }),
  initial: { kilos: 0 },
  events: [Arrived],
  commands: [Rpc.make("Arrive", { payload: { kilos: Schema.Int }, success: Schema.Int })]
}) {}

export class Label extends Aggregate.make("Label", {
  id: Schema.String,
  state: Schema.Struct({ kilos: Schema.Int }),
  initial: { kilos: 0 },
  events: [Printed],
  commands: [Rpc.make("Print", { payload: { kilos: Schema.Int }, success: Schema.Int })]
}) {}

const parcel = Application.aggregate(
  Parcel,
  {
    decide: { Arrive: ({ kilos }) => Either.right([Arrived.make({ kilos })]) },
    evolve: { Arrived: (_, { kilos }) => ({ kilos }) },
    reply: { Arrive: ({ kilos }) => kilos }
  },
  { public: ["Arrive"] }
)
const label = Application.aggregate(Label, {
  decide: { Print: ({ kilos }) => Either.right([Printed.make({ kilos })]) },
  evolve: { Printed: (_, { kilos }) => ({ kilos }) },
  reply: { Print: ({ kilos }) => kilos }
})

const failAt = (kilos: number, found: number) =>
  found === kilos && existsSync(process.env.DEPOT_TROUBLE ?? "") ? Effect.fail(new Error("too heavy")) : Effect.void

const weights = (name: string, onFailure: "halt" | "park") =>
  Projection.make({
    name,
    version: 1,
    events: [Arrived],
    tables: [name],
    onFailure,
    create: (tables) => [`CREATE TABLE ${tables[name]} (stream TEXT NOT NULL, kilos INTEGER NOT NULL)`],
    apply: (batch, tables) =>
      Effect.flatMap(SqlClient, (sql) =>
        Effect.forEach(batch, ({ event: { kilos }, stored: { streamId } }) =>
          Effect.zipRight(failAt(13, kilos), sql.unsafe(`INSERT INTO ${tables[name]} VALUES (?, ?)`, [streamId, kilos]))
        )
      )
  })

const labels = Reaction.make({
  name: "labels",
  startFrom: "beginning",
  events: [Arrived],
  react: ({ event: { kilos }, stored: { streamId } }, commandId) =>
    Effect.zipRight(
      failAt(7, kilos),
      Effect.flatMap(Label, (all) =>
        all(streamId.slice("parcel-".length)).Print({ kilos }, { commandId: commandId(0) })
      )
    )
})

export const depot = Application.make({
  name: "depot",
  description: "Parcels, and labels for them.",
  aggregates: [parcel, label],
  projections: [weights("weights", "halt"), weights("scales", "park")],
  reactions: [labels]
})
