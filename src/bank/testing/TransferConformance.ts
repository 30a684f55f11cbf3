/**
 * The promises of transfers, under the numbers of the TR cases: on any store and any actor system. The bank that they
 * run on is in `TransferBank.ts`.
 */
import { deepStrictEqual, strictEqual } from "node:assert"
import { Deferred, Duration, Effect, Exit, Scope } from "effect"
import type { AppendRequest } from "../../core/EventStore.ts"
import { CheckpointStore } from "../../projection/CheckpointStore.ts"
import { GenerationStore } from "../../projection/GenerationStore.ts"
import { wholeLog } from "../../testing/WholeLog.ts"
import { AccountNotFound } from "../account/AccountError.ts"
import { AccountId, TransferId } from "../account/AccountSchemas.ts"
import * as Conservation from "../Conservation.ts"
import { SameAccount } from "../transfer/TransferError.ts"
import * as TransferProcess from "../transfer/TransferProcess.ts"
import * as Transfers from "../transfer/Transfers.ts"
import {
  type Append,
  account,
  assertConserved,
  type Bank,
  balance,
  ended,
  holds,
  open,
  request,
  running,
  status,
  type TransferCase,
  transferred,
  typesOf,
  unavailable,
  unknown,
  until
} from "./TransferBank.ts"

const refusals = (name: string, prepare: Effect.Effect<void, unknown, Bank>, reason: string): TransferCase => ({
  name: `a target that is ${name} is compensated in full (TR3)`,
  run: running(
    {},
    Effect.gen(function* () {
      yield* open("anna", "10")
      yield* prepare
      const found = yield* transferred("t1", "anna", "bert", "4")
      deepStrictEqual([found.status, found.reason], ["refused", reason])
      strictEqual(yield* balance("anna"), 1_000n)
      deepStrictEqual(yield* typesOf("account-anna"), [
        "AccountOpened",
        "Deposited",
        "TransferDebited",
        "TransferRefunded"
      ])
      yield* assertConserved
    })
  )
})

