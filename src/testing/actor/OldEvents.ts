/**
 * The promises to old events as cases: every reader, from every store, sees what they are today. Run each with
 * fresh, empty stores; consumers that come later add themselves to `consumers`.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { Chunk, Effect, Either, Layer, Stream } from "effect"
import { appendOrFail, EventStore } from "../../core/EventStore.ts"
import * as Replay from "../../core/Replay.ts"
import { SnapshotStore } from "../../core/SnapshotStore.ts"
import { StreamId } from "../../core/StreamId.ts"
import { AgedAccount, behaviour } from "../AgedAccount.ts"
import type { Case } from "../Conformance.ts"
import { proposed } from "../ProposedCommand.ts"
import { SystemUnderTest } from "../SystemUnderTest.ts"

type Stored = readonly [type: string, schemaVersion: number, data: string]

const definition = AgedAccount.define(behaviour)
const streamId = StreamId.make("agedAccount-a")
let commandNumber = 0

/** Stores rows as an earlier or a later release would have. */
const store = (...rows: ReadonlyArray<Stored>) =>
  Effect.flatMap(EventStore, (events) => {
    const command = proposed(`old-${++commandNumber}`, {
      events: rows.map(([type, schemaVersion, data]) => ({ type, schemaVersion, data }))
    })
    return appendOrFail(events, [{ streamId, expectedVersion: "any", commands: [command] }])
  })
/** Runs with a system of its own, so that nothing is remembered. */
const running = <A>(
  program: Effect.Effect<A, unknown, Effect.Effect.Context<typeof AgedAccount> | EventStore | SnapshotStore>
) =>
  Effect.gen(function* () {
    const { layer } = yield* SystemUnderTest
    const stores = Layer.merge(
      Layer.succeed(EventStore, yield* EventStore),
      Layer.succeed(SnapshotStore, yield* SnapshotStore)
    )
    const account = AgedAccount.toLayer(behaviour).pipe(
      Layer.provide(layer({ snapshotEvery: 2 })),
      Layer.provide(stores)
    )
    return yield* Effect.provide(program, account)
  })
const ref = Effect.map(AgedAccount, (accounts) => accounts("a"))

/** Every way to read a stream, as the balance that it gives. */
const consumers = {
  actor: Effect.map(
    Effect.flatMap(ref, (account) => account.state),
    ({ state }) => state.balance
  ),
  replay: Effect.gen(function* () {
    const events = yield* EventStore
    const { state } = yield* Replay.catchUp(events, definition, streamId, Replay.initial(definition))
    return state.balance
  }),
  "snapshot and tail": Effect.gen(function* () {
    const { committed } = yield* Replay.recover(yield* EventStore, yield* SnapshotStore, definition, streamId)
    return committed.state.balance
  }),
  changes: Effect.gen(function* () {
    const account = yield* ref
    const { version: head } = yield* Effect.flatMap(EventStore, (events) => events.head(streamId))
    const steps = yield* Stream.runCollect(Stream.take(account.changes(), head))
    const events = Chunk.toReadonlyArray(steps).flatMap((step) => step.events)
    return events.reduce((state, event) => definition.evolve(state, event), definition.initial).balance
  })
}
const everyConsumer = (balance: bigint) =>
  Effect.gen(function* () {
    for (const [name, read] of Object.entries(consumers)) strictEqual(yield* running(read), balance, name)
  })
const raw = Effect.map(
  Effect.flatMap(EventStore, (events) => events.readStream(streamId)),
  ({ events }) => events
)

