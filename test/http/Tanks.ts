/** An application of two aggregates, for tests of what each aggregate has over HTTP; and its service on a port. */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import { Rpc } from "@effect/rpc"
import { Effect, Either, Layer, Logger, Schema } from "effect"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import * as Aggregate from "../../src/core/Aggregate.ts"
import * as Event from "../../src/core/Event.ts"
import type { EventStore } from "../../src/core/EventStore.ts"
import * as Metadata from "../../src/core/Metadata.ts"
import type { SnapshotStore } from "../../src/core/SnapshotStore.ts"
import * as Access from "../../src/http/Access.ts"
import { every } from "../../src/http/ApiParts.ts"
import * as ApplicationServer from "../../src/http/ApplicationServer.ts"
import * as Failures from "../../src/http/Failures.ts"
import * as HttpPart from "../../src/http/HttpPart.ts"
import { NodeServer } from "../../src/http/NodeServer.ts"
import * as Problem from "../../src/http/Problem.ts"
import type { Token } from "../../src/http/Tokens.ts"
import * as Application from "../../src/projection/Application.ts"
import type { ProjectionStore } from "../../src/projection/ProjectionStore.ts"
import * as ProjectionsLocal from "../../src/projection/ProjectionsLocal.ts"
import * as Service from "./Service.ts"

/** Whole litres, which JSON has as text. */
const Amount = Schema.BigInt

const filled = Event.make("Filled", { litres: Amount, by: Schema.String })
const drained = Event.make("Drained", { litres: Amount })

export class TankFull extends Schema.TaggedError<TankFull>()("TankFull", { room: Amount }) {
  override get message() {
    return `there is room for ${this.room} more`
  }
}
export class TankEmpty extends Schema.TaggedError<TankEmpty>()("TankEmpty", {}) {}

export class Tank extends Aggregate.make("Tank", {
  id: Schema.String.pipe(Schema.pattern(/^[a-z0-9/ .ü-]{1,40}$/)),
  state: Schema.Struct({ litres: Amount }),
  initial: { litres: 0n },
  events: [filled, drained],
  commands: [
    Rpc.make("Fill", {
      payload: Schema.Struct({ litres: Amount, by: Schema.optionalWith(Schema.String, { default: () => "hand" }) }),
      success: Schema.Struct({ litres: Amount }),
      error: TankFull
    }),
    Rpc.make("Drain", { success: Schema.Void, error: TankEmpty }),
    Rpc.make("Adjust", { payload: { litres: Amount }, success: Schema.Void })
  ],
  transientErrors: ["TankEmpty"]
}) {}

const capacity = 100n

const tank = Application.aggregate(
  Tank,
  {
    decide: {
      Fill: ({ by, litres }, state) =>
        state.litres + litres > capacity
          ? Either.left(new TankFull({ room: capacity - state.litres }))
          : Either.right([filled.make({ litres, by })]),
      Drain: (_, { litres }) =>
        litres === 0n ? Either.left(new TankEmpty()) : Either.right([drained.make({ litres })]),
      Adjust: ({ litres }) => Either.right([filled.make({ litres, by: "adjusted" })])
    },
    evolve: {
      Filled: (state, { litres }) => ({ litres: state.litres + litres }),
      Drained: (state, { litres }) => ({ litres: state.litres - litres })
    },
    reply: { Fill: ({ litres }) => ({ litres }), Drain: () => undefined, Adjust: () => undefined }
  },
  { public: ["Fill", "Drain"], statuses: { TankEmpty: 422 } }
)

const started = Event.make("Started", {})
/** Nothing of it is public: it is only read. */
export class Pump extends Aggregate.make("Pump", {
  id: Schema.String,
  state: Schema.Struct({ starts: Schema.Int }),
  initial: { starts: 0 },
  events: [started],
  commands: [Rpc.make("Start", { success: Schema.Int })]
}) {}
const pump = Application.aggregate(Pump, {
  decide: { Start: () => Either.right([started.make({})]) },
  evolve: { Started: ({ starts }) => ({ starts: starts + 1 }) },
  reply: { Start: ({ starts }) => starts }
})

/** The application's own route, beside those of its aggregates. */
class StationApi extends HttpApi.make("daybook").add(
  HttpApiGroup.make("station").add(
    HttpApiEndpoint.post("start", "/station/pumps/:id/start")
      .setPath(Schema.Struct({ id: Schema.String }))
      .addSuccess(Schema.Struct({ starts: Schema.Int }))
      .addError(Schema.Union(every, Problem.schema("aggregate-busy"), Problem.schema("idempotency-key-reused")))
      .middleware(Access.Write)
  )
) {}
const station = HttpApiBuilder.group(StationApi, "station", (handlers) =>
  handlers.handle("start", ({ path: { id } }) =>
    Effect.flatMap(Pump, (pumps) =>
      pumps(id)
        .Start(undefined)
        .pipe(
          Effect.map((starts) => ({ starts })),
          // What a command without key or expected version cannot answer is a fault of the service.
          Effect.mapError(
            Failures.without(Failures.ofCommand, "version-mismatch", "answer-unreadable", "outcome-unknown")
          )
        )
    )
  )
)

export const application = Application.make({
  name: "tanks",
  description: "Tanks and pumps.",
  aggregates: [tank, pump],
  metadata: Metadata.make(Schema.Struct({ site: Schema.String, pump: Schema.Int })),
  http: () => HttpPart.make({ api: StationApi, handlers: station })
})

/** The service on a free port; `tokens` null: everyone on this machine may do everything. */
export const service = <E>(
  store: Layer.Layer<EventStore | SnapshotStore | ProjectionStore, E>,
  tokens: ReadonlyArray<Token> | null = null
) => {
  const domain = Layer.merge(
    application.layer.pipe(Layer.provideMerge(ActorSystemLocal.layer)),
    ProjectionsLocal.layer([])
  )
  return Layer.effect(
    Service.Url,
    Effect.map(NodeServer, ({ url }) => url)
  ).pipe(
    Layer.provide(ApplicationServer.layer(application, { host: "127.0.0.1", port: 0, tokens })),
    Layer.provideMerge(domain),
    Layer.provideMerge(store),
    Layer.provide(Logger.remove(Logger.defaultLogger))
  )
}
