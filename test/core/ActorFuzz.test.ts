/**
 * Two actor systems on one store that fails in every way a store may, with behaviour that fails too and callers that go
 * away, from a seed: whatever became of a command, it became of it once. Clients ask under one id, of either system,
 * again after each answer that settles nothing; a ledger is kept of what they were told. When the faults end, each
 * command is asked once more, and
 *
 * - each id has one answer, the same whichever node is asked and however often;
 * - what was acknowledged is in the log once, at the version that was told, and what was refused is not;
 * - the count of an answer is the sum of its stream up to its version, and the state of each system is the fold of the
 *   log;
 * - nobody waits for ever.
 *
 * The short form asks some hundreds of commands, `DAYBOOK_LONG=1` 10,000 on each store. Only the clock of the history
 * moves.
 */
import { join } from "node:path"
import { Rpc } from "@effect/rpc"
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Duration, Effect, Either, Exit, Fiber, Layer, Logger, Schema, Scope } from "effect"
import * as ActorConfig from "../../src/core/ActorConfig.ts"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import * as Aggregate from "../../src/core/Aggregate.ts"
import * as Event from "../../src/core/Event.ts"
import { EventStore } from "../../src/core/EventStore.ts"
import * as EventStoreMemory from "../../src/core/EventStoreMemory.ts"
import type { SnapshotStore } from "../../src/core/SnapshotStore.ts"
import * as SnapshotStoreMemory from "../../src/core/SnapshotStoreMemory.ts"
import { OutcomeUnknown, StoreUnavailable, VersionConflict } from "../../src/core/StoreError.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import { isLong, seed, sequence } from "../Random.ts"
import { log } from "../sql/Log.ts"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"
import * as VirtualClock from "../VirtualClock.ts"

const asks = isLong ? 10_000 : 400
const streams = 12

// ---- what is asked --------------------------------------------------------------------------------------------------

const Added = Event.make("Added", { by: Schema.Int })
class Odd extends Schema.TaggedError<Odd>()("Odd", { count: Schema.Int }) {}
class NotNow extends Schema.TaggedError<NotNow>()("NotNow", {}) {}

/** What a command does, besides what the draw has go wrong. */
const kinds = [
  "add",
  "add",
  "add",
  "add twice",
  "add slowly",
  "nothing",
  "odd",
  "not now",
  "unencodable",
  "row"
] as const
/** Those that have no answer that is kept. */
const neverSettled = new Set<string>(["not now", "unencodable", "row"])

class Counter extends Aggregate.make("Counter", {
  id: Schema.String,
  state: Schema.Struct({ count: Schema.Int }),
  initial: { count: 0 },
  events: [Added],
  commands: [
    Rpc.make("Add", {
      payload: { by: Schema.Int, kind: Schema.Literal(...kinds) },
      success: Schema.Struct({ count: Schema.Int, version: Schema.Int }),
      error: Schema.Union(Odd, NotNow)
    })
  ],
  transientErrors: ["NotNow"],
  snapshot: { every: 7 }
}) {}

/** An event whose row the store refuses, whatever else is in its transaction. */
const refusedRow = 424_242

type Draw = () => number
interface Faults {
  readonly draw: Draw
  /** How many of what may fail do, by hundredths. */
  rate: number
}
const isDrawn = ({ draw, rate }: Faults): boolean => draw() < rate
const pick = <A>(draw: Draw, values: ReadonlyArray<A>): A => values[Math.floor(draw() * values.length)] as A

const behaviourOf = (faults: Faults) =>
  Counter.toLayer({
    decide: {
      Add: ({ by, kind }, { count }) => {
        if (isDrawn(faults)) {
          if (faults.draw() < 0.5) throw new Error("decide throws")
          return faults.draw() < 0.5 ? Effect.interrupt : Effect.die(new Error("decide dies"))
        }
        if (kind === "odd") return Either.left(new Odd({ count }))
        if (kind === "not now") return Either.left(new NotNow())
        if (kind === "nothing") return Either.right([])
        if (kind === "unencodable") return Either.right([Added.make({ by: 0.5 })])
        if (kind === "row") return Either.right([Added.make({ by: refusedRow })])
        if (kind === "add twice") return Either.right([Added.make({ by }), Added.make({ by })])
        if (kind === "add slowly") return Effect.delay(Effect.succeed([Added.make({ by })]), 40)
        return Either.right([Added.make({ by })])
      }
    },
    evolve: {
      Added: ({ count }, { by }) => {
        if (isDrawn({ ...faults, rate: faults.rate / 5 })) throw new Error("evolve throws")
        return { count: count + by }
      }
    },
    reply: {
      Add: ({ count }, { version }) => {
        if (isDrawn({ ...faults, rate: faults.rate / 2 })) throw new Error("reply throws")
        return { count, version }
      }
    }
  })

