/**
 * The commands of databases that earlier releases wrote: each that can be told from what it did is sent again, as it was then,
 * and gets its first answer (CV9). What was sent is tried in each way in which it may have been said: one must be known.
 */
import { copyFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Layer, Option } from "effect"
import { Account } from "../../src/bank/account/Account.ts"
import { DebitRefused } from "../../src/bank/account/AccountError.ts"
import { AccountId, TransferId } from "../../src/bank/account/AccountSchemas.ts"
import * as HoldProcess from "../../src/bank/account/HoldProcess.ts"
import { application } from "../../src/bank/Bank.ts"
import * as Conservation from "../../src/bank/Conservation.ts"
import { Transfer } from "../../src/bank/transfer/Transfer.ts"
import * as Transfers from "../../src/bank/transfer/Transfers.ts"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import type { Reply } from "../../src/core/Aggregate.ts"
import { EventStore } from "../../src/core/EventStore.ts"
import * as Operation from "../../src/core/Operation.ts"
import * as PendingTimers from "../../src/projection/PendingTimers.ts"
import { Projections } from "../../src/projection/Projections.ts"
import * as ProjectionsLocal from "../../src/projection/ProjectionsLocal.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import * as Cli from "../cli/Cli.ts"
import { Database } from "../cli/Rows.ts"
import * as Service from "../http/Service.ts"

interface Command {
  readonly command_id: string
  readonly stream_id: string
  readonly outcome: "success" | "refusal"
  readonly answer: string
}
interface Stored {
  readonly type: string
  readonly data: Readonly<Record<string, string>>
}
/** A command as it may have been sent. */
interface Sent {
  readonly command: string
  readonly payload: unknown
}

/** An amount as it may have been written. */
const amounts = (text: string) => [text, text.replace(/\.?0+$/, ""), text.replace(/0$/, "")]

/** The events say all that their command said, except what it may have left out. */
const sentOf = (events: ReadonlyArray<Stored>): ReadonlyArray<Sent> => {
  const of = (type: string) => events.find((event) => event.type === type)?.data
  const opened = of("AccountOpened")
  if (opened !== undefined) {
    const { currency, overdraftLimit = "0", owner } = opened
    const said = amounts(overdraftLimit).map((text) => ({ owner, currency, overdraftLimit: text }))
    return [{ owner, currency }, ...said].map((payload) => ({ command: "Open", payload }))
  }
  const captured = of("HoldCaptured")
  if (captured !== undefined) {
    const said = amounts(of("Withdrawn")?.amount ?? "").map((amount) => ({ ...captured, amount }))
    return [captured, ...said].map((payload) => ({ command: "Capture", payload }))
  }
  for (const [type, command] of [
    ["Deposited", "Deposit"],
    ["Withdrawn", "Withdraw"],
    ["HoldPlaced", "Reserve"],
    ["TransferRequested", "Request"]
  ] as const) {
    const data = of(type)
    if (data === undefined) continue
    const { transferId: _, ...payload } = data
    return amounts(data.amount ?? "").map((amount) => ({ command, payload: { ...payload, amount } }))
  }
  const released = of("HoldReleased")
  if (released !== undefined) return [{ command: "Release", payload: released }]
  return of("AccountClosed") === undefined ? [] : [{ command: "Close", payload: undefined }]
}

/** For a derived id, whatever comes under it is the command. */
const derivedOf = ({ stream_id }: Command): Sent =>
  stream_id.startsWith("transfer-")
    ? { command: "RequestRefund", payload: { reason: "target-closed" } }
    : { command: "Debit", payload: { transferId: "any", account: "any", currency: "EUR", amount: "1" } }

const read = (file: string) => {
  const database = new Database(file, { readonly: true })
  const commands = database.prepare("SELECT * FROM commands").all() as ReadonlyArray<Command>
  const events = (command: Command): ReadonlyArray<Stored> =>
    (
      database
        .prepare("SELECT type, data FROM events WHERE command_id = ? ORDER BY position")
        .all(command.command_id) as ReadonlyArray<{ readonly type: string; readonly data: string }>
    ).map(({ data, type }) => ({ type, data: JSON.parse(data) }))
  const found = commands.map((command) => ({ command, events: events(command) }))
  database.close()
  return found
}

const layer = (filename: string) =>
  Transfers.layer.pipe(
    Layer.provide(ActorSystemLocal.layer),
    Layer.provideMerge(ProjectionsLocal.layer([])),
    Layer.provideMerge(SqliteStore.layer({ filename }))
  )

const fixture = (name: string) =>
  Effect.map(Cli.folder, (folder) => {
    const filename = join(folder, name)
    copyFileSync(join(import.meta.dirname, "../fixtures/databases", name), filename)
    return filename
  })

const ask = ({ command_id: commandId, stream_id: stream }: Command, { command, payload }: Sent) =>
  Effect.gen(function* () {
    const id = stream.slice(stream.indexOf("-") + 1)
    const asked = stream.startsWith("transfer-")
      ? (yield* Transfer)(id as never).ask(command as never, payload as never, { commandId })
      : (yield* Account)(AccountId.make(id)).ask(command as never, payload as never, { commandId })
    return yield* Effect.option(asked as Effect.Effect<Reply<object, object>, unknown>)
  })

