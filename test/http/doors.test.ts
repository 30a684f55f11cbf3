/** One command is one command, whichever door it comes through: HTTP, `import`, or a call in the process (CV3). */
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Layer } from "effect"
import { Account } from "../../src/bank/account/Account.ts"
import * as AccountBehaviour from "../../src/bank/account/AccountBehaviour.ts"
import { AccountId } from "../../src/bank/account/AccountSchemas.ts"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import * as Cli from "../cli/Cli.ts"
import { lines } from "../cli/Rows.ts"
import { assertProblem } from "./Problems.ts"
import * as Service from "./Service.ts"

/** A command as each door takes it; `amount` may be written in several ways. */
interface Sent {
  readonly commandId: string
  readonly command: "Open" | "Deposit" | "Withdraw" | "Close"
  readonly payload: Readonly<Record<string, string>>
}
const commands: ReadonlyArray<Sent> = [
  { commandId: "open", command: "Open", payload: { owner: "Jana", currency: "EUR", overdraftLimit: "5.00" } },
  { commandId: "deposit", command: "Deposit", payload: { amount: "12.50", reference: "wage", bookedOn: "2024-02-29" } },
  { commandId: "withdraw", command: "Withdraw", payload: { amount: "17.50" } },
  { commandId: "refused", command: "Withdraw", payload: { amount: "100.10" } },
  { commandId: "back", command: "Deposit", payload: { amount: "5.00" } },
  { commandId: "close", command: "Close", payload: {} }
]
/** The same said with fewer zeros, and in another order. */
const otherwise = ({ payload, ...sent }: Sent): Sent => ({
  ...sent,
  payload: Object.fromEntries(
    Object.entries(payload)
      .reverse()
      .map(([key, text]) => [key, key === "amount" || key === "overdraftLimit" ? text.replace(/\.?0+$/, "") : text])
  )
})

const routes = { Open: "", Deposit: "/a/deposits", Withdraw: "/a/withdrawals", Close: "/a/close" } as const
type Answer = Pick<Service.Answer, "status" | "text">
/** The answers of a door, as HTTP would tell them where it is HTTP; and whether all were given before. */
interface Door {
  readonly send: (
    filename: string,
    sent: ReadonlyArray<Sent>
  ) => Effect.Effect<{ readonly replayed: number; readonly answers: ReadonlyArray<Answer> }, unknown>
}

const http: Door = {
  send: (filename, sent) =>
    Effect.gen(function* () {
      const url = yield* Service.Url
      const answers = yield* Effect.forEach(sent, ({ command, commandId, payload }) => {
        const body = command === "Open" ? { accountId: "a", ...payload } : payload
        const asked = command === "Close" ? { method: "POST" } : { body }
        return Service.ask(`${url}/accounts${routes[command]}`, { ...asked, key: commandId })
      })
      const again = answers.filter(({ headers }) => headers.get("idempotency-replayed") === "true")
      return { replayed: again.length, answers: answers.map(({ status, text }) => ({ status, text })) }
    }).pipe(Effect.provide(Service.layer({ filename })))
}

const imported: Door = {
  send: (filename, sent) =>
    Effect.gen(function* () {
      const rows = lines(
        ...sent.map(({ command, commandId, payload }) => ({ commandId, accountId: "a", command, ...payload }))
      )
      const args = ["import", "-", "--format", "commands", "--json", "--db", `sqlite:${filename}`]
      const { code, stderr, stdout } = yield* Cli.run(args, { stdin: rows })
      assert.strictEqual(code, 0, stderr)
      return { replayed: JSON.parse(stdout).replayed as number, answers: [] }
    })
}

const accounts = (filename: string) =>
  AccountBehaviour.layer.pipe(Layer.provide(ActorSystemLocal.layer), Layer.provide(SqliteStore.layer({ filename })))
const embedded: Door = {
  send: (filename, sent) =>
    Effect.gen(function* () {
      const account = (yield* Account)(AccountId.make("a"))
      const replies = yield* Effect.forEach(sent, ({ command, commandId, payload }) =>
        account.ask(command, (command === "Close" ? undefined : payload) as never, { commandId })
      )
      return { replayed: replies.filter(({ replayed }) => replayed).length, answers: [] }
    }).pipe(Effect.provide(accounts(filename)))
}

const doors = { HTTP: http, import: imported, "a call in the process": embedded }

describe("a command", () => {
  it.scopedLive.each(Object.entries(doors))(
    "that came through %s is the same through each other door (CV3)",
    ([, first]) =>
      Effect.gen(function* () {
        const filename = join(yield* Cli.folder, "daybook.db")
        const stored = yield* first.send(filename, commands)
        assert.strictEqual(stored.replayed, 0)
        let told = stored.answers
        for (const [name, door] of Object.entries(doors)) {
          for (const sent of [commands, commands.map(otherwise)]) {
            const { answers, replayed } = yield* door.send(filename, sent)
            assert.strictEqual(replayed, commands.length, name)
            // To the byte, be it the first answer or a later one.
            if (told.length > 0 && answers.length > 0) assert.deepStrictEqual(answers, told)
            if (answers.length > 0) told = answers
          }
        }
        assert.deepStrictEqual(
          told.map(({ status }) => status),
          [201, 200, 200, 409, 200, 200]
        )
      })
  )

  it.scopedLive("with another value is another command, through each door (CV3)", () =>
    Effect.gen(function* () {
      const filename = join(yield* Cli.folder, "daybook.db")
      yield* imported.send(filename, commands)
      yield* Effect.gen(function* () {
        const url = yield* Service.Url
        for (const amount of ["12.51", "125", "1.25", "12.5000"]) {
          const body = { amount, reference: "wage", bookedOn: "2024-02-29" }
          const answer = yield* Service.ask(`${url}/accounts/a/deposits`, { body, key: "deposit" })
          // Zeros at the end say nothing, however many the currency has room for.
          if (amount === "12.5000") assert.strictEqual(answer.headers.get("idempotency-replayed"), "true")
          else assertProblem(answer, "idempotency-key-reused")
        }
        const without = yield* Service.ask(`${url}/accounts/a/deposits`, { body: { amount: "12.50" }, key: "deposit" })
        assertProblem(without, "idempotency-key-reused")
      }).pipe(Effect.provide(Service.layer({ filename })))
      const other = yield* Effect.gen(function* () {
        const account = (yield* Account)(AccountId.make("a"))
        return yield* Effect.either(account.ask("Withdraw", { amount: "12.50" }, { commandId: "deposit" }))
      }).pipe(Effect.provide(accounts(filename)))
      assert.isTrue(Either.isLeft(other) && other.left._tag === "CommandIdReused")
    })
  )
})
