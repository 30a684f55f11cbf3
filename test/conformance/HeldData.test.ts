/**
 * VR3 by chance: an aggregate whose events, payloads, answers and states have random schemas is given random values.
 * Whatever was taken is the same live, recovered, and from a snapshot with the events after it; an answer is the same
 * the first time and later. Whatever was not taken failed with a typed error, or a defect that says so, and stored
 * nothing.
 *
 * `DAYBOOK_SEED` repeats a run, `DAYBOOK_LONG=1` makes it a long one.
 */
import { inspect } from "node:util"
import { Rpc } from "@effect/rpc"
import { Cause, Duration, Effect, Either, Exit, FastCheck, Layer, Logger, ManagedRuntime, Schema } from "effect"
import { afterAll, assert, describe, it } from "vitest"
import * as ActorConfig from "../../src/core/ActorConfig.ts"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import * as Aggregate from "../../src/core/Aggregate.ts"
import * as Event from "../../src/core/Event.ts"
import { EventStore } from "../../src/core/EventStore.ts"
import * as EventStoreMemory from "../../src/core/EventStoreMemory.ts"
import * as HeldValue from "../../src/core/HeldValue.ts"
import { SnapshotStore } from "../../src/core/SnapshotStore.ts"
import * as SnapshotStoreMemory from "../../src/core/SnapshotStoreMemory.ts"
import * as RandomSchemas from "../core/RandomSchemas.ts"
import * as Random from "../Random.ts"
import { temporaryStore } from "../sql/TemporaryFolder.ts"

type Values = Record<string, unknown>
type State = Values & { readonly count: number; readonly list: ReadonlyArray<unknown> }

/** What evolve makes of an event: the ways in which users write it, some of them unwise. */
const evolutions: Record<string, (state: State, event: Values) => State> = {
  spread: (state, event) => ({ ...state, ...event }),
  list: (state, event) => ({ ...state, list: [...state.list, event] }),
  replace: (_, event) => ({ list: [], count: 0, ...event }),
  fields: (state, event) => ({ ...state, a: event.a, b: event.b, c: event.c }),
  "minus zero": (state, event) => ({ ...state, count: -state.count * 0, list: [event, ...state.list].slice(0, 2) }),
  keys: (state, event) => ({
    ...state,
    ...event,
    count: state.count + ("a" in state ? 1 : 0) + ("b" in event ? 2 : 0) + (Object.is(state.count, -0) ? 4 : 0)
  }),
  grouped: (state, event) => ({ ...state, groups: Object.assign(Object.create(null), { x: [event.a], y: undefined }) }),
  "the other way round": (state, event) => ({ ...event, ...state, list: [Object.keys(event).length] })
}

/** One command: what is sent, what its decision emits where that is not the payload, and what it answers. */
interface Step {
  readonly payload: Values
  readonly event: Values | undefined
  readonly answer: "state" | "keys" | "event" | Values
  readonly evolution: string
}
interface Plan {
  readonly payload: RandomSchemas.Fields
  readonly event: RandomSchemas.Fields
  readonly answer: RandomSchemas.Fields
  readonly every: number
  readonly steps: ReadonlyArray<Step>
}

const plans: FastCheck.Arbitrary<Plan> = FastCheck.tuple(
  RandomSchemas.struct(2),
  RandomSchemas.struct(2),
  RandomSchemas.struct(2),
  FastCheck.integer({ min: 1, max: 3 })
).chain(([payload, other, answer, every]) => {
  const isOther = FastCheck.boolean()
  const event = isOther.map((is) => (is ? other : payload))
  return event.chain((event) => {
    const step = FastCheck.record({
      payload: payload.values,
      event: event === payload ? FastCheck.option(event.values, { nil: undefined }) : event.values,
      answer: FastCheck.oneof(
        FastCheck.constantFrom("state" as const, "keys" as const, "event" as const),
        answer.values
      ),
      evolution: FastCheck.constantFrom(...Object.keys(evolutions))
    })
    return FastCheck.array(step, { minLength: 1, maxLength: 5 }).map((steps) => ({
      payload,
      event,
      answer,
      every,
      steps
    }))
  })
})

