/** Statements of accounts: they chain, add up, and say the same over HTTP and on the command line. */
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, TestClock } from "effect"
import { Account } from "../../src/bank/account/Account.ts"
import * as AccountBehaviour from "../../src/bank/account/AccountBehaviour.ts"
import { AccountId, HoldId } from "../../src/bank/account/AccountSchemas.ts"
import * as Statement from "../../src/bank/account/Statement.ts"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import { EventStore } from "../../src/core/EventStore.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import { importBerka } from "../cli/Berka.ts"
import * as Cli from "../cli/Cli.ts"
import { isLong } from "../Random.ts"

const minor = (text: string): bigint => BigInt(text.replace(".", ""))

/** First and last days of the months of the data. */
const months = Array.from({ length: 15 }, (_, index) => {
  const first = new Date(Date.UTC(1993, index, 1))
  const last = new Date(Date.UTC(1993, index + 1, 0))
  return [first, last].map((day) => day.toISOString().slice(0, 10)) as [string, string]
})

const step = isLong ? 1 : 20

const accounts = AccountBehaviour.layer.pipe(
  Layer.provideMerge(ActorSystemLocal.layer),
  Layer.provide(Logger.remove(Logger.defaultLogger))
)

/** An account with a booking for a day long past, and holds. */
const write = Effect.gen(function* () {
  const anna = (yield* Account)(AccountId.make("anna"))
  yield* anna.Open({ owner: 'Anna "A"', currency: "EUR" })
  const book = (amount: string, bookedOn: string, reference: string) => anna.Deposit({ amount, bookedOn, reference })
  yield* book("100", "2026-02-10", "wages, part 1")
  yield* book("5", "2026-01-15", "=late")
  yield* anna.Withdraw({ amount: "30.50", bookedOn: "2026-02-11" })
  yield* book("1", "2026-03-01", "next")
  yield* anna.Reserve({ amount: "7", holdId: HoldId.make("kept") })
  yield* anna.Reserve({ amount: "2", holdId: HoldId.make("gone") })
  yield* anna.Release({ holdId: HoldId.make("gone") })
}).pipe(Effect.provide(accounts))

describe("the statements of real accounts", () => {
  it.scopedLive(
    "of all months chain from 0 to the balance, and the lines of each add up to its closing balance",
    () =>
      Effect.gen(function* () {
        const filename = join(yield* Cli.folder, "berka.db")
        yield* importBerka(filename)
        yield* Effect.gen(function* () {
          const store = yield* EventStore
          const { streams } = yield* store.listStreams({ prefix: "account-" })
          assert.strictEqual(streams.length, 615)
          for (const { streamId } of streams.filter((_, index) => index % step === 0)) {
            const id = streamId.slice("account-".length)
            let balance = 0n
            let lines = 0
            for (const [from, to] of months) {
              const statement = yield* Statement.make(id, { from, to })
              assert(statement !== undefined)
              assert.strictEqual(minor(statement.openingBalance), balance, `${id} ${from}`)
              for (const line of statement.lines) {
                balance += minor(line.amount)
                assert.strictEqual(minor(line.balance), balance)
                assert.isTrue(line.day >= from && line.day <= to, line.day)
              }
              assert.strictEqual(minor(statement.closingBalance), balance)
              assert.strictEqual(
                minor(statement.added) - minor(statement.taken),
                balance - minor(statement.openingBalance)
              )
              lines += statement.lines.length
            }
            const whole = yield* Statement.make(id)
            assert.strictEqual(minor(whole?.closingBalance ?? ""), balance)
            assert.strictEqual(whole?.lines.length, lines)
          }
        }).pipe(Effect.provide(SqliteStore.layer({ filename, mode: "readOnly" })))
      }),
    240_000
  )
})