// ---- the store ------------------------------------------------------------------------------------------------------

const cause = new Error("injected")

const faulty = (real: EventStore["Type"], faults: Faults): EventStore["Type"] => {
  const slow = Effect.suspend(() => Effect.sleep(isDrawn(faults) ? faults.draw() * 400 : 0))
  const read = <A, E>(effect: Effect.Effect<A, E>) =>
    Effect.zipRight(
      slow,
      Effect.suspend(
        (): Effect.Effect<A, E | StoreUnavailable> =>
          isDrawn(faults) ? new StoreUnavailable({ operation: "read", cause }) : effect
      )
    )
  const append: EventStore["Type"]["append"] = (requests) =>
    Effect.suspend(() => {
      const has = (data: string) =>
        requests.some(({ commands }) =>
          commands.some(({ events }) => events.some((event) => event.data.includes(data)))
        )
      if (has(`:${refusedRow}`)) return new StoreUnavailable({ operation: "append", cause })
      if (!isDrawn(faults)) return real.append(requests)
      const fate = faults.draw()
      if (fate < 0.2) {
        // As if another process had been first with something that changed nothing.
        return Effect.forEach(requests, ({ commands, streamId }) =>
          Effect.map(real.head(streamId), (head) => ({
            verdicts: commands.map(() => ({ _tag: "Dropped" }) as const),
            head,
            conflict: new VersionConflict({ streamId, expected: head.version + 1, actual: head.version })
          }))
        )
      }
      if (fate < 0.45) return new StoreUnavailable({ operation: "append", cause })
      if (fate < 0.7) return new OutcomeUnknown({ cause })
      // Nobody waits for it any more, and it is stored all the same.
      return Effect.zipRight(Effect.uninterruptible(real.append(requests)), new OutcomeUnknown({ cause }))
    })
  return {
    ...real,
    append: (requests, place) => Effect.zipRight(slow, append(requests, place)),
    readStream: (streamId, options) => read(real.readStream(streamId, options)),
    head: (streamId) => read(real.head(streamId)),
    lastEntry: (streamId) => read(real.lastEntry(streamId))
  }
}

const stores: Readonly<Record<string, Layer.Layer<EventStore | SnapshotStore, unknown>>> = {
  memory: Layer.merge(EventStoreMemory.layer, SnapshotStoreMemory.layer),
  SQLite: Layer.unwrapScoped(
    Effect.map(temporaryFolder, (folder) => SqliteStore.layer({ filename: join(folder, "fuzz.db") }))
  )
}

// ---- the history ----------------------------------------------------------------------------------------------------

interface Command {
  readonly id: string
  readonly stream: string
  readonly by: number
  readonly kind: (typeof kinds)[number]
}

