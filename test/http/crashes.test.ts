/** What was answered stays so when the process is killed at any instant, and what was not can be sent again. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Cli from "../cli/Cli.ts"
import { isLong, random } from "../Random.ts"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"
import * as Service from "./Service.ts"
import { type Command, torment } from "./Victim.ts"

const { ask } = Service

/** All events of the log, page by page. */
const readLog = (url: string) =>
  Effect.gen(function* () {
    // biome-ignore lint/suspicious/noExplicitAny: JSON.
    const events: Array<any> = []
    for (let after: number | null = 0; after !== null; ) {
      const { json }: Service.Answer = yield* ask(`${url}/events?limit=1000&after=${after}`)
      events.push(...json.events)
      after = json.next
    }
    return events
  })

/** A line of the bank's file, as far as it is needed. */
interface Row {
  readonly accountId: number
  readonly amountMinor: number
  readonly date: string
  readonly kind: "deposit" | "withdrawal"
  readonly transId: number
}

const minor = (amount: string): bigint => BigInt(amount.replace(".", ""))

describe("crashes", () => {
  it.scopedLive(
    "each command that was answered is there once, each refusal is not, and then all goes on (DU1 DU18)",
    () =>
      Effect.gen(function* () {
        const db = ["--db", `sqlite:${join(yield* temporaryFolder, "d.db")}`]
        const next = random("DU1")
        const ids = Array.from({ length: 5 }, (_, n) => `account-${n}`)
        const kills = isLong ? 40 : 10
        // More than are wanted of all lives together.
        const perClient = isLong ? 500 : 80
        const ledger = new Map<string, { readonly command: Command; readonly answer: Service.Answer }>()

        const { send, url } = yield* torment(
          db,
          kills,
          () => 20 + Math.floor(next() * (isLong ? 80 : 60)),
          (_, send) =>
            Effect.gen(function* () {
              for (const accountId of ids) {
                const body = { accountId, owner: "A", currency: "EUR" }
                yield* send({ key: `open ${accountId}`, path: "/accounts", body })
              }
              const client = (name: number) =>
                Effect.gen(function* () {
                  for (let n = 0; n < perClient; n++) {
                    const id = ids[Math.floor(next() * ids.length)]
                    const kind = next() < 0.5 ? "deposits" : "withdrawals"
                    const body = { amount: `${1 + Math.floor(next() * 9)}.${10 + Math.floor(next() * 89)}` }
                    const command = { key: `${name}-${n}`, path: `/accounts/${id}/${kind}`, body }
                    ledger.set(command.key, { command, answer: yield* send(command) })
                  }
                })
              yield* Effect.all(
                Array.from({ length: 12 }, (_, name) => client(name)),
                { concurrency: "unbounded", discard: true }
              )
            })
        )

        const log = yield* readLog(url)
        const stored = new Map<string, number>()
        for (const { commandId } of log) stored.set(commandId, (stored.get(commandId) ?? 0) + 1)
        const balances = new Map(ids.map((id) => [id, 0n]))
        for (const [key, { answer, command }] of ledger) {
          assert.include([200, 409], answer.status, answer.text)
          assert.strictEqual(stored.get(key) ?? 0, answer.status === 200 ? 1 : 0, key)
          const [, , id = "", kind] = command.path.split("/")
          const amount = minor((command.body as { readonly amount: string }).amount)
          if (answer.status === 200) {
            balances.set(id, (balances.get(id) ?? 0n) + (kind === "deposits" ? amount : -amount))
          }
        }
        assert.strictEqual(
          log.length,
          ids.length + [...ledger.values()].filter((one) => one.answer.status === 200).length
        )
        assert.isAbove([...ledger.values()].filter(({ answer }) => answer.status === 409).length, 0)

        // The same answers again; then new ones, all of them; and the read model comes to the same.
        for (const { answer, command } of ledger.values()) {
          const again = yield* ask(`${url}${command.path}`, { body: command.body, key: command.key })
          assert.deepStrictEqual([again.status, again.text], [answer.status, answer.text])
        }
        for (const [n, id] of ids.entries()) {
          const after = yield* send({ key: `after ${n}`, path: `/accounts/${id}/deposits`, body: { amount: "1" } })
          assert.strictEqual(after.status, 200)
          const balance = (balances.get(id) ?? 0n) + 100n
          assert.strictEqual(minor(after.json.balance), balance)
          const summary = yield* ask(`${url}/accounts/${id}/summary?minPosition=${after.json.position}`)
          assert.strictEqual(minor(summary.json.currentBalance), balance, summary.text)
        }
        const { stdout } = yield* Cli.run(["verify", ...db, "--json"])
        assert.deepInclude(JSON.parse(stdout), { ok: true }, stdout)
      }),
    600_000
  )

  it.scopedLive(
    "a request whose client goes away right after it is done once, when it is sent again",
    () =>
      Effect.gen(function* () {
        const url = yield* Service.Url
        const id = yield* Service.open(url)
        const body = { amount: "1" }
        const count = 200
        for (let n = 0; n < count; n++) {
          const text = JSON.stringify(body)
          yield* Effect.scoped(
            Effect.flatMap(Service.connection(url), ({ send }) =>
              send(
                `POST /accounts/${id}/deposits HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n` +
                  `idempotency-key: dropped ${n}\r\ncontent-length: ${text.length}\r\n\r\n${text}`
              )
            )
          )
        }
        for (let n = 0; n < count; n++) {
          assert.strictEqual((yield* ask(`${url}/accounts/${id}/deposits`, { body, key: `dropped ${n}` })).status, 200)
        }
        const { json } = yield* ask(`${url}/accounts/${id}`)
        assert.deepInclude(json, { balance: `${count}.00`, version: count + 1 })
      }).pipe(Effect.provide(Service.layer())),
    60_000
  )

  it.scopedLive(
    "Berka over HTTP: a bank's rows from 64 connections, killed five times, end at its own balances",
    () =>
      Effect.gen(function* () {
        const data = join(import.meta.dirname, "../../../shared/data")
        const rows = gunzipSync(readFileSync(join(data, "berka.jsonl.gz")))
          .toString()
          .trim()
          .split("\n")
          .map((line): Row => JSON.parse(line))
        const oracle = readFileSync(join(data, "berka-expected-summary.csv"), "utf8").trim().split("\n").slice(1)
        assert.strictEqual(rows.length, 23_092)
        assert.strictEqual(oracle.length, 615)
        // The whole takes minutes.
        const chosen = isLong ? oracle : oracle.slice(0, 64)
        const expected = new Map(chosen.map((line) => [Number(line.split(",")[0]), BigInt(line.split(",")[4] ?? "")]))
        const db = ["--db", `sqlite:${join(yield* temporaryFolder, "d.db")}`]
        const next = random("berka")

        // One account's rows in order, on one of 64 connections at a time.
        const byAccount = new Map<number, Array<Row>>()
        let count = 0
        for (const row of rows) {
          if (!expected.has(row.accountId)) continue
          byAccount.set(row.accountId, [...(byAccount.get(row.accountId) ?? []), row])
          count++
        }
        const { url } = yield* torment(
          db,
          5,
          // A tenth to two tenths of all answers in each of six lives.
          () => Math.floor((count / 10) * (1 + next() * 0.9)),
          (_, send) =>
            Effect.forEach(
              byAccount,
              ([id, own]) =>
                Effect.gen(function* () {
                  const opening = {
                    accountId: String(id),
                    owner: `account ${id}`,
                    currency: "CZK",
                    overdraftLimit: "100000.00"
                  }
                  const opened = yield* send({ key: `open ${id}`, path: "/accounts", body: opening })
                  assert.strictEqual(opened.status, 201, opened.text)
                  for (const { amountMinor, date, kind, transId } of own) {
                    const digits = String(amountMinor).padStart(3, "0")
                    const body = { amount: `${digits.slice(0, -2)}.${digits.slice(-2)}`, bookedOn: date }
                    const path = `/accounts/${id}/${kind === "deposit" ? "deposits" : "withdrawals"}`
                    const answer = yield* send({ key: String(transId), path, body })
                    assert.strictEqual(answer.status, 200, answer.text)
                  }
                }),
              { concurrency: 64, discard: true }
            )
        )
        let right = 0
        for (const [id, balance] of expected) {
          const { json } = yield* ask(`${url}/accounts/${id}`)
          if (minor(json.balance) === balance) right++
        }
        console.log(`berka over HTTP: ${right} of ${expected.size} balances are the oracle's`)
        assert.strictEqual(right, expected.size)
        const { stdout } = yield* Cli.run(["verify", ...db, "--json"])
        assert.deepInclude(JSON.parse(stdout), { ok: true, events: count + expected.size })
      }),
    600_000
  )
})