const optionals = (fields: Record<string, Schema.Struct.Field>) =>
  Object.fromEntries(Object.entries(fields).map(([name, of]) => [name, Schema.isSchema(of) ? Schema.optional(of) : of]))

/** What can be said about any state. */
const plain = ({ count, list, ...others }: State) => ({ count, length: list.length, keys: Object.keys(others) })

/** The aggregate of a plan. `seen` gets the payloads as decide saw them. */
const aggregateOf = (plan: Plan, seen: Map<string, unknown>) => {
  const Happened = Event.make("Happened", { step: Schema.Int, ...plan.event.fields } as never)
  const Chance = Aggregate.make("Chance", {
    id: Schema.String,
    state: Schema.Struct({
      ...optionals(plan.event.fields),
      step: Schema.optional(Schema.Int),
      _tag: Schema.optional(Schema.Unknown),
      groups: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.Unknown })),
      count: Schema.Number,
      list: Schema.Array(Schema.Unknown)
    } as never),
    initial: { count: 0, list: [] } as never,
    events: [Happened],
    commands: [
      Rpc.make("Do", {
        payload: Schema.Struct({ step: Schema.Int, ...plan.payload.fields } as never),
        success: Schema.Union(
          Schema.Struct({ own: Schema.Struct(plan.answer.fields as never) }),
          Schema.Struct({ event: Schema.Struct(plan.event.fields as never) }),
          Schema.Struct({ any: Schema.Unknown })
        )
      })
    ]
  })
  const stepOf = (step: number): Step => {
    const found = plan.steps[step]
    if (found === undefined) throw new Error(`no step ${step}`)
    return found
  }
  const layer = Chance.toLayer({
    decide: {
      Do: (payload: Values, _: State, { commandId }: { commandId: string }) => {
        seen.set(commandId, payload)
        const { event } = stepOf(payload.step as number)
        return Either.right([{ _tag: "Happened", ...payload, ...(event ?? {}) }])
      }
    },
    evolve: {
      Happened: (state: State, event: Values) =>
        (evolutions[stepOf(event.step as number).evolution] ?? (() => state))(state, event)
    },
    reply: {
      Do: (state: State) => {
        const step = state.step as number | undefined
        const { answer } = plan.steps[step ?? 0] ?? { answer: "state" }
        if (answer === "state") return { any: { ...state, ...plain(state) } }
        if (answer === "keys") return { any: plain(state) }
        if (answer !== "event") return { own: answer }
        return { event: Object.fromEntries(Object.entries(state).filter(([key]) => key in plan.event.fields)) }
      }
    }
  } as never)
  return { Chance, layer }
}

const same = (found: unknown, expected: unknown, what: string): void => {
  const path = HeldValue.difference(found, expected)
  if (path !== undefined) {
    assert.deepStrictEqual(found, expected, `${what}, at ${path}`)
    assert.fail(`${what}: another at ${path}`)
  }
}

/** The value as its text reads, by the schema itself. */
const asText = (schema: Schema.Schema.AnyNoContext, value: unknown): unknown =>
  HeldValue.hold(Schema.decodeUnknownSync(schema)(JSON.parse(JSON.stringify(Schema.encodeUnknownSync(schema)(value)))))

let runs = 0

const isTyped = (cause: Cause.Cause<unknown>): boolean => {
  const error = Cause.squash(cause) as { readonly _tag?: string; readonly name?: string }
  return ["InvalidArgument", "UnencodableEvent"].includes(error._tag ?? "") || error.name === "InvalidAnswer"
}