const history = (draw: Draw, { clock, pass } = VirtualClock.make()) =>
  Effect.gen(function* () {
    const real = yield* EventStore
    const faults: Faults = { draw, rate: 0.12 }
    const limits = {
      shutdownTimeout: Duration.zero,
      idleTimeout: Duration.millis(pick(draw, [50, 5_000])),
      mailboxCapacity: pick(draw, [4, 1_024]),
      maxBatch: pick(draw, [1, 3, 1_024]),
      appendTimeout: Duration.seconds(2),
      recoveryTimeout: Duration.seconds(3)
    }
    const scope = yield* Scope.make()
    const system = Layer.buildWithScope(
      behaviourOf(faults).pipe(
        Layer.provide(Layer.provide(ActorSystemLocal.layer, ActorConfig.layer(limits))),
        Layer.provide(Layer.succeed(EventStore, faulty(real, faults)))
      ),
      scope
    )
    const systems = [Context.get(yield* system, Counter), Context.get(yield* system, Counter)]

    /** What each id was answered, as text: more than one of it is a fault. */
    const answers = new Map<string, Set<string>>()
    const outcomes = new Map<string, number>()
    const ask = (command: Command, on: number) =>
      Effect.gen(function* () {
        const { by, id, kind, stream } = command
        const asked = systems[on]?.(stream).ask("Add", { by, kind }, { commandId: id }) ?? Effect.never
        const exit = yield* Effect.exit(asked)
        const kept = exit._tag === "Success" ? exit.value.outcome : undefined
        const text =
          kept === undefined || (Either.isLeft(kept) && kept.left._tag === "NotNow")
            ? undefined
            : JSON.stringify(Either.merge(kept))
        outcomes.set(
          text === undefined ? "open" : "settled",
          (outcomes.get(text === undefined ? "open" : "settled") ?? 0) + 1
        )
        if (text !== undefined) answers.set(id, (answers.get(id) ?? new Set()).add(text))
        return text !== undefined
      })
    const commands: Array<Command> = []
    let asked = 0
    const client = (command: Command) =>
      Effect.gen(function* () {
        for (let attempt = 0; attempt < (neverSettled.has(command.kind) ? 1 : 4); attempt++) {
          asked++
          if (yield* ask(command, Math.floor(draw() * 2))) return
          yield* Effect.sleep(draw() * 300)
        }
      })
    /** Until it is settled; at most so often, since some never are. */
    const insist = (command: Command, on: number) =>
      Effect.gen(function* () {
        // A mailbox may be full of the others.
        const attempts = neverSettled.has(command.kind) ? 1 : 100
        for (let attempt = 0; attempt < attempts && !(yield* ask(command, on)); attempt++) yield* Effect.sleep(100)
      })
    const fibers: Array<Fiber.RuntimeFiber<unknown, unknown>> = []
    while (asked < asks) {
      const isTwin = commands.length > 0 && draw() < 0.15
      const command: Command = isTwin
        ? pick(draw, commands)
        : {
            id: `c${commands.length}`,
            stream: String(Math.floor(draw() ** 2 * streams)),
            by: 1 + Math.floor(draw() * 9),
            kind: pick(draw, kinds)
          }
      if (!isTwin) commands.push(command)
      const fiber = yield* Effect.forkDaemon(client(command))
      fibers.push(fiber)
      if (draw() < 0.1) yield* Effect.forkDaemon(Effect.delay(Fiber.interruptFork(fiber), draw() * 100))
      if (draw() < 0.3) yield* pass(draw() * 60)
    }
    // The second phase: no faults, and time enough. Each caller is answered now.
    yield* pass(60_000)
    faults.rate = 0
    yield* pass(60_000)
    assert.isTrue(
      fibers.every((fiber) => fiber.unsafePoll() !== null),
      "somebody waits for ever"
    )
    const ended = yield* Deferred.make<void>()
    yield* Effect.forkDaemon(
      Effect.forEach(commands, (command) => Effect.zip(insist(command, 0), insist(command, 1)), {
        concurrency: 32
      }).pipe(Effect.zipRight(Deferred.succeed(ended, undefined)))
    )
    for (let turn = 0; turn < commands.length && !(yield* Deferred.isDone(ended)); turn++) yield* pass(1_000)
    assert.isTrue(yield* Deferred.isDone(ended), "a command has no answer once the faults are over")

    const events = yield* log
    const stored = new Map<string, { readonly version: number; readonly count: number; events: number }>()
    const counts = new Map<string, number>()
    for (const { commandId, data, streamId, version } of events) {
      const count = (counts.get(streamId) ?? 0) + JSON.parse(data).by
      counts.set(streamId, count)
      stored.set(commandId, { version, count, events: (stored.get(commandId)?.events ?? 0) + 1 })
    }
    for (const { id, kind, stream } of commands) {
      const [answer, ...others] = [...(answers.get(id) ?? [])]
      assert.deepStrictEqual(others, [], `${id} was answered ${answer} and otherwise`)
      const found = stored.get(id)
      if (neverSettled.has(kind)) {
        assert.deepStrictEqual([answer, found], [undefined, undefined], `${id}, ${kind}`)
      } else if (kind === "odd" || kind === "nothing") {
        assert.strictEqual(found, undefined, `${id}, ${kind}`)
        assert.isDefined(answer)
      } else {
        assert.strictEqual(found?.events, kind === "add twice" ? 2 : 1, `${id} on ${stream}, ${kind}`)
        assert.deepStrictEqual(JSON.parse(answer ?? "null"), { count: found?.count, version: found?.version }, id)
      }
    }
    for (const each of systems) {
      for (let stream = 0; stream < streams; stream++) {
        const reading = yield* Effect.forkDaemon(each(String(stream)).state)
        yield* pass(10_000)
        const { state } = yield* Fiber.join(reading)
        assert.strictEqual(state.count, counts.get(Counter.streamId(String(stream))) ?? 0)
      }
    }
    yield* Effect.forkDaemon(Scope.close(scope, Exit.void))
    yield* pass(10_000)
    return { asked, commands: commands.length, events: events.length, outcomes: Object.fromEntries(outcomes) }
  }).pipe(Effect.scoped, Effect.withClock(clock), Effect.provide(Logger.remove(Logger.defaultLogger)))

describe("actors on a store that fails", () => {
  for (const [store, layer] of Object.entries(stores)) {
    it(`do each command once, and tell everyone the same: two systems on ${store}`, { timeout: 600_000 }, async () => {
      const name = `fuzz of actors on ${store}`
      console.log(`${name}: DAYBOOK_SEED=${seed}`)
      console.log(name, await Effect.runPromise(Effect.provide(history(sequence(name)), layer)))
    })
  }
})
