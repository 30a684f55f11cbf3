/**
 * What the books answer when somebody has changed their file: what they said before, or a typed error, and nothing
 * else.
 */
import { copyFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Logger, Option } from "effect"
import { Account } from "../../src/bank/account/Account.ts"
import { AccountId, HoldId, TransferId } from "../../src/bank/account/AccountSchemas.ts"
import * as Statement from "../../src/bank/account/Statement.ts"
import { application } from "../../src/bank/Bank.ts"
import { Transfers } from "../../src/bank/transfer/Transfers.ts"
import * as diff from "../../src/cli/diff.ts"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import type { EventStore } from "../../src/core/EventStore.ts"
import * as LogShape from "../../src/core/LogShape.ts"
import type { SnapshotStore } from "../../src/core/SnapshotStore.ts"
import * as WhatIf from "../../src/core/WhatIf.ts"
import type { CheckpointStore } from "../../src/projection/CheckpointStore.ts"
import type { Difference } from "../../src/projection/Comparison.ts"
import * as Explanation from "../../src/projection/Explanation.ts"
import type { SqlDatabase } from "../../src/sql/SqlDatabase.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import * as Cli from "../cli/Cli.ts"
import { isLong, random } from "../Random.ts"
import { edit, tamper } from "../sql/Tamper.ts"

const quiet = Logger.remove(Logger.defaultLogger)
const edits = isLong ? 600 : 25

const write = Effect.gen(function* () {
  const all = yield* Account
  const [anna, bert] = [all(AccountId.make("anna")), all(AccountId.make("bert"))]
  for (const [account, id] of [
    [anna, "anna"],
    [bert, "bert"]
  ] as const) {
    yield* account.Open({ owner: "Ada", currency: "EUR" }, { commandId: `open-${id}` })
  }
  yield* anna.Deposit({ amount: "100", reference: "wages" }, { commandId: "wages" })
  yield* Effect.flip(anna.Withdraw({ amount: "150" }, { commandId: "rent" }))
  yield* anna.Deposit({ amount: "80" }, { commandId: "more" })
  yield* anna.Reserve({ amount: "7", holdId: HoldId.make("hotel") }, { commandId: "hotel" })
  yield* anna.Withdraw({ amount: "120" }, { commandId: "pay-rent" })
  yield* Effect.flip(anna.Withdraw({ amount: "500" }, { commandId: "boat" }))
  const order = { from: AccountId.make("anna"), to: AccountId.make("bert"), amount: "30" }
  yield* (yield* Transfers).request(TransferId.make("t-1"), order, { commandId: "to-bert" })
}).pipe(
  Effect.provide(
    application.layer.pipe(
      Layer.provideMerge(ActorSystemLocal.layer),
      Layer.provide(Logger.remove(Logger.defaultLogger))
    )
  ),
  Effect.scoped
)

const { command, history } = Explanation.make(application)
const ofStream = (streamId: string) => application.ofStream(streamId)?.definition

const ask = (streamId: string, id: string, field: string) =>
  Effect.suspend(() => {
    const definition = ofStream(streamId)
    assert(definition !== undefined)
    return history(definition, id, { field })
  })
const whatIf = Effect.suspend(() => {
  const definition = ofStream("account-anna")
  assert(definition !== undefined)
  return WhatIf.run(definition, "anna", { leaveOut: [2], change: [], putIn: [] })
})
const compared = Effect.gen(function* () {
  const found: Array<Difference> = []
  const counts = yield* diff.run(application, application, (difference) => found.push(difference))
  return { found, counts }
})

type Question = Effect.Effect<
  unknown,
  { readonly _tag: string },
  EventStore | SnapshotStore | CheckpointStore | SqlDatabase
>

/** Each question, by what it is about. */
const questions = {
  "explain account-anna": ask("account-anna", "anna", "balance"),
  "explain account-bert": ask("account-bert", "bert", "balance"),
  "explain transfer-t-1": ask("transfer-t-1", "t-1", "amount"),
  "explain wages": command("wages"),
  "explain rent": command("rent"),
  "explain boat": command("boat"),
  "statement anna": Statement.make("anna"),
  "statement bert": Statement.make("bert"),
  "what-if": whatIf,
  diff: compared,
  stats: LogShape.read()
}

