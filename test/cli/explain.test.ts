/** `daybook explain`, as an operator asks it, over a database of the bank that a service has written. */
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { Account } from "../../src/bank/account/Account.ts"
import { AccountId, TransferId } from "../../src/bank/account/AccountSchemas.ts"
import { application } from "../../src/bank/Bank.ts"
import { Transfers } from "../../src/bank/transfer/Transfers.ts"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import * as Cli from "./Cli.ts"

/** Anna gets 100, is refused 150, gets 80 more and pays Bert 30. */
const write = (filename: string) =>
  Effect.gen(function* () {
    const all = yield* Account
    const [anna, bert] = [all(AccountId.make("anna")), all(AccountId.make("bert"))]
    for (const account of [anna, bert]) yield* account.Open({ owner: "Ada", currency: "EUR" })
    yield* anna.Deposit({ amount: "100", reference: "wages" }, { commandId: "wages" })
    yield* Effect.flip(anna.Withdraw({ amount: "150" }, { commandId: "rent" }))
    yield* anna.Deposit({ amount: "80" }, { commandId: "more" })
    const transfers = yield* Transfers
    const order = { from: AccountId.make("anna"), to: AccountId.make("bert"), amount: "30" }
    yield* transfers.request(TransferId.make("t-1"), order, { commandId: "pay" })
  }).pipe(
    Effect.provide(
      application.layer.pipe(
        Layer.provideMerge(ActorSystemLocal.layer),
        Layer.provideMerge(SqliteStore.layer({ filename })),
        Layer.provideMerge(Logger.remove(Logger.defaultLogger))
      )
    ),
    Effect.scoped
  )

describe("daybook explain", () => {
  it.scopedLive(
    "tells how a balance came to be, with the transfer and its other leg, and why a command was refused",
    () =>
      Effect.gen(function* () {
        const filename = join(yield* Cli.folder, "explain.db")
        yield* write(filename)
        const run = (...args: ReadonlyArray<string>) => Cli.run(["explain", ...args, "--db", `sqlite:${filename}`])

        const told = JSON.parse((yield* run("account-anna", "--field", "balance", "--json")).stdout)
        assert.deepInclude(told, { aggregate: "Account", id: "anna", streamId: "account-anna", next: null })
        assert.deepStrictEqual(
          told.events.map(({ field, version }: { version: number; field: { contribution: string } }) => [
            version,
            field.contribution
          ]),
          [
            [1, "0"],
            [2, "10000"],
            [3, "8000"],
            [4, "-3000"]
          ]
        )
        const [, deposit, , debit] = told.events
        assert.deepInclude(deposit, { commandId: "wages", command: "Deposit", stored: null, cause: null })
        assert.deepStrictEqual(deposit.changes, [{ path: "balance", before: "0", after: "10000" }])
        assert.deepStrictEqual(debit.cause, { streamId: "transfer-t-1", version: 1 })
        assert.strictEqual(debit.correlationId, "pay")
        const credit = debit.beside.find(({ streamId }: { streamId: string }) => streamId === "account-bert")
        assert.deepInclude(credit, { by: "transfers", command: "Credit", outcome: "success", version: 2 })
        const transfer = JSON.parse((yield* run("transfer-t-1", "--json")).stdout)
        assert.includeMembers(
          transfer.events[0].sent.map(({ streamId }: { streamId: string }) => streamId),
          ["account-anna", "account-bert"]
        )

        const text = (yield* run("account-anna", "--field", "balance")).stdout
        assert.match(text, /2 {2}Deposited .* Deposit wages {2}entry \d+\n.*event .*"wages"/)
        assert.match(text, /balance: "0" → "10000"\n {4}= "10000" {2}\(10000\)/)
        assert.match(text, /because of transfer-t-1 version 1\n/)
        assert.match(text, /beside, transfers sent Credit to account-bert: version 2/)

        const paged = JSON.parse((yield* run("account-anna", "--after", "1", "--limit", "1", "--json")).stdout)
        assert.deepStrictEqual([paged.events.length, paged.events[0].version, paged.next], [1, 2, 2])
        assert.strictEqual((yield* run("account-anna", "--after", "99")).stdout, "no events after version 99\n")
        const long = yield* run("account-anna", "--at", "2020-01-01T00:00:00Z")
        assert.deepStrictEqual([long.code, long.stdout], [0, "no events up to then\n"])
        for (const at of ["foo 1", "2026-02-30T12:00:00Z", "2026-01-31", "-1", "1e3"]) {
          const wrong = yield* run("account-anna", `--at=${at}`)
          assert.strictEqual(wrong.code, 2, at)
          assert.match(wrong.stderr, /--at is neither a version nor a time of RFC 3339/)
        }
        const upTo = JSON.parse((yield* run("account-anna", "--at", "2", "--json")).stdout)
        assert.deepStrictEqual([upTo.events.length, upTo.next], [2, null])

        const refusal = JSON.parse((yield* run("--command", "rent", "--json")).stdout)
        assert.deepInclude(refusal, { outcome: "refusal", streamId: "account-anna", version: 2, command: "Withdraw" })
        assert.deepInclude(refusal.answer, { _tag: "InsufficientFunds" })
        assert.deepInclude(refusal.decidedOn, { balance: "10000" })
        assert.deepStrictEqual(refusal.wouldPass, { _tag: "After", version: 3, type: "Deposited" })
        assert.deepStrictEqual(refusal.payload, { amount: "150" })
        const why = (yield* run("--command", "rent")).stdout
        assert.match(why, /refused .*InsufficientFunds.*\n.*\n.*would have passed after version 3, Deposited/)

        for (const [args, says, code = 1] of [
          [["--command", "unknown"], /no command unknown is stored/],
          [["account-nobody"], /there is no stream account-nobody/],
          [["nothing-1"], /STREAM is not a stream of daybook/, 2],
          [[], /give either a STREAM/, 2],
          [["account-anna", "--at", "9"], /account-anna/],
          [["account-anna", "--field", "balnce"], /field: names nothing in the state, which has .*balance/, 2],
          [["account-anna", "--limit", "0"], /--limit is a whole number from 1 to 1000/, 2]
        ] as const) {
          const ended = yield* run(...args)
          assert.strictEqual(ended.code, code, ended.stdout)
          assert.match(ended.stderr, says)
        }
      }),
    180_000
  )
})