export const TransferConformance: ReadonlyArray<TransferCase> = [
  {
    name: "a transfer takes from one account and gives to the other, under one id (TR1)",
    run: running(
      {},
      Effect.gen(function* () {
        yield* open("anna", "10")
        yield* open("bert")
        deepStrictEqual(yield* transferred("t1", "anna", "bert", "4"), {
          transferId: "t1",
          from: "anna",
          to: "bert",
          amount: "4.00",
          status: "completed"
        })
        deepStrictEqual([yield* balance("anna"), yield* balance("bert")], [600n, 400n])
        const legs = (yield* wholeLog).filter(
          ({ data, streamId }) => streamId.startsWith("account-") && data.includes('"t1"')
        )
        deepStrictEqual(
          legs.map(({ type }) => type),
          ["TransferDebited", "TransferCredited"]
        )
        yield* assertConserved
      })
    )
  },
  {
    name: "a source with too little is refused, and its target learns nothing of it (TR2)",
    run: running(
      {},
      Effect.gen(function* () {
        yield* open("anna", "10")
        yield* open("bert")
        const found = yield* transferred("t1", "anna", "bert", "10.01")
        deepStrictEqual([found.status, found.reason], ["refused", "insufficient-funds"])
        deepStrictEqual(yield* typesOf("account-bert"), ["AccountOpened"])
        deepStrictEqual(yield* typesOf("account-anna"), ["AccountOpened", "Deposited"])
        yield* assertConserved
      })
    )
  },
  refusals("unknown", Effect.void, "target-not-found"),
  refusals(
    "closed",
    Effect.zipRight(
      open("bert"),
      Effect.flatMap(account("bert"), (bert) => bert.Close())
    ),
    "target-closed"
  ),
  refusals("in another currency", open("bert", undefined, "JPY"), "currency-mismatch"),
  {
    name: "what cannot be a transfer leaves no event (TR4)",
    run: running(
      {},
      Effect.gen(function* () {
        yield* open("anna", "10")
        yield* open("bert")
        const before = (yield* wholeLog).length
        strictEqual((yield* Effect.flip(request("t1", "anna", "anna", "1"))) instanceof SameAccount, true)
        strictEqual((yield* Effect.flip(request("t2", "nobody", "bert", "1"))) instanceof AccountNotFound, true)
        for (const amount of ["0", "-1", "1.005", "1000000000000000", "1e3", ""]) {
          strictEqual(Exit.isFailure(yield* Effect.exit(request("t3", "anna", "bert", amount))), true, amount)
        }
        strictEqual((yield* wholeLog).length, before)
      })
    )
  },
  {
    name: "a step whose outcome is not known is asked again, and not compensated blindly (TR9)",
    run: Effect.gen(function* () {
      // Each append that moves money is stored, and its first answer is lost.
      const seen = new Set<string>()
      const append =
        (real: Append): Append =>
        (requests) =>
          Effect.flatMap(real(requests), (result) => {
            const lost = ["TransferDebited", "TransferCredited"].find(
              (type) => holds(type, requests) && !seen.has(type)
            )
            if (lost === undefined) return Effect.succeed(result)
            seen.add(lost)
            return Effect.fail(unknown)
          })
      yield* running(
        { append },
        Effect.gen(function* () {
          yield* open("anna", "10")
          yield* open("bert")
          const found = yield* transferred("t1", "anna", "bert", "4")
          strictEqual(found.status, "completed")
          strictEqual(seen.size, 2)
          deepStrictEqual([yield* balance("anna"), yield* balance("bert")], [600n, 400n])
          yield* assertConserved
        })
      )
    })
  },
  {
    name: "a target that does not answer in time is given up: the money goes back, once, and a late credit is void (TR9)",
    run: Effect.gen(function* () {
      let isDown = true
      const looked = yield* Deferred.make<void>()
      const append =
        (real: Append): Append =>
        (requests) => {
          if (isDown && holds("TransferCredited", requests)) return Effect.fail(unavailable)
          // Not before somebody has looked: the target is given up at once.
          return holds("TransferRefunded", requests)
            ? Effect.zipRight(Deferred.await(looked), real(requests))
            : real(requests)
        }
      yield* running(
        { append, targetTimeout: Duration.zero },
        Effect.gen(function* () {
          yield* open("anna", "10")
          yield* open("bert")
          yield* Effect.fork(Effect.ignore(request("t1", "anna", "bert", "4")))
          yield* until(
            "it is debited",
            Effect.map(typesOf("transfer-t1"), (types) => types.includes("SourceDebited"))
          )
          strictEqual((yield* status("t1")).status, "pending")
          yield* Deferred.succeed(looked, undefined)
          deepStrictEqual((yield* transferred("t1", "anna", "bert", "4")).reason, "target-unavailable")
          isDown = false
          const bert = yield* account("bert")
          const leg = { transferId: TransferId.make("t1"), account: AccountId.make("anna"), currency: "EUR" }
          const settle = { commandId: `\u0001${TransferProcess.name}:transfer-t1:1:0:1` }
          const late = yield* Effect.flip(bert.Credit({ ...leg, amount: "4.00" }, settle))
          strictEqual(late._tag, "CommandIdReused")
          deepStrictEqual([yield* balance("anna"), yield* balance("bert")], [1_000n, 0n])
          yield* assertConserved
        })
      )
    })
  },
  {
    name: "a compensation that fails is tried again, is visible as stuck meanwhile, and loses nothing (TR10)",
    run: Effect.gen(function* () {
      let isDown = true
      const append =
        (real: Append): Append =>
        (requests) =>
          isDown && holds("TransferRefunded", requests) ? Effect.fail(unavailable) : real(requests)
      yield* running(
        { append },
        Effect.gen(function* () {
          const checkpoints = yield* CheckpointStore
          const generations = yield* GenerationStore
          yield* open("anna", "10")
          yield* Effect.fork(Effect.ignore(request("t1", "anna", "nobody", "4")))
          const letters = Effect.gen(function* () {
            const row = yield* generations.find(TransferProcess.name)
            return row._tag === "Some" && row.value.live !== null ? yield* checkpoints.deadLetters(row.value.live) : []
          })
          yield* until(
            "it is stuck",
            Effect.map(letters, (found) => found.length === 1)
          )
          deepStrictEqual(Conservation.check(yield* wholeLog).inFlight, ["t1"])
          const anna = yield* account("anna")
          yield* anna.Withdraw({ amount: "6" })
          strictEqual((yield* Effect.flip(anna.Close()))._tag, "TransferPending")
          isDown = false
          yield* ended("t1")
          strictEqual((yield* status("t1")).reason, "target-not-found")
          strictEqual(yield* balance("anna"), 400n)
          yield* until(
            "it is stuck no more",
            Effect.map(letters, (found) => found.length === 0)
          )
          yield* assertConserved
        })
      )
    })
  },
  {
    name: "64 targets that do not answer hold up no other transfer, and have their money as soon as they do (PM7)",
    run: Effect.gen(function* () {
      const answering = yield* Deferred.make<void>()
      const isSlow = (requests: ReadonlyArray<AppendRequest>) =>
        requests.some(({ streamId }) => streamId.startsWith("account-slow")) && holds("TransferCredited", requests)
      const append =
        (real: Append): Append =>
        (requests) =>
          isSlow(requests) ? Effect.zipRight(Deferred.await(answering), real(requests)) : real(requests)
      yield* running(
        { append, answerTimeout: Duration.seconds(29) },
        Effect.gen(function* () {
          const transfers = yield* Transfers.Transfers
          const slow = Array.from({ length: 64 }, (_, index) => `slow-${index}`)
          const order = (id: string) => ({ from: AccountId.make("anna"), to: AccountId.make(id), amount: "1" })
          const all = { concurrency: 16, discard: true } as const
          yield* open("anna", "100")
          yield* open("bert")
          yield* Effect.forEach(slow, (id) => open(id), all)
          yield* Effect.forEach(
            slow,
            (id) => transfers.request(TransferId.make(id), order(id), { commandId: `request-${id}`, waits: false }),
            all
          )
          const countOf = (type: string) =>
            Effect.map(wholeLog, (events) => events.filter((each) => each.type === type).length)
          yield* until(
            "all are debited",
            Effect.map(countOf("TransferDebited"), (count) => count === slow.length)
          )
          strictEqual((yield* transferred("t1", "anna", "bert", "4")).status, "completed")
          strictEqual(yield* countOf("SourceDebited"), 1, "their targets are still waited for")
          yield* Deferred.succeed(answering, undefined)
          yield* Effect.forEach(slow, ended, { discard: true })
          deepStrictEqual([yield* balance("anna"), yield* balance("bert")], [3_200n, 400n])
          yield* assertConserved
        })
      )
    })
  },
  {
    name: "amounts are exact at their limits: the least unit, the largest amount, and sums beyond both (TR12)",
    run: running(
      {},
      Effect.gen(function* () {
        const largest = "999999999999999.99"
        yield* open("anna", largest)
        yield* open("bert", largest)
        strictEqual((yield* transferred("t1", "anna", "bert", largest)).status, "completed")
        strictEqual((yield* transferred("t2", "bert", "anna", "0.01")).status, "completed")
        deepStrictEqual([yield* balance("anna"), yield* balance("bert")], [1n, 199_999_999_999_999_997n])
        yield* assertConserved
      })
    )
  },
  {
    name: "a process that ends at any append of a transfer leaves one that the next process brings to its end",
    run: Effect.gen(function* () {
      for (const [kind, to, amount] of [
        ["ok", "bert", "1"],
        ["poor", "bert", "1000"],
        ["back", "nobody", "1"]
      ] as const) {
        for (const when of ["before", "after"] as const) {
          for (let step = 0; step < 6; step++) yield* crash(`${kind}-${when}-${step}`, to, amount, when, step)
        }
      }
      yield* assertConserved
    })
  }
]

