/**
 * A bank in one process, from a seed: accounts and transfers on a store that fails before and after it has written,
 * with processes that die in the middle and a clock that only the simulation moves. At every prefix of each log money
 * is conserved, and once the faults stop each transfer ends.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Exit, Layer, Logger, Scope } from "effect"
import { Account } from "../../src/bank/account/Account.ts"
import { AccountId, HoldId, TransferId } from "../../src/bank/account/AccountSchemas.ts"
import * as Conservation from "../../src/bank/Conservation.ts"
import * as TransferConfig from "../../src/bank/transfer/TransferConfig.ts"
import * as Transfers from "../../src/bank/transfer/Transfers.ts"
import * as ActorConfig from "../../src/core/ActorConfig.ts"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import type * as Aggregate from "../../src/core/Aggregate.ts"
import { EventStore } from "../../src/core/EventStore.ts"
import * as EventStoreMemory from "../../src/core/EventStoreMemory.ts"
import * as SnapshotStoreMemory from "../../src/core/SnapshotStoreMemory.ts"
import { OutcomeUnknown, StoreUnavailable, VersionConflict } from "../../src/core/StoreError.ts"
import { isLong, seed, sequence } from "../Random.ts"
import * as VirtualClock from "../VirtualClock.ts"
import * as ProjectionStoreFake from "./ProjectionStoreFake.ts"

const histories = isLong ? 5_000 : 100
const accountIds = ["a", "b", "c", "d"].map((id) => AccountId.make(id))
const cause = new Error("injected")
const accountStream = Account.streamId(AccountId.make("a"))

type Draw = () => number
const pick = <A>(draw: Draw, values: ReadonlyArray<A>): A => values[Math.floor(draw() * values.length)] as A

/** A process of the bank over the stores, until its scope closes. */
const start = Effect.fnUntraced(function* (
  stores: Context.Context<Layer.Layer.Success<typeof memory>>,
  faults: Faults
) {
  const real = Context.get(stores, EventStore)
  const append: EventStore["Type"]["append"] = (requests) =>
    Effect.suspend(() => {
      if (faults.isDead) return Effect.never
      const fate = faults.draw() < faults.rate ? faults.draw() : 1
      if (fate < 0.1) {
        // As if another process had been first with something that changed nothing.
        const streamId = requests[0]?.streamId ?? accountStream
        return Effect.map(real.head(streamId), (head) => {
          const { version } = head
          const conflict = new VersionConflict({ streamId, expected: version + 1, actual: version })
          const verdicts = requests[0]?.commands.map(() => ({ _tag: "Dropped" }) as const) ?? []
          return [{ verdicts, head, conflict }]
        })
      }
      if (fate < 0.3) return new StoreUnavailable({ operation: "append", cause })
      if (fate < 0.6) return new OutcomeUnknown({ cause })
      if (fate < 0.9) return Effect.zipRight(real.append(requests), new OutcomeUnknown({ cause }))
      return real.append(requests)
    })
  const bank = Transfers.layer.pipe(
    Layer.provide(Layer.provide(ActorSystemLocal.layer, ActorConfig.layer({ shutdownTimeout: Duration.zero }))),
    Layer.provide(TransferConfig.layer({ targetTimeout: Duration.seconds(5), clientTimeout: Duration.millis(50) })),
    Layer.provide(Layer.succeed(EventStore, { ...real, append })),
    Layer.provide(Layer.succeedContext(stores))
  )
  const scope = yield* Scope.make()
  return { scope, context: yield* Layer.buildWithScope(bank, scope) }
})

interface Faults {
  readonly draw: Draw
  /** How many of a hundred appends fail, by hundredths. */
  rate: number
  isDead: boolean
}

const memory = Layer.mergeAll(EventStoreMemory.layer, SnapshotStoreMemory.layer, ProjectionStoreFake.layer)

/** Types of events that any history came to. */
const seen = new Set<string>()

/** A history has fewer events than a page. */
const log = (store: EventStore["Type"]) => Effect.map(store.readAll(0), ({ events }) => events)

