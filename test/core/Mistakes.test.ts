/**
 * What the usual mistakes say, in the compiler and when the program runs: the first line names whose mistake it is, the
 * member, and what to do. `docs/reference/mistakes.md` shows the same table.
 */
import { execFile } from "node:child_process"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { promisify } from "node:util"
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

const root = join(import.meta.dirname, "../..")

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
  const program: Loose = Effect.flatMap(made, (tanks: Loose) => tanks("1").Fill(payload, { commandId: "c-1" }))
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
const Exact = Event.make("Filled", { litres: Schema.BigIntFromSelf as Loose })

/** What each program of the compiler begins with. */
const prelude = `
import { Rpc } from "@effect/rpc"
import { Effect, Either, Schema } from "effect"
import * as Aggregate from "../../src/core/Aggregate.ts"
import * as Event from "../../src/core/Event.ts"
const Filled = Event.make("Filled", { litres: Schema.Int })
const Opened = Event.make("Opened", {})
class Overflow extends Schema.TaggedError<Overflow>()("Overflow", {}) {}
class Closed extends Schema.TaggedError<Closed>()("Closed", {}) {}
const Fill = Rpc.make("Fill", { payload: { litres: Schema.Int }, success: Schema.Int, error: Overflow })
const litres = Schema.Struct({ litres: Schema.Int })
const empty = { litres: 0 }
const id = Schema.String
class Tank extends Aggregate.make("Tank", { id, state: litres, initial: empty, events: [Filled], commands: [Fill] }) {}
const decide: Aggregate.BehaviourOf<typeof Tank>["decide"] = { Fill: (given) => Either.right([Filled.make(given)]) }
const evolve: Aggregate.BehaviourOf<typeof Tank>["evolve"] = { Filled: (state) => state }
const reply: Aggregate.BehaviourOf<typeof Tank>["reply"] = { Fill: (state) => state.litres }
`

const evolves = "Tank.Filled: evolve returns the next state of Tank, in the type that its contract declares"
const replies = "Tank.Fill: reply returns what Fill declares as its success"
const decides =
  'Decided<"Tank.Fill: give Either.right of events that Tank declares, or Either.left of an error that Fill declares"'

interface Mistake {
  readonly what: string
  /** One line of TypeScript, and what the compiler's first line begins with. */
  readonly code?: string
  readonly compiler?: string
  /** What the program says, and what it is to say. */
  readonly said?: () => string | Promise<string>
  readonly line?: string
}