describe("what operators did under an earlier release", () => {
  it.scopedLive("is listed, holds, and a transfer that was being given up is refunded (RD7)", () =>
    Effect.gen(function* () {
      const filename = yield* fixture("0011-operators.db")
      const found = yield* Effect.gen(function* () {
        const { operations } = yield* Operation.page(0, 100)
        const asked = yield* Projections
        const status = yield* Effect.repeat(Effect.delay(asked.status("transfers"), "5 millis"), {
          until: ({ abandoned, deadLetters }) => deadLetters.length === 0 && abandoned.every(({ ended }) => ended)
        })
        const balances = yield* Effect.forEach(["anna", "bert"], (id) =>
          Effect.flatMap(Account, (accounts) =>
            Effect.map(accounts(AccountId.make(id)).state, ({ state }) => state.balance)
          )
        )
        const { skipped } = yield* asked.status("account_summary")
        return { operations: operations.map(({ name, principal }) => [name, principal]), status, balances, skipped }
      }).pipe(Effect.provide(layer(filename)))
      assert.deepStrictEqual(found.operations, [
        ["reactions.register", null],
        ["projections.pause", "anna"],
        ["projections.skip", "anna"],
        ["projections.resume", "bert"],
        ["reactions.abandon", "anna"],
        ["reactions.abandon", "bert"]
      ])
      assert.deepStrictEqual(found.balances, [10_000n, 0n])
      assert.deepStrictEqual(
        found.status.abandoned.map(({ principal, undone }) => [principal, undone]),
        [
          ["anna", null],
          ["bert", null]
        ]
      )
      assert.deepStrictEqual(
        found.skipped.map(({ reason, streamId, version }) => [streamId, version, reason]),
        [["account-carl", 2, "the row was imported twice"]]
      )
    })
  )
})

describe("refusals since transfers under way are bounded", () => {
  it.scopedLive("0013-debit-refusals.db: a transfer that comes again gets the refusal that its source kept (CV9)", () =>
    Effect.gen(function* () {
      const filename = yield* fixture("0013-debit-refusals.db")
      const refusals = yield* Effect.gen(function* () {
        const anna = (yield* Account)(AccountId.make("anna"))
        const leg = {
          transferId: TransferId.make("t2"),
          account: AccountId.make("bert"),
          currency: "EUR",
          amount: "500.00"
        }
        const debit = yield* anna.ask("Debit", leg, { commandId: "\u0001transfers:transfer-t2:1:0:0" })
        const refuse = yield* (yield* Transfer)(leg.transferId).ask(
          "Refuse",
          { reason: "insufficient-funds" },
          { commandId: "\u0001transfers:transfer-t2:1:0:4" }
        )
        return { debit, refuse }
      }).pipe(Effect.provide(layer(filename)))
      assert.isTrue(refusals.debit.replayed)
      const refused = new DebitRefused({ accountId: "anna", reason: "insufficient-funds" })
      assert.deepStrictEqual(refusals.debit.outcome, Either.left(refused))
      assert.isTrue(refusals.refuse.replayed)
      assert.isTrue(Either.isRight(refusals.refuse.outcome))
    })
  )
})

describe("timers of the bank", () => {
  it.scopedLive(
    "0014-timers.db: a transfer whose target was down is ended, and a hold that waits keeps its timer",
    () =>
      Effect.gen(function* () {
        const filename = yield* fixture("0014-timers.db")
        const store = SqliteStore.layer({ filename })
        const bank = Layer.merge(
          application.layer,
          ProjectionsLocal.layer(application.projections, application.reactions)
        ).pipe(Layer.provide(ActorSystemLocal.layer))
        const found = yield* Effect.gen(function* () {
          const { lastPosition, readAll } = yield* EventStore
          const log = Effect.map(readAll(0), ({ events }) => events)
          // By now its timeout is over: the timer fires, and the target is asked again before anything is given back.
          const isOver = Effect.map(log, (events) => events.some(({ type }) => type === "TransferCompleted"))
          yield* Effect.repeat(Effect.delay(isOver, "5 millis"), { until: (over) => over })
          const { awaitPosition } = yield* Projections
          for (const name of [HoldProcess.name, PendingTimers.projection.name]) {
            yield* awaitPosition(name, yield* lastPosition, "100 seconds")
          }
          const waiting = yield* PendingTimers.list({ after: null, limit: 10 })
          const { state } = yield* (yield* Account)(AccountId.make("anna")).state
          return { events: yield* log, holds: state.holds.map(({ holdId }) => holdId), waiting }
        }).pipe(Effect.provide(Layer.provideMerge(bank, store)))
        const { inFlight, pending, violation } = Conservation.check(found.events)
        assert.deepStrictEqual(
          { violation, inFlight, pending },
          {
            violation: undefined,
            inFlight: [],
            pending: []
          }
        )
        assert.deepStrictEqual(found.holds, ["waiting"])
        const ofHolds = found.waiting.filter(({ command }) => command === "ExpireHold")
        assert.deepStrictEqual(
          ofHolds.map(({ key }) => key),
          [HoldProcess.timerOf(AccountId.make("anna"), "waiting")]
        )
        const scheduled = found.events.filter(({ type }) => type === "TimerScheduled")
        assert.strictEqual(scheduled.length, 4, "nothing is scheduled again")
      })
  )
})

