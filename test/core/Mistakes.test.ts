/**
 * What the usual mistakes say when the program runs: the first line names whose mistake it is, the member, and what to
 * do.
 */
import { Rpc } from "@effect/rpc"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Either, Exit, Layer, Schema } from "effect"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import * as Aggregate from "../../src/core/Aggregate.ts"
import * as Event from "../../src/core/Event.ts"
import * as EventStoreMemory from "../../src/core/EventStoreMemory.ts"
import * as SnapshotStoreMemory from "../../src/core/SnapshotStoreMemory.ts"
import * as Application from "../../src/projection/Application.ts"
import * as Projection from "../../src/projection/Projection.ts"

const Filled = Event.make("Filled", { litres: Schema.Int })

/** As a JavaScript program has them, or one whose compiler was told to be quiet. */
// biome-ignore lint/suspicious/noExplicitAny: each is a mistake that the compiler finds in most programs.
type Loose = any

const contract = {
  id: Schema.String,
  state: Schema.Struct({ litres: Schema.Int }),
  initial: { litres: 0 },
  events: [Filled],
  commands: [Rpc.make("Fill", { payload: { litres: Schema.Int }, success: Schema.Int })]
}
const behaviour = {
  decide: { Fill: ({ litres }: { litres: number }) => Either.right([Filled.make({ litres })]) },
  evolve: {
    Filled: (state: { litres: number }, { litres }: { litres: number }) => ({ litres: state.litres + litres })
  },
  reply: { Fill: ({ litres }: { litres: number }) => litres }
}
class Tank extends Aggregate.make("Tank", contract) {}
class Other extends Aggregate.make("Other", contract) {}

const memory = ActorSystemLocal.layer.pipe(Layer.provide([EventStoreMemory.layer, SnapshotStoreMemory.layer]))

const firstLine = (error: unknown): string => String((error as Error).message).split("\n")[0] ?? ""

/** What one command of such an aggregate fails with. */
const asked = async (changed: Loose, changedBehaviour: Loose = {}, payload: Loose = { litres: 1 }): Promise<string> => {
  const made: Loose = class extends Aggregate.make("Tank", { ...contract, ...changed } as Loose) {}
  const program: Loose = Effect.flatMap(made, (tanks: Loose) => tanks("1").Fill(payload))
  const layer: Loose = made.toLayer({ ...behaviour, ...changedBehaviour })
  const exit = await Effect.runPromiseExit(
    Effect.provide(program, Layer.provide(layer, memory)) as Effect.Effect<unknown>
  )
  return Exit.isSuccess(exit) ? "nothing" : firstLine(Cause.squash(exit.cause))
}

/** What declaring it throws. */
const declared = (declare: () => unknown): string => {
  try {
    declare()
    return "nothing"
  } catch (error) {
    return firstLine(error)
  }
}
const declaring = (changed: Loose) => declared(() => Aggregate.make("Tank", { ...contract, ...changed }))

const models = (changed: Loose) =>
  Projection.make({
    name: "levels",
    version: 1,
    events: [Filled],
    tables: [],
    create: () => [],
    apply: () => Effect.void,
    ...changed
  })
const parts = [Application.aggregate(Tank, behaviour), Application.aggregate(Other, behaviour)] as const

const Opened = Event.make("Opened", {})
const Exact = Event.make("Filled", { litres: Schema.BigIntFromSelf })

describe("a usual mistake", () => {
  it.each<[what: string, said: () => string | Promise<string>, line: string]>([
    [
      "a bigint in a payload",
      () => asked({ commands: [Rpc.make("Fill", { payload: { litres: Schema.BigIntFromSelf } })] }, {}, { litres: 1n }),
      "Fill.litres: bigint is not JSON; give it a codec, such as Schema.BigInt"
    ],
    [
      "a bigint in an event",
      () => asked({ events: [Exact] }, { decide: { Fill: () => Either.right([Exact.make({ litres: 1n })]) } }),
      "Tank: Filled cannot be stored, at litres: bigint is not JSON; give it a codec, such as Schema.BigInt"
    ],
    [
      "a bigint in an answer",
      () =>
        asked(
          { commands: [Rpc.make("Fill", { payload: { litres: Schema.Int }, success: Schema.BigIntFromSelf })] },
          { reply: { Fill: () => 1n } }
        ),
      "the success of Tank.Fill cannot be kept: bigint is not JSON; give it a codec, such as Schema.BigInt; make the reply fit its schema"
    ],
    [
      "an event of another aggregate in decide",
      () => asked({}, { decide: { Fill: () => Either.right([Opened.make({})]) } }),
      "Tank: Opened cannot be stored: it is none of the aggregate's events; add it to them, or decide on one that is"
    ],
    [
      "events without an Either",
      () => asked({}, { decide: { Fill: () => [Filled.make({ litres: 1 })] } }),
      "Tank.Fill: decide returns neither; wrap its events in Either.right([…]), or in an Effect"
    ],
    [
      "an answer of another type",
      () => asked({}, { reply: { Fill: () => "1" } }),
      "the success of Tank.Fill cannot be kept: the field does not fit the schema; make the reply fit its schema"
    ],
    ["no decide", () => asked({}, { decide: {} }), "Tank has no decide for Fill; add it to the behaviour"],
    ["no evolve", () => asked({}, { evolve: {} }), "Tank has no evolve for Filled; add it to the behaviour"],
    ["no reply", () => asked({}, { reply: {} }), "Tank has no reply for Fill; add it to the behaviour"],
    [
      "a name with a hyphen",
      () => declared(() => Aggregate.make("water-tank", contract)),
      '"water-tank" is no name: give a letter, then letters and digits'
    ],
    [
      "a command with the name of what each aggregate has",
      () => declaring({ commands: [Rpc.make("state")] }),
      'Tank: a command cannot be named "state"; give it a letter, then letters and digits, and no name that every aggregate has'
    ],
    [
      "a command twice",
      () => declaring({ commands: [...contract.commands, ...contract.commands] }),
      "Tank declares the command Fill twice; give each command its own name"
    ],
    [
      "an event twice",
      () => declaring({ events: [Filled, Event.make("Filled", {})] }),
      "Tank: the event Filled is declared twice; give each event its own names"
    ],
    [
      "a transient error that no command has",
      () => declaring({ transientErrors: ["TankFul"] }),
      "Tank: no command has the transient error TankFul; name one that a command declares"
    ],
    [
      "a public command that there is not",
      () => declared(() => Application.aggregate(Tank, behaviour, { public: ["Fil" as Loose] })),
      "Tank has no command Fil to make public"
    ],
    [
      "an event of two aggregates in one projection",
      () => declared(() => Application.make({ name: "tanks", aggregates: parts, projections: [models({})] })),
      "the projection levels names the event Filled, which Other and Tank use; name it of one of them, with Other.event(…) or Tank.event(…)"
    ],
    [
      "a name of a projection that no table can have",
      () => declared(() => models({ name: "My-Model" })),
      '"My-Model" cannot name a projection or table: use small letters, digits and _, at most 63 bytes, the first a letter'
    ],
    [
      "an aggregate twice",
      () => declared(() => Application.make({ name: "tanks", aggregates: [parts[0], parts[0]] })),
      "two aggregates are called tank; give each a name of its own"
    ]
  ])("says so: %s", async (_, said, line) => {
    assert.strictEqual(await said(), line)
  })
})
