/** What `Explain` says about accounts: where each balance came from, and why each refused command was refused. */
import { copyFileSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Layer, Logger } from "effect"
import { Account } from "../../src/bank/account/Account.ts"
import * as AccountBehaviour from "../../src/bank/account/AccountBehaviour.ts"
import { AccountId, HoldId } from "../../src/bank/account/AccountSchemas.ts"
import { application } from "../../src/bank/Bank.ts"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import { EventStore } from "../../src/core/EventStore.ts"
import * as Explain from "../../src/core/Explain.ts"
import * as TimeTravel from "../../src/core/TimeTravel.ts"
import * as Explanation from "../../src/projection/Explanation.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import { importBerka } from "../cli/Berka.ts"
import * as Cli from "../cli/Cli.ts"
import { isLong, random } from "../Random.ts"

const definition = Account.define(AccountBehaviour.behaviour)
const quiet = Logger.remove(Logger.defaultLogger)

/** The bank's own rows, by account, in their order: what each added to the balance, in minor units. */
const booked = () => {
  const accounts = new Map<string, Array<bigint>>()
  const text = gunzipSync(readFileSync(join(import.meta.dirname, "../../../shared/data/berka.jsonl.gz"))).toString()
  for (const line of text.trim().split("\n")) {
    const { accountId, amountMinor, kind } = JSON.parse(line)
    const amount = BigInt(kind === "deposit" ? amountMinor : -amountMinor)
    const of = accounts.get(String(accountId))
    if (of === undefined) accounts.set(String(accountId), [amount])
    else of.push(amount)
  }
  return accounts
}

/** Every how many accounts one is looked at. */
const step = isLong ? 1 : 15

describe("the history of a real account", () => {
  it.scopedLive(
    "adds up to its balance at every version, event by event, as the bank's own rows do",
    () =>
      Effect.gen(function* () {
        const filename = join(yield* Cli.folder, "berka.db")
        yield* importBerka(filename)
        const accounts = booked()
        assert.strictEqual(accounts.size, 615)
        yield* Effect.gen(function* () {
          for (const [id, amounts] of [...accounts].filter((_, index) => index % step === 0)) {
            let balance = 0n
            let version = 0
            for (let after: number | null = 0; after !== null; ) {
              const page: Explain.Page = yield* Explain.history(definition, id, { after, field: "balance", limit: 50 })
              for (const { changes, running, ...event } of page.steps) {
                assert.strictEqual(event.version, ++version)
                // The first event opens the account.
                const amount = version === 1 ? 0n : (amounts[version - 2] ?? 0n)
                assert.strictEqual(running?.contribution, String(amount), `${id} version ${version}`)
                balance += BigInt(running?.contribution ?? 0)
                assert.strictEqual(running?.after, String(balance))
                const change = changes.find(({ path }) => path === "balance")
                assert.strictEqual(change?.after, version === 1 ? undefined : String(balance))
              }
              after = page.next
            }
            assert.strictEqual(version, amounts.length + 1, id)
          }
        }).pipe(Effect.provide(SqliteStore.layer({ filename, mode: "readOnly" })))
      }),
    240_000
  )
})

const accounts = Array.from({ length: 4 }, (_, index) => `a-${index}`)
const commands = isLong ? 600 : 250