const mistakes: ReadonlyArray<Mistake> = [
  {
    what: "an event of another aggregate in decide",
    code: "Tank.define({ decide: { Fill: () => Either.right([Opened.make({})]) }, evolve, reply })",
    compiler: `Type 'Either<{ readonly _tag: "Opened"; }[], never>' is not assignable to type '${decides}`,
    said: () => asked({}, { decide: { Fill: () => Either.right([Opened.make({})]) } }),
    line: "Tank: Opened cannot be stored: it is none of the aggregate's events; add it to them, or decide on one that is"
  },
  {
    what: "an error that the command lacks",
    code: "Tank.define({ decide: { Fill: () => Either.left(new Closed()) }, evolve, reply })",
    compiler: `Type 'Either<never, Closed>' is not assignable to type '${decides}`,
    said: () => asked({}, { decide: { Fill: () => Either.left({ _tag: "Closed" }) } }),
    line: "the refusal of Tank.Fill cannot be kept: the field does not fit the schema; give an error that the command declares"
  },
  {
    what: "a text as an error",
    code: 'Tank.define({ decide: { Fill: () => Either.left("full") }, evolve, reply })',
    compiler: `Type 'Either<never, string>' is not assignable to type '${decides}`
  },
  {
    what: "events without an Either",
    code: "Tank.define({ decide: { Fill: () => [Filled.make({ litres: 1 })] }, evolve, reply })",
    compiler: `Type '({ readonly _tag: "Filled"; } & { readonly litres: number; })[]' is not assignable to type '${decides}`,
    said: () => asked({}, { decide: { Fill: () => [Filled.make({ litres: 1 })] } }),
    line: "Tank.Fill: decide returns neither; wrap its events in Either.right([…]), or in an Effect"
  },
  {
    what: "no decide",
    code: "Tank.define({ decide: {}, evolve, reply })",
    compiler: "Property 'Fill' is missing in type '{}' but required in type 'Decide<\"Tank\"",
    said: () => asked({}, { decide: {} }),
    line: "Tank has no decide for Fill; add it to the behaviour"
  },
  {
    what: "no evolve",
    code: "Tank.define({ decide, evolve: {}, reply })",
    compiler: "Property 'Filled' is missing in type '{}' but required in type 'Evolve<\"Tank\"",
    said: () => asked({}, { evolve: {} }),
    line: "Tank has no evolve for Filled; add it to the behaviour"
  },
  {
    what: "no reply",
    code: "Tank.define({ decide, evolve, reply: {} })",
    compiler: "Property 'Fill' is missing in type '{}' but required in type 'Replies<\"Tank\"",
    said: () => asked({}, { reply: {} }),
    line: "Tank has no reply for Fill; add it to the behaviour"
  },
  {
    what: "a command that is not declared",
    code: 'Effect.flatMap(Tank, (tanks) => tanks("1").Drain({ litres: 1 }))',
    compiler: "Property 'Drain' does not exist on type 'RefOf<\"Tank\""
  },
  {
    what: "a bigint in a payload",
    code: `Aggregate.make("Tank", { id, state: litres, initial: empty, events: [Filled], commands: [
      Rpc.make("Fill", { payload: { litres: Schema.BigIntFromSelf } })] })`,
    compiler:
      "Type 'Rpc<\"Fill\", Struct<{ litres: typeof BigIntFromSelf; }>, typeof Void, typeof Never, never>[]' is not assignable to type '\"Tank.Fill.litres: bigint is not JSON; give it a codec, such as Schema.BigInt\"'",
    said: () =>
      asked({ commands: [Rpc.make("Fill", { payload: { litres: Schema.BigIntFromSelf } })] }, {}, { litres: 1n }),
    line: "Tank.Fill.litres: bigint is not JSON; give it a codec, such as Schema.BigInt"
  },
  {
    what: "a bigint in an event",
    code: 'Event.make("Filled", { litres: Schema.BigIntFromSelf })',
    compiler:
      "Argument of type '{ litres: typeof Schema.BigIntFromSelf; }' is not assignable to parameter of type '{ litres: typeof BigIntFromSelf; } & \"Filled.litres: bigint is not JSON; give it a codec, such as Schema.BigInt\"'",
    said: () => asked({ events: [Exact] }, { decide: { Fill: () => Either.right([Exact.make({ litres: 1n })]) } }),
    line: "Tank: Filled cannot be stored, at litres: bigint is not JSON; give it a codec, such as Schema.BigInt"
  },
  {
    what: "a Date in a state",
    code: `Aggregate.make("Tank", { id, initial: { at: new Date(0) }, events: [Filled], commands: [Fill],
      state: Schema.Struct({ at: Schema.DateFromSelf }) })`,
    compiler:
      "Type 'Struct<{ at: typeof DateFromSelf; }>' is not assignable to type 'Schema<{ readonly at: Date; }, { readonly at: Date; }, never> & \"the state of Tank.at: Date is not JSON; give it a codec, such as Schema.Date\"'",
    said: () => {
      const state: Loose = Schema.Struct({ at: Schema.DateFromSelf })
      const dated: Loose = Aggregate.make("Tank", { ...contract, state, initial: { at: new Date(0) } } as Loose)
      return declared(() => dated.define(behaviour).snapshot.encode({ at: new Date(0) }))
    },
    line: "a snapshot cannot hold the state of Tank at at: Date is not JSON; give it a codec, such as Schema.Date"
  },
  {
    what: "a bigint in an answer",
    said: () =>
      asked(
        { commands: [Rpc.make("Fill", { payload: { litres: Schema.Int }, success: Schema.BigIntFromSelf })] },
        { reply: { Fill: () => 1n } }
      ),
    line: "the success of Tank.Fill cannot be kept: bigint is not JSON; give it a codec, such as Schema.BigInt; make the reply fit its schema"
  },
  {
    what: "a state of another type",
    code: "Tank.define({ decide, evolve: { Filled: (state) => state.litres }, reply })",
    compiler: `Type 'number' is not assignable to type 'Returned<"${evolves}"`
  },
  {
    what: "an evolve that returns nothing",
    code: "Tank.define({ decide, evolve: { Filled: () => {} }, reply })",
    compiler: `Type '() => void' is not assignable to type '(state: { readonly litres: number; }, event: { readonly _tag: "Filled"; } & { readonly litres: number; }) => Returned<"${evolves}"`
  },
  {
    what: "an answer of another type",
    code: "Tank.define({ decide, evolve, reply: { Fill: (state) => String(state.litres) } })",
    compiler: `Type 'string' is not assignable to type 'Returned<"${replies}"`,
    said: () => asked({}, { reply: { Fill: () => "1" } }),
    line: "the success of Tank.Fill cannot be kept: the field does not fit the schema; make the reply fit its schema"
  },
  {
    what: "a name with a hyphen",
    said: () => declared(() => Aggregate.make("water-tank", contract)),
    line: '"water-tank" is not a name: give a letter, then letters and digits'
  },
  {
    what: "a command with the name of what each aggregate has",
    said: () => declaring({ commands: [Rpc.make("state")] }),
    line: 'Tank: a command cannot be named "state"; give it a letter, then letters and digits, and no name that every aggregate has'
  },
  {
    what: "a command twice",
    said: () => declaring({ commands: [...contract.commands, ...contract.commands] }),
    line: "Tank declares the command Fill twice; give each command its own name"
  },
  {
    what: "an event twice",
    said: () => declaring({ events: [Filled, Event.make("Filled", {})] }),
    line: "Tank: the event Filled is declared twice; give each event its own names"
  },
  {
    what: "a transient error that no command has",
    said: () => declaring({ transientErrors: ["TankFul"] }),
    line: "Tank: no command has the transient error TankFul; name one that a command declares"
  },
  {
    what: "a public command that there is not",
    said: () => declared(() => Application.aggregate(Tank, behaviour, { public: ["Fil" as Loose] })),
    line: "Tank has no command Fil to make public"
  },
  {
    what: "an event of two aggregates in one projection",
    said: () => declared(() => Application.make({ name: "tanks", aggregates: parts, projections: [models({})] })),
    line: "the projection levels names the event Filled, which Other and Tank use; name it of one of them, with Other.event(…) or Tank.event(…)"
  },
  {
    what: "a name of a projection that no table can have",
    said: () => declared(() => models({ name: "My-Model" })),
    line: '"My-Model" cannot name a projection or table: use small letters, digits and _, at most 63 bytes, the first a letter'
  },
  {
    what: "an aggregate twice",
    said: () => declared(() => Application.make({ name: "tanks", aggregates: [parts[0], parts[0]] })),
    line: "two aggregates are called tank; give each a name of its own"
  }
]