export const OldEvents: ReadonlyArray<Case<EventStore | SnapshotStore | SystemUnderTest>> = [
  {
    name: "every consumer reads a chain of versions in order, and the current one as it is (UP1 UP2)",
    run: Effect.gen(function* () {
      yield* store(["Deposited", 1, '{"amount":12.5}'], ["Deposited", 2, '{"amount":"50"}'])
      yield* store(
        ["Deposited", 3, '{"amount":"1","reference":"rent"}'],
        ["Debited", 1, '{"amount":"2","reference":null}']
      )
      yield* everyConsumer(1_299n)
    })
  },
  {
    name: "reading changes no stored byte (UP3)",
    run: Effect.gen(function* () {
      yield* store(["Deposited", 1, '{ "amount" : 12.50 }'], ["StatementPrinted", 1, '{"page":1}'])
      const before = yield* raw
      yield* everyConsumer(1_250n)
      deepStrictEqual(yield* raw, before)
      strictEqual((yield* raw)[0]?.data, '{ "amount" : 12.50 }')
    })
  },
  {
    name: "a future version stops every consumer with FutureVersion, and nothing is written over it (UP5)",
    run: Effect.gen(function* () {
      yield* store(["Deposited", 3, '{"amount":"1","reference":null}'], ["Deposited", 9, '{"total":"1"}'])
      for (const [name, read] of Object.entries(consumers)) {
        const error = yield* Effect.flip(running(read))
        ok(/agedAccount-a version 2 .*newer code/.test(String((error as Error).message)), name)
      }
      const error = yield* running(Effect.flip(Effect.flatMap(ref, (account) => account.Deposit({ amount: 1n }))))
      strictEqual(error._tag, "RecoveryFailed")
      strictEqual((yield* raw).length, 2)
    })
  },
  {
    name: "one event that became several, or none, keeps its place and order, and the versions go on after it (UP6)",
    run: Effect.gen(function* () {
      yield* store(
        ["BankRow", 1, '{"code":"PRIJEM","amount":10000,"symbol":""}'],
        ["StatementPrinted", 1, '{"page":1}']
      )
      yield* store(["BankRow", 1, '{"code":"VYBER","amount":1000,"symbol":" ","fee":30}'])
      yield* everyConsumer(8_970n)
      yield* running(Effect.flatMap(ref, (account) => account.Deposit({ amount: 5n })))
      yield* everyConsumer(8_975n)
      deepStrictEqual(
        (yield* raw).map(({ version }) => version),
        [1, 2, 3, 4]
      )
      const steps = yield* running(
        Effect.flatMap(ref, (account) => Stream.runCollect(Stream.take(account.changes(), 4)))
      )
      deepStrictEqual(
        Chunk.toReadonlyArray(steps).map(({ events, stored }) => [stored.version, events.map(({ _tag }) => _tag)]),
        [
          [1, ["Deposited"]],
          [2, []],
          [3, ["Withdrawn", "FeeTaken"]],
          [4, ["Deposited"]]
        ]
      )
    })
  },
  {
    name: "what cannot be read is a typed error that names stream, version and type, and other streams are fine (UP7 UP8 UP9)",
    run: Effect.gen(function* () {
      const table: ReadonlyArray<readonly [Stored, RegExp]> = [
        [["Frozen", 1, "{}"], /version 1 .*Frozen v1 is not an event of this aggregate/],
        [["Deposited", 3, '{"amount":"1"'], /version 1 .*Deposited v3 cannot be decoded/],
        [["Deposited", 3, '{"amount":true,"reference":null}'], /version 1 .*Deposited v3 cannot be decoded at amount/],
        // An amount that is none is not upcast to one.
        [["Deposited", 1, '{"amount":null}'], /version 1 .*Deposited v1 cannot be decoded at amount/],
        [["BankRow", 1, '{"code":"VKLAD","amount":1,"symbol":""}'], /version 1 .*BankRow v1 cannot be decoded at code/],
        // As JSON this is a number, beyond all that a bigint can be made of.
        [["Deposited", 1, '{"amount":1e999}'], /version 1 .*the upcaster from version 1 to 2 threw RangeError/]
      ]
      const events = yield* EventStore
      for (const [[type, schemaVersion, data], says] of table) {
        const before = yield* events.lastPosition
        yield* store([type, schemaVersion, data])
        const [found] = (yield* events.readAll(before)).events
        ok(found !== undefined)
        const error = Either.getOrThrow(Either.flip(AgedAccount.codec.decode({ ...found, version: 1 })))
        ok(says.test(error.message), error.message)
      }
      const actor = yield* running(Effect.flip(Effect.flatMap(ref, (account) => account.state)))
      ok(actor._tag === "RecoveryFailed" && /Frozen/.test(actor.message))
      const other = Effect.flatMap(AgedAccount, (accounts) => accounts("b").Deposit({ amount: 1n }))
      strictEqual((yield* running(other)).balance, 1n)
    })
  },
  {
    name: "an upcaster sees the metadata, and gives the same each time (UP10)",
    run: Effect.gen(function* () {
      yield* store(["Opened", 1, '{"owner":"Jana"}'])
      const [opened] = yield* raw
      for (let round = 0; round < 2; round++) {
        const { state } = yield* running(Effect.flatMap(ref, (account) => account.state))
        strictEqual(state.openedAt, opened?.recordedAt)
      }
    })
  },
  {
    name: "a stream that mixes versions at random gives the state of one written today, with snapshots and without (UP11 SS12)",
    run: Effect.gen(function* () {
      // The same deposits in every form that they ever had, in an order that no version has to itself.
      const forms = [
        (amount: number): Stored => ["Deposited", 1, JSON.stringify({ amount: amount / 100 })],
        (amount: number): Stored => ["Deposited", 2, JSON.stringify({ amount: String(amount) })],
        (amount: number): Stored => ["Deposited", 3, JSON.stringify({ amount: String(amount), reference: null })],
        (amount: number): Stored => ["BankRow", 1, JSON.stringify({ code: "PRIJEM", amount, symbol: " " })]
      ]
      let expected = 0n
      for (let index = 0; index < 60; index++) {
        const amount = (index * 7_919) % 10_007
        expected += BigInt(amount)
        yield* store(forms[(index * 31 + (index >> 2)) % forms.length]?.(amount) ?? ["", 0, ""])
        if (index % 20 === 0) yield* everyConsumer(expected)
      }
      yield* running(Effect.flatMap(ref, (account) => account.Deposit({ amount: 1n })))
      yield* everyConsumer(expected + 1n)
    })
  }
]