/** Ends the process at its n-th append from the request on, before or after that is stored, and starts the next one. */
const crash = (transferId: string, to: string, amount: string, when: "before" | "after", step: number) =>
  Effect.gen(function* () {
    let count = -1
    let isDead = false
    const dies = Effect.zipRight(
      Effect.sync(() => {
        isDead = true
      }),
      Effect.never
    )
    const append =
      (real: Append): Append =>
      (requests) =>
        Effect.suspend(() => {
          if (isDead) return Effect.never
          if (count === -1 && !holds("TransferRequested", requests)) return real(requests)
          if (++count !== step) return real(requests)
          return when === "before" ? dies : Effect.zipRight(real(requests), dies)
        })
    const scope = yield* Scope.make()
    const first = running(
      { append, limits: { shutdownTimeout: Duration.zero } },
      Effect.gen(function* () {
        if ((yield* balance("anna")) === 0n) yield* open("anna", "100")
        yield* Effect.ignore(Effect.flatMap(account("bert"), (bert) => bert.Open({ owner: "Bert", currency: "EUR" })))
        yield* Effect.ignore(request(transferId, "anna", to, amount))
        yield* Effect.never
      })
    )
    yield* Effect.forkIn(first, scope)
    const state = Effect.map(
      wholeLog,
      (events) => events.findLast(({ streamId }) => streamId === `transfer-${transferId}`)?.type
    )
    const isOver = Effect.map(state, (type) => /Completed|Refused|Refunded$/.test(type ?? ""))
    yield* until(
      "the process dies",
      Effect.map(isOver, (over) => isDead || over)
    )
    isDead = true
    yield* Effect.fork(Scope.close(scope, Exit.void))
    yield* until("the process is gone", Effect.succeed(true))
    yield* running({}, transferred(transferId, "anna", to, amount))
    deepStrictEqual(Conservation.check(yield* wholeLog).pending, [])
  })