describe("a usual mistake", () => {
  it.each(mistakes.filter(({ said }) => said !== undefined))("says so when it runs: $what", async ({ line, said }) => {
    assert.strictEqual(await said?.(), line)
  })

  it("says so in the compiler, on the first line", { timeout: 300_000 }, async () => {
    const compiled = mistakes.filter(({ code }) => code !== undefined)
    const folder = join(root, ".cache/mistakes")
    mkdirSync(folder, { recursive: true })
    const files = compiled.map(({ code }, index) => {
      const file = join(folder, `mistake${index}.ts`)
      writeFileSync(file, `${prelude}export const mistake = () => ${code}\n`)
      return file
    })
    const project = join(folder, "tsconfig.json")
    const compilerOptions = { noUnusedLocals: false, noEmit: true }
    writeFileSync(
      project,
      JSON.stringify({ extends: join(root, "tsconfig.json"), compilerOptions, files, include: [] })
    )
    const tsc = join(root, "node_modules/typescript/bin/tsc")
    // In a process of its own: it takes longer than a worker may be silent.
    const output = await promisify(execFile)(process.execPath, [tsc, "-p", project, "--pretty", "false"]).then(
      () => "",
      ({ stdout }: { readonly stdout: string }) => stdout
    )
    const first = compiled.map(
      (_, index) => new RegExp(`mistake${index}\\.ts\\(\\d+,\\d+\\): error TS\\d+: (.*)`).exec(output)?.[1] ?? "nothing"
    )
    assert.deepStrictEqual(
      first.map((line, index) => line.slice(0, compiled[index]?.compiler?.length)),
      compiled.map(({ compiler }) => compiler)
    )
  })

  it("stands in the documentation as it is said", () => {
    const page = readFileSync(join(root, "docs/reference/mistakes.md"), "utf8")
    const rows = page.split("\n").filter((line) => line.startsWith("| ") && line.includes("`"))
    const cell = (text: string | undefined) => (text === undefined ? "" : `\`${text}\``)
    assert.deepStrictEqual(
      rows,
      mistakes.map(({ compiler, line, what }) => `| ${what} | ${cell(compiler && `${compiler}…`)} | ${cell(line)} |`)
    )
  })
})
