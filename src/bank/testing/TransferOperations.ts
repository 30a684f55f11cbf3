/**
 * What operators may have a transfer do that is stuck (RD7): given up, taken up, and both at once. Money is exact in
 * every order, and each step is an entry of the journal.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { Duration, Effect, Either, Layer } from "effect"
import type * as Aggregate from "../../core/Aggregate.ts"
import { EventStore } from "../../core/EventStore.ts"
import * as Operation from "../../core/Operation.ts"
import * as ProjectionConfig from "../../projection/ProjectionConfig.ts"
import { Projections } from "../../projection/Projections.ts"
import * as ProjectionsLocal from "../../projection/ProjectionsLocal.ts"
import { SystemUnderTest } from "../../testing/SystemUnderTest.ts"
import { Account } from "../account/Account.ts"
import { AccountId, TransferId } from "../account/AccountSchemas.ts"
import * as TransferConfig from "../transfer/TransferConfig.ts"
import * as TransferProcess from "../transfer/TransferProcess.ts"
import * as Transfers from "../transfer/Transfers.ts"
import { assertConserved, type TransferCase, unavailable } from "./TransferBank.ts"

const [anna, bert] = [AccountId.make("anna"), AccountId.make("bert")]
const rent = TransferId.make("rent")
const stream = "transfer-rent"

const soon = {
  minBackoff: Duration.millis(1),
  maxBackoff: Duration.millis(5),
  pollInterval: Duration.millis(10),
  maxAttempts: 2
}

type Bank = Transfers.Transfers | Projections | EventStore | Aggregate.Service<"Account">

/**
 * A transfer of 35 that is stuck, since the accounts in `broken` take nothing; then the program, until nothing is under
 * way.
 */
const stuck = (program: (broken: Set<string>) => Effect.Effect<void, unknown, Bank>): TransferCase["run"] =>
  Effect.gen(function* () {
    const { layer } = yield* SystemUnderTest
    const store = yield* EventStore
    const broken = new Set<string>()
    const faulty = EventStore.of({
      ...store,
      append: (requests, place) =>
        requests.some(({ commands, streamId }) => broken.has(streamId) && commands.length > 0)
          ? Effect.fail(unavailable)
          : store.append(requests, place)
    })
    const bank = Layer.merge(Transfers.layer, ProjectionsLocal.layerObserver([], [TransferProcess.reaction])).pipe(
      Layer.provideMerge(layer({ minBackoff: Duration.zero })),
      Layer.provide(ProjectionConfig.layer(soon)),
      Layer.provide(TransferConfig.layer({ clientTimeout: Duration.zero, lookInterval: Duration.millis(10) })),
      Layer.provideMerge(Layer.succeed(EventStore, faulty))
    )
    yield* Effect.gen(function* () {
      const accounts = yield* Account
      for (const id of [anna, bert]) yield* accounts(id).Open({ owner: "Anna", currency: "EUR" })
      yield* accounts(anna).Deposit({ amount: "100" })
      broken.add("account-bert")
      const transfers = yield* Transfers.Transfers
      yield* transfers.request(rent, { from: anna, to: bert, amount: "35" }, { commandId: "request" })
      yield* until((status) => status.deadLetters.length === 1)
      yield* program(broken)
      yield* until((status) => status.deadLetters.length === 0)
    }).pipe(Effect.provide(bank))
    yield* assertConserved
  })

const until = (isSo: (status: Effect.Effect.Success<ReturnType<Projections["Type"]["status"]>>) => boolean) =>
  Effect.flatMap(Projections, (projections) =>
    Effect.repeat(Effect.delay(projections.status(TransferProcess.name), "2 millis"), { until: isSo })
  ).pipe(Effect.timeout("1 minute"))