const history = (draw: Draw, { clock, pass } = VirtualClock.make()) =>
  Effect.gen(function* () {
    const stores = yield* Layer.build(memory)
    const store = Context.get(stores, EventStore)
    let faults: Faults = { draw, rate: 0, isDead: false }
    let bank = yield* start(stores, faults)
    const during = <A, E>(effect: Effect.Effect<A, E, Aggregate.Service<"Account"> | Transfers.Transfers>) =>
      Effect.provide(effect as Effect.Effect<A, E, never>, bank.context as never)
    for (const id of accountIds) {
      const isForeign = id === "d" && draw() < 0.3
      yield* during(
        Effect.gen(function* () {
          const account = (yield* Account)(id)
          yield* account.Open({
            owner: id,
            currency: isForeign ? "USD" : "EUR",
            overdraftLimit: pick(draw, ["0", "5"])
          })
          yield* account.Deposit({ amount: "10" })
        })
      )
    }
    faults.rate = pick(draw, [0, 0.05, 0.3])
    const step = (number: number) =>
      Effect.gen(function* () {
        const account = (yield* Account)(pick(draw, accountIds))
        const [from, to] = [pick(draw, accountIds), pick(draw, [...accountIds, AccountId.make("nobody")])]
        const amount = String(1 + Math.floor(draw() * 8))
        const transferId = TransferId.make(`t${number}`)
        const holdId = HoldId.make(pick(draw, ["h1", "h2"]))
        const act = Math.floor(draw() * 10)
        if (act < 5)
          yield* (yield* Transfers.Transfers).request(transferId, { from, to, amount }, { commandId: `r${number}` })
        else if (act === 5) yield* account.Deposit({ amount })
        else if (act === 6) yield* account.Withdraw({ amount })
        else if (act === 7) yield* account.Reserve({ holdId, amount, expiresAt: "1970-01-01T00:00:02Z" })
        else if (act === 8) yield* account.Capture({ holdId })
        else yield* account.Close()
      })
    for (let number = 0; number < 25; number++) {
      yield* Effect.forkDaemon(Effect.ignore(during(step(number))))
      yield* pass(draw() * 200)
      if (draw() < 0.08) {
        faults.isDead = true
        yield* Effect.forkDaemon(Scope.close(bank.scope, Exit.void))
        yield* pass(3_000)
        faults = { draw, rate: faults.rate, isDead: false }
        bank = yield* start(stores, faults)
      }
    }
    // The second phase: no faults, and time enough.
    faults.rate = 0
    for (let turn = 0; turn < 60; turn++) {
      yield* pass(5_000)
      if (Conservation.check(yield* log(store)).pending.length === 0) break
    }
    faults.isDead = true
    yield* Effect.forkDaemon(Scope.close(bank.scope, Exit.void))
    yield* pass(3_000)
    const events = yield* log(store)
    for (const { type } of events) seen.add(type)
    const { inFlight, pending, violation } = Conservation.check(events)
    return { violation, inFlight, pending }
  }).pipe(Effect.scoped, Effect.withClock(clock), Effect.provide(Logger.remove(Logger.defaultLogger)))

describe("a simulated bank", () => {
  it("conserves money in every history, and brings each transfer to its end", { timeout: 600_000 }, async () => {
    const start = performance.now()
    for (let number = 0; number < histories; number++) {
      const name = `simulation ${number}`
      const found = await Effect.runPromise(history(sequence(name)))
      assert.deepStrictEqual(
        found,
        { violation: undefined, inFlight: [], pending: [] },
        `${name}: repeat it with DAYBOOK_SEED=${seed}`
      )
    }
    const perMinute = Math.round(histories / ((performance.now() - start) / 60_000))
    console.log(`simulation: DAYBOOK_SEED=${seed}, ${histories} histories, ${perMinute} a minute`)
    const ends = ["TransferCompleted", "TransferRefused", "SourceRefunded", "HoldCaptured", "HoldExpired"]
    assert.includeMembers([...seen], ends, "the histories come to every end")
  })
})