/** How many commands of each that was sent in the process can be told, and what of the others is left. */
const databases = { "0001-accounts.db": [118, 1], "0002-read-side.db": [64, 0], "0003-transfers.db": [293, 0] } as const

describe("databases of earlier releases", () => {
  it.scopedLive.each(Object.entries(databases))(
    "%s: each command that comes again gets its answer (CV9)",
    ([name, [known, untold]]) =>
      Effect.gen(function* () {
        const filename = yield* fixture(name)
        const stored = read(filename)
        yield* Effect.gen(function* () {
          let replayed = 0
          const left: Array<string> = []
          for (const { command, events } of stored) {
            const isDerived = command.command_id.startsWith("\u0001")
            const refused = JSON.parse(command.answer)
            const tries = isDerived
              ? [derivedOf(command)]
              : refused._tag === "InsufficientFunds"
                ? amounts(refused.requested).map((amount) => ({ command: "Withdraw", payload: { amount } }))
                : sentOf(events)
            const answers = yield* Effect.forEach(tries, (sent) => ask(command, sent))
            const reply = Option.getOrUndefined(Option.firstSomeOf(answers))
            if (reply === undefined) {
              left.push(command.command_id)
              continue
            }
            assert.isTrue(reply.replayed, command.command_id)
            assert.strictEqual(Either.isRight(reply.outcome), command.outcome === "success", command.command_id)
            const value = Either.merge(reply.outcome)
            assert.deepInclude({ ...value }, refused, command.command_id)
            replayed++
          }
          assert.deepStrictEqual([replayed, left.length], [known, untold], left.join(", "))
        }).pipe(Effect.provide(layer(filename)))
      })
  )

  it.scopedLive("0005-service.db: each request that comes again gets its answer (CV9)", () =>
    Effect.gen(function* () {
      const filename = yield* fixture("0005-service.db")
      const stored = new Map(read(filename).map(({ command }) => [command.command_id, command]))
      /** What was requested, from what the log says of it. */
      const requests: Readonly<Record<string, readonly [path: string, ...bodies: ReadonlyArray<object>]>> = {
        k1: [
          "/accounts",
          { accountId: "anna", owner: "Anna Liddell", currency: "EUR", overdraftLimit: "50.00" },
          { accountId: "anna", owner: "Anna Liddell", currency: "EUR", overdraftLimit: "50" }
        ],
        k2: ["/accounts", { accountId: "bert", owner: "Bert", currency: "EUR" }],
        k3: ["/accounts", { owner: "Věra", currency: "JPY" }],
        k4: [
          "/accounts/anna/deposits",
          { amount: "12.50", reference: "first", bookedOn: "2026-01-31" },
          { amount: "12.5", reference: "first", bookedOn: "2026-01-31" }
        ],
        k5: ["/accounts/bert/withdrawals", { amount: "1.00" }, { amount: "1" }],
        k6: ["/transfers", ...["5.00", "5"].map((amount) => ({ transferId: "t1", from: "anna", to: "bert", amount }))],
        k7: [
          "/transfers",
          ...["500.00", "500"].map((amount) => ({
            transferId: "t2",
            from: "bert",
            to: "anna",
            amount
          }))
        ],
        k8: ["/accounts/anna/holds", { holdId: "h1", amount: "2.00" }, { holdId: "h1", amount: "2" }],
        k9: ["/accounts/anna/holds/h1/capture", { amount: "1.50" }, { amount: "1.5" }],
        k10: [
          "/transfers",
          ...["1.00", "1"].map((amount) => ({ transferId: "t3", from: "anna", to: "nobody", amount }))
        ]
      }
      yield* Effect.gen(function* () {
        const url = yield* Service.Url
        for (const [key, [path, ...bodies]] of Object.entries(requests)) {
          const answers = yield* Effect.forEach(bodies, (body) => Service.ask(`${url}${path}`, { body, key }))
          const again = answers.filter(({ headers }) => headers.get("idempotency-replayed") === "true")
          assert.strictEqual(again.length, 1, `${key}: ${answers.map(({ text }) => text).join("\n")}`)
          const { answer = "{}", outcome } = stored.get(key) ?? {}
          const expected = JSON.parse(answer)
          if (path !== "/transfers" && outcome === "success") assert.deepInclude(again[0]?.json, expected, key)
          else assert.isTrue(path === "/transfers" || again[0]?.status === 409, key)
        }
      }).pipe(Effect.provide(Service.layer({ filename })))
    })
  )
})