describe("every kept refusal of a random run", () => {
  it.scopedLive(
    "is explained, and would have passed exactly after the event that is told",
    () =>
      Effect.gen(function* () {
        const next = random("explained refusals")
        const pick = <A>(all: ReadonlyArray<A>): A => all[Math.floor(next() * all.length)] as A
        const all = yield* Account
        const refused: Array<{ readonly commandId: string; readonly error: unknown }> = []
        for (let number = 0; number < commands; number++) {
          const account = all(AccountId.make(pick(accounts)))
          const commandId = `command ${number}`
          const amount = (1 + Math.floor(next() * 400)) / 100
          const booking = { amount: amount.toFixed(2), reference: `number ${number}` }
          const kind = next()
          const holdId = HoldId.make(pick(["h1", "h2"]))
          const asked: Effect.Effect<unknown, unknown> =
            kind < 0.1
              ? account.Open({ owner: "Ada", currency: "EUR" }, { commandId })
              : kind < 0.4
                ? account.Deposit(booking, { commandId })
                : kind < 0.7
                  ? account.Withdraw({ ...booking, amount: (amount * 2).toFixed(2) }, { commandId })
                  : kind < 0.85
                    ? account.Reserve({ amount: booking.amount, holdId }, { commandId })
                    : kind < 0.97
                      ? account.Release({ holdId }, { commandId })
                      : account.Close(undefined, { commandId })
          const answer = yield* Effect.either(asked)
          if (Either.isLeft(answer) && definition.isKept(answer.left)) refused.push({ commandId, error: answer.left })
        }
        assert.isAbove(refused.length, commands / 20)

        const log = yield* EventStore
        const { command: explain } = Explanation.make(application)
        const seen = new Set<string>()
        for (const { commandId, error } of refused) {
          const told = yield* explain(commandId)
          assert(told !== undefined && told.wouldPass !== null && told.command !== null, commandId)
          assert.strictEqual(told.outcome, "refusal")
          assert.deepInclude(told.answer as object, { _tag: (error as { readonly _tag: string })._tag })
          const id = told.streamId.slice("account-".length)
          const head = yield* log.head(told.streamId)
          /** Whether it passes on the state at a version, decided here and not by what is tested. */
          const passesAt = (version: number) =>
            Effect.gen(function* () {
              const { state } = yield* TimeTravel.stateAt(definition, id, { version })
              const [event] = (yield* log.readStream(told.streamId, { from: version, to: version })).events
              const now = version === told.version ? Date.parse(told.recordedAt) : (event?.recordedAt ?? 0)
              const context = { id, version, now, commandId, correlationId: commandId, causationId: null }
              const { payload } = told
              const decision = definition.decide(told.command ?? "", payload, state, {
                ...context,
                principal: null,
                metadata: null
              })
              return Either.isEither(decision) && Either.isRight(decision)
            })
          const { wouldPass } = told
          seen.add(wouldPass._tag)
          assert.notStrictEqual(wouldPass._tag, "NotComputed", JSON.stringify(told))
          const end = wouldPass._tag === "After" ? wouldPass.version : head.version
          for (let version = Math.max(told.version, 1); version <= end; version++) {
            const passes = wouldPass._tag === "After" && version === end
            assert.strictEqual(yield* passesAt(version), passes, `${commandId} at ${version}: ${JSON.stringify(told)}`)
          }
        }
        assert.deepStrictEqual([...seen].sort(), ["After", "Never"])
      }).pipe(
        Effect.provide(
          AccountBehaviour.layer.pipe(
            Layer.provideMerge(ActorSystemLocal.layer),
            Layer.provideMerge(SqliteStore.layer({ filename: ":memory:" })),
            Layer.provideMerge(quiet)
          )
        )
      ),
    120_000
  )
})

describe("payloads as the release that began to keep them wrote them", () => {
  it.scopedLive("explain a refusal, and the entry of one that was removed is whole", () =>
    Effect.gen(function* () {
      const filename = join(yield* Cli.folder, "payloads.db")
      copyFileSync(join(import.meta.dirname, "../fixtures/databases/0010-payloads.db"), filename)
      const { command } = Explanation.make(application)
      yield* Effect.gen(function* () {
        const rent = yield* command("p-rent")
        assert.deepStrictEqual(rent?.payload, { amount: "150" })
        assert.deepStrictEqual(rent?.wouldPass, { _tag: "After", version: 3, type: "Deposited" })
        const opened = yield* command("p-open-anna")
        assert.deepStrictEqual([opened?.outcome, opened?.payload], ["success", null])
        const { entries } = yield* Effect.flatMap(EventStore, (log) => log.readOperations(0))
        assert.deepStrictEqual(
          entries.map((entry) => entry.command),
          ["payloads.remove"]
        )
      }).pipe(Effect.provide(SqliteStore.layer({ filename })))
    })
  )
})