describe("a statement", () => {
  it.scopedLive("counts a booking by its day, page by page, and has the holds that had not ended", () =>
    Effect.gen(function* () {
      yield* write
      const of = (options: Statement.Options) =>
        Effect.map(Statement.make("anna", options), (found) => {
          assert(found !== undefined)
          return found
        })
      const february = { from: "2026-02-01", to: "2026-02-28" }
      const whole = yield* of(february)
      assert.deepInclude(whole, { openingBalance: "5.00", closingBalance: "74.50", added: "100.00", taken: "30.50" })
      assert.deepStrictEqual(
        whole.lines.map(({ amount, balance, version }) => [version, amount, balance]),
        [
          [2, "100.00", "105.00"],
          [4, "-30.50", "74.50"]
        ]
      )
      const first = yield* of({ ...february, limit: 1 })
      assert.deepStrictEqual([first.lines.length, first.next, first.closingBalance], [1, 2, "74.50"])
      const second = yield* of({ ...february, limit: 1, after: 2 })
      assert.deepStrictEqual([second.lines[0]?.balance, second.next], ["74.50", null])
      // The holds were placed today, long after February.
      assert.deepStrictEqual([whole.holds, (yield* of({})).holds], [[], [{ holdId: "kept", amount: "7.00" }]])
      assert.deepInclude(yield* of({ from: "2026-02-29".replace("29", "28"), to: "2026-02-28" }), { added: "0.00" })
      for (const options of [
        { from: "2026-02-29" },
        { from: "2026-03-01", to: "2026-02-01" },
        { limit: 0 },
        { after: -1 }
      ]) {
        assert.strictEqual((yield* Effect.flip(Statement.make("anna", options)))._tag, "InvalidArgument")
      }
      assert.isUndefined(yield* Statement.make("nobody"))
    }).pipe(Effect.provide(SqliteStore.layer({ filename: ":memory:" })))
  )
})

describe("the holds of a statement", () => {
  it.effect("end at their time, whether or not that is stored yet", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.parse("2026-01-10T12:00:00Z"))
      yield* Effect.gen(function* () {
        const anna = (yield* Account)(AccountId.make("anna"))
        yield* anna.Open({ owner: "Ada", currency: "EUR" })
        yield* anna.Deposit({ amount: "100" })
        yield* anna.Reserve({ amount: "7", holdId: HoldId.make("hotel"), expiresAt: "2026-01-20T12:00:00Z" })
      }).pipe(Effect.provide(accounts))
      const held = (to?: string) =>
        Effect.map(Statement.make("anna", { to }), (found) => found?.holds.map(({ holdId }) => holdId))
      assert.deepStrictEqual(yield* held(), ["hotel"])
      yield* TestClock.setTime(Date.parse("2026-02-10T12:00:00Z"))
      assert.deepStrictEqual(yield* held("2026-01-19"), ["hotel"])
      assert.deepStrictEqual(yield* held("2026-01-20"), [])
      assert.deepStrictEqual(yield* held(), [])
    }).pipe(Effect.provide(SqliteStore.layer({ filename: ":memory:" })), Effect.scoped)
  )
})

describe("daybook statement", () => {
  it.scopedLive(
    "prints text, JSON and CSV of the same lines",
    () =>
      Effect.gen(function* () {
        const filename = join(yield* Cli.folder, "statement.db")
        yield* Effect.provide(write, SqliteStore.layer({ filename }))
        const period = ["--from", "2026-01-01", "--to", "2026-02-28"]
        const run = (...args: ReadonlyArray<string>) => Cli.run(["statement", ...args, "--db", `sqlite:${filename}`])
        const json = JSON.parse((yield* run("anna", ...period, "--json")).stdout)
        assert.deepInclude(json, { openingBalance: "0.00", closingBalance: "74.50" })
        assert.deepStrictEqual(
          json.lines.map(({ amount, day }: Statement.Line) => [day, amount]),
          [
            ["2026-02-10", "100.00"],
            ["2026-01-15", "5.00"],
            ["2026-02-11", "-30.50"]
          ]
        )
        const csv = (yield* run("anna", ...period, "--csv")).stdout.trim().split("\n")
        assert.strictEqual(csv[0], "day,version,type,amount,balance,reference,transferId,other,commandId")
        assert.match(csv[1] ?? "", /^2026-02-10,2,Deposited,100\.00,100\.00,"wages, part 1",,,/)
        // What a spreadsheet would compute is text; an amount is none of that.
        assert.match(csv[2] ?? "", /^2026-01-15,3,Deposited,5\.00,105\.00,'=late,,,/)
        assert.match(csv[3] ?? "", /^2026-02-11,4,Withdrawn,-30\.50,74\.50,,,,/)
        const text = (yield* run("anna", ...period)).stdout
        assert.match(
          text,
          /^anna, Anna "A", EUR: 2026-01-01 to 2026-02-28\nopening balance +0\.00\n2026-02-10 {2}Deposited +100\.00/
        )
        assert.match(text, /closing balance +74\.50\n$/)
        assert.match((yield* run("anna")).stdout, /held for kept: 7\.00\n$/)
        for (const [args, says, code = 1] of [
          [["nobody"], /there is no account nobody/],
          [["anna", "--from", "yesterday"], /from: is not a day/, 2],
          [["anna", "--json", "--csv"], /not both/, 2]
        ] as const) {
          const ended = yield* run(...args)
          assert.strictEqual(ended.code, code)
          assert.match(ended.stderr, says)
        }
      }),
    60_000
  )
})