/** `counts` tells how many commands were taken and refused, so that no run looks at nothing. */
const check = (plan: Plan, counts: { taken: number; refused: number }) =>
  Effect.gen(function* () {
    const seen = new Map<string, unknown>()
    const { Chance, layer } = aggregateOf(plan, seen)
    const run = ++runs
    const id = `run-${run}`
    const store = yield* EventStore
    const snapshots = yield* SnapshotStore
    const release = <A, E, R>(program: Effect.Effect<A, E, R>) =>
      Effect.provide(
        program,
        Layer.provide(
          layer,
          Layer.provide(
            ActorSystemLocal.layer,
            ActorConfig.layer({ snapshotEvery: plan.every, minBackoff: Duration.zero, maxBackoff: Duration.zero })
          )
        )
      )
    const commandId = (step: number) => `command-${run}-${step}`
    const ask = (step: number) =>
      Effect.flatMap(Chance, (chances) =>
        chances(id).ask("Do", { ...plan.steps[step]?.payload, step } as never, { commandId: commandId(step) })
      )
    const state = Effect.flatMap(Chance, (chances) => chances(id).state)

    const payloadSchema = Schema.Struct({ step: Schema.Int, ...plan.payload.fields } as never)
    const [firsts, live] = yield* release(
      Effect.gen(function* () {
        const firsts = new Map<number, unknown>()
        for (const step of plan.steps.keys()) {
          const before = yield* store.lastPosition
          const exit = yield* Effect.exit(ask(step))
          if (Exit.isFailure(exit)) {
            if (!isTyped(exit.cause)) assert.fail(`step ${step}: ${Cause.pretty(exit.cause)}`)
            assert.strictEqual(yield* store.lastPosition, before, `step ${step} was refused and stored`)
            counts.refused++
            continue
          }
          counts.taken++
          firsts.set(step, Either.getOrThrow(exit.value.outcome))
          const given = payloadSchema.make({ ...plan.steps[step]?.payload, step } as never, { disableValidation: true })
          same(seen.get(commandId(step)), asText(payloadSchema as never, given), `the payload of step ${step}`)
        }
        return [firsts, yield* state] as const
      })
    )
    const recovered = yield* Effect.provideService(release(state), SnapshotStore, {
      ...snapshots,
      load: () => Effect.succeedNone
    })
    same(live, recovered, "live and recovered")
    same(yield* release(state), recovered, "snapshot and tail, and recovered")
    yield* release(
      Effect.forEach(firsts, ([step, first]) =>
        Effect.map(ask(step), ({ outcome, replayed }) => {
          assert.isTrue(replayed)
          same(Either.getOrThrow(outcome), first, `the answer to step ${step}`)
        })
      )
    )
  })

const stores = {
  memory: Layer.merge(EventStoreMemory.layer, SnapshotStoreMemory.layer),
  sqlite: temporaryStore
}

describe("random schemas and values", () => {
  const next = Random.random("HeldData")
  const numRuns = Random.isLong ? 5_000 : 60
  for (const [name, layer] of Object.entries(stores)) {
    const counts = { taken: 0, refused: 0 }
    const runtime = ManagedRuntime.make(Layer.merge(layer, Logger.remove(Logger.defaultLogger)))
    afterAll(() => runtime.dispose())
    const seed = Math.floor(next() * 2 ** 31)
    it(
      `are the same live, recovered and from a snapshot, and are answered alike, on ${name} (VR3)`,
      async () => {
        const property = FastCheck.asyncProperty(plans, (plan) => runtime.runPromise(check(plan, counts)))
        const {
          counterexample,
          counterexamplePath,
          errorInstance,
          failed,
          numRuns: run
        } = await FastCheck.check(property, {
          seed,
          numRuns
        })
        if (failed) {
          const [plan] = counterexample ?? []
          const labels = [plan?.payload.label, plan?.event.label, plan?.answer.label].join("\n")
          const steps = inspect(plan?.steps, { depth: 9 })
          const where = `run ${run} of DAYBOOK_SEED=${Random.seed}, ${counterexamplePath}, a snapshot each ${plan?.every}`
          throw new Error(`${where}\n${labels}\n${steps}\n${inspect(errorInstance)}`)
        }
        assert.isAbove(counts.taken, numRuns / 2)
        assert.isAbove(counts.refused, numRuns / 10)
      },
      Random.isLong ? 600_000 : 60_000
    )
  }
})