type Answer = { readonly value: unknown } | { readonly failed: string } | { readonly died: string }

/** All of them over one file. */
const answers = (filename: string) =>
  Effect.gen(function* () {
    const found = new Map<string, Answer>()
    for (const [name, question] of Object.entries<Question>(questions)) {
      const exit = yield* Effect.exit(question)
      found.set(
        name,
        Exit.match(exit, {
          onSuccess: (value): Answer => ({ value: JSON.parse(JSON.stringify(value ?? null)) }),
          onFailure: (cause) =>
            Option.match(Cause.failureOption(cause), {
              onNone: () => ({ died: Cause.pretty(cause) }),
              onSome: ({ _tag }) => ({ failed: _tag })
            })
        })
      )
    }
    return found
  }).pipe(Effect.provide(Layer.provideMerge(SqliteStore.layer({ filename, mode: "readOnly" }), quiet)))

interface History {
  readonly next: number | null
  readonly events: ReadonlyArray<{ readonly sent: unknown; readonly beside: unknown }>
}
const isHistory = (value: unknown): value is History =>
  typeof value === "object" && value !== null && "events" in value && "next" in value

/** Links are found by the ids of commands: one whose entry has another id now is not found. */
const withoutLinks = ({ events }: History) => events.map(({ beside: _, sent: __, ...event }) => event)

/** Whether it is what was said before, the sound beginning of it, or that nothing is there; not another answer. */
const isTruthful = (name: string, before: unknown, after: unknown): boolean => {
  if (after === null || JSON.stringify(after) === JSON.stringify(before)) return true
  // It counts rows and verifies nothing, which it says.
  if (name === "stats") return true
  if (name === "diff") {
    const { found } = after as { readonly found: ReadonlyArray<Difference> }
    return found.some(({ kind }) => kind === "unreadable")
  }
  if (name === "what-if") {
    const [said, says] = [before, after] as ReadonlyArray<WhatIf.Answer>
    const ids = new Set(said?.otherwise.map((each) => JSON.stringify(each)))
    // A refusal whose entry is of another stream now is not decided again.
    const isPart = says?.otherwise.every((each) => ids.has(JSON.stringify(each))) === true
    return isPart && JSON.stringify([said?.state, said?.whatIf]) === JSON.stringify([says.state, says.whatIf])
  }
  if (!isHistory(before) || !isHistory(after)) return false
  const isWhole = after.next === null
  if (isWhole && after.events.length === 0) return true
  const events = isWhole ? before.events : before.events.slice(0, after.events.length)
  return JSON.stringify(withoutLinks({ ...before, events })) === JSON.stringify(withoutLinks(after))
}

describe("questions to a file that somebody has changed", () => {
  it.scopedLive(
    "are answered as before as far as the log is sound, or with a typed error (VR1)",
    () =>
      Effect.gen(function* () {
        const folder = yield* Cli.folder
        const pristine = join(folder, "pristine.db")
        yield* Effect.provide(write, Layer.provideMerge(SqliteStore.layer({ filename: pristine }), quiet))
        const before = yield* answers(pristine)
        const next = random("damaged questions")
        const wrong: Array<string> = []
        const errors = new Map<string, number>()
        for (let index = 0; index < edits; index++) {
          const filename = join(folder, `${index}.db`)
          copyFileSync(pristine, filename)
          const { isCut, what } = tamper(filename, (database) => edit(database, next))
          // Only a head that was noted before shows that.
          if (isCut) continue
          for (const [name, answer] of yield* answers(filename)) {
            const said = before.get(name)
            assert(said !== undefined && "value" in said, name)
            if ("failed" in answer) errors.set(answer.failed, (errors.get(answer.failed) ?? 0) + 1)
            else if ("died" in answer) wrong.push(`${what}: ${name} died: ${answer.died}`)
            else if (!isTruthful(name, said.value, answer.value)) {
              wrong.push(`${what}: ${name}\n${JSON.stringify(said.value)}\n${JSON.stringify(answer.value)}`)
            }
          }
        }
        console.log(errors)
        assert.strictEqual(wrong.join("\n"), "")
        assert.isAbove(errors.get("StreamDamaged") ?? 0, 0)
        assert.isAbove(errors.get("EntryDamaged") ?? 0, 0)
      }),
    600_000
  )
})