const balances = Effect.gen(function* () {
  const accounts = yield* Account
  return yield* Effect.forEach([anna, bert], (id) => Effect.map(accounts(id).state, ({ state }) => state.balance))
})
const outcome = Effect.flatMap(Transfers.Transfers, (transfers) =>
  Effect.map(transfers.get(rent), ({ transfer }) => [transfer.status, transfer.reason])
)
const verbs = Effect.map(Operation.page(0, 100), ({ operations }) =>
  operations.flatMap(({ name, principal }) => (name === "reactions.register" ? [] : [`${name} ${principal}`]))
)
const by = (principal: string) => ({ principal, reason: "bert's account is damaged" })

export const TransferOperations: ReadonlyArray<TransferCase> = [
  {
    name: "a transfer that is abandoned is refunded, and taken up afterwards stays so (RD7)",
    run: stuck((broken) =>
      Effect.gen(function* () {
        const asked = yield* Projections
        const { undone } = yield* asked.abandoning(TransferProcess.name, stream)
        ok(undone.includes("account bert does not get its money") && undone.includes("goes back"), undone)
        yield* asked.abandon(TransferProcess.name, stream, by("anna"))
        yield* until(({ abandoned, deadLetters }) => deadLetters.length === 0 && abandoned[0]?.ended === true)
        strictEqual((yield* asked.status(TransferProcess.name)).abandoned[0]?.undone, null)
        deepStrictEqual(
          [yield* balances, yield* outcome],
          [
            [10_000n, 0n],
            ["refused", "target-unavailable"]
          ]
        )
        broken.clear()
        yield* asked.takeUp(TransferProcess.name, stream, by("bert"))
        yield* until(({ abandoned, deadLetters }) => abandoned.length === 0 && deadLetters.length === 0)
        deepStrictEqual(
          [yield* balances, yield* outcome],
          [
            [10_000n, 0n],
            ["refused", "target-unavailable"]
          ]
        )
        deepStrictEqual(yield* verbs, ["reactions.abandon anna", "reactions.take-up bert"])
      })
    )
  },
  {
    name: "a transfer that is abandoned and taken up before its refund is completed (RD7)",
    run: stuck((broken) =>
      Effect.gen(function* () {
        const asked = yield* Projections
        // Nothing can be given back either.
        broken.add("account-anna")
        yield* asked.abandon(TransferProcess.name, stream, by("anna"))
        const { deadLetters } = yield* until((status) => (status.deadLetters[0]?.attempts ?? 0) > 3)
        deepStrictEqual([deadLetters.length, yield* outcome], [1, ["pending", undefined]])
        yield* asked.takeUp(TransferProcess.name, stream, by("bert"))
        broken.clear()
        yield* until((status) => status.deadLetters.length === 0)
        deepStrictEqual(
          [yield* balances, yield* outcome],
          [
            [6_500n, 3_500n],
            ["completed", undefined]
          ]
        )
        deepStrictEqual(yield* verbs, ["reactions.abandon anna", "reactions.take-up bert"])
      })
    )
  },
  {
    name: "two operators who abandon, take up and retry at once leave the money in one place (RD7)",
    run: stuck((broken) =>
      Effect.gen(function* () {
        const asked = yield* Projections
        const operators = Array.from({ length: 12 }, (_, index) => (index % 2 === 0 ? "anna" : "bert"))
        let done = 0
        const act = (principal: string) =>
          Effect.gen(function* () {
            const asking: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
              asked.abandon(TransferProcess.name, stream, by(principal)),
              asked.takeUp(TransferProcess.name, stream, by(principal)),
              asked.retry(TransferProcess.name, stream, by(principal))
            ]
            for (const one of asking) if (Either.isRight(yield* Effect.either(one))) done++
          })
        yield* Effect.forEach(operators, act, { concurrency: 2, discard: true })
        broken.clear()
        yield* until((status) => status.deadLetters.length === 0)
        const [of, to] = yield* balances
        ok((of === 10_000n && to === 0n) || (of === 6_500n && to === 3_500n), `${of} and ${to}`)
        strictEqual((yield* verbs).length, done)
      })
    )
  }
]
