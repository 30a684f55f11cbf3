/**
 * The service on PostgreSQL while its server is killed and started again (`pg_ctl restart -m immediate`): it heals by
 * itself, and every command whose client asks until it is answered is there once.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Option, Schedule } from "effect"
import * as Conservation from "../../src/bank/Conservation.ts"
import * as PostgresStore from "../../src/sql/PostgresStore.ts"
import * as Cli from "../cli/Cli.ts"
import * as PostgresServer from "../PostgresServer.ts"
import { isLong, random } from "../Random.ts"
import { log } from "../sql/Log.ts"
import * as Service from "./Service.ts"

const [restarts, clients, accounts] = isLong ? [20, 64, 50] : [1, 12, 6]

const minor = (amount: string): bigint => BigInt(amount.replace(".", ""))

interface Done {
  readonly kind: "deposits" | "withdrawals"
  readonly id: string
  readonly amount: string
  readonly status: number
}

describe("the service while PostgreSQL is killed and started again", () => {
  it.scopedLive(
    "heals without a restart of its own, and the ledger is exact",
    () =>
      Effect.gen(function* () {
        const server = yield* Effect.acquireRelease(
          Effect.promise(() => PostgresServer.start()),
          ({ stop }) => Effect.promise(stop)
        )
        const { process: child, stderr, url } = yield* Service.start(["--db", server.url])
        const next = random("restarts")
        const any = (count: number) => Math.floor(next() * count)
        const done = new Map<string, Done>()
        const transfers = new Map<string, { readonly from: string; readonly to: string; readonly amount: string }>()
        let asked = 0
        let stopping = false
        let answers = 0
        let waiting: { readonly from: number; readonly reached: Deferred.Deferred<void> } | undefined
        const faults = new Map<string, number>()

        /** Asks until it is known what became of it. */
        const insist = (path: string, key: string, body: object): Effect.Effect<Service.Answer> =>
          Effect.gen(function* () {
            asked++
            for (;;) {
              const answer = yield* Effect.option(Service.tryAsk(`${url}${path}`, { body, key }))
              const isAnswered = Option.isSome(answer) && answer.value.status < 500
              if (isAnswered) {
                if (waiting !== undefined && ++answers >= waiting.from)
                  yield* Deferred.succeed(waiting.reached, undefined)
                return answer.value
              }
              const fault = Option.match(answer, {
                onNone: () => "no answer",
                onSome: ({ json }) => String(json?.code)
              })
              faults.set(fault, (faults.get(fault) ?? 0) + 1)
              yield* Effect.sleep("20 millis")
            }
          })
        const answered = (count: number) =>
          Effect.gen(function* () {
            const reached = yield* Deferred.make<void>()
            waiting = { from: answers + count, reached }
            yield* Deferred.await(reached)
          })

        const ids = Array.from({ length: accounts }, (_, number) => `a-${number}`)
        for (const id of ids) {
          const opened = yield* insist("/accounts", `open-${id}`, { accountId: id, owner: "A", currency: "EUR" })
          assert.strictEqual(opened.status, 201, opened.text)
        }
        const one = (key: string) =>
          Effect.gen(function* () {
            const amount = `${1 + any(9)}.${10 + any(90)}`
            const [id = "", other = ""] = [ids[any(accounts)], ids[any(accounts)]]
            if (next() < 0.15 && id !== other) {
              const body = { transferId: key, from: id, to: other, amount }
              const { status, text } = yield* insist("/transfers", key, body)
              assert.isTrue(status < 300 || status === 409, text)
              if (status < 300) transfers.set(key, { from: id, to: other, amount })
              return
            }
            const kind = next() < 0.6 ? "deposits" : "withdrawals"
            const { status, text } = yield* insist(`/accounts/${id}/${kind}`, key, { amount })
            assert.include([200, 409], status, text)
            done.set(key, { kind, id, amount, status })
          })
        const client = (name: number) =>
          Effect.gen(function* () {
            for (let number = 0; !stopping; number++) yield* one(`c-${name}-${number}`)
          })

        const healings: Array<{ readonly whole: number; readonly afterServer: number }> = []
        const nemesis = Effect.gen(function* () {
          for (let restart = 0; restart < restarts; restart++) {
            yield* answered(20 + any(isLong ? 500 : 50))
            const killed = performance.now()
            yield* Effect.promise(() => server.restart())
            const up = performance.now()
            yield* answered(1)
            healings.push({ whole: performance.now() - killed, afterServer: performance.now() - up })
            // Each client may have waited.
            yield* answered(clients)
          }
          stopping = true
        })
        yield* Effect.all([nemesis, ...Array.from({ length: clients }, (_, name) => client(name))], {
          concurrency: "unbounded"
        })
        const worst = (of: "whole" | "afterServer") => (Math.max(...healings.map((one) => one[of])) / 1_000).toFixed(1)
        console.log(
          `${restarts} restarts, ${asked} commands, faults ${JSON.stringify([...faults])}; served again at worst ` +
            `${worst("whole")} s after the kill, ${worst("afterServer")} s after the server was up`
        )
        assert.isAbove(faults.size, 0)
        assert.isNull(child.exitCode, stderr())
        if (isLong) assert.isBelow(Number(worst("whole")), 10)

        // It says so too: a fault counts for a second. What the service was told is in its read models.
        yield* Effect.repeat(Service.ask(`${url}/health/ready`), {
          until: ({ status }) => status === 200,
          schedule: Schedule.spaced("100 millis")
        })
        // A transfer may be on its way still.
        const settled: typeof log = Effect.flatMap(log, (events) =>
          Conservation.check(events).pending.length === 0 ? Effect.succeed(events) : Effect.delay(settled, "100 millis")
        )
        const events = yield* Effect.provide(settled, PostgresStore.layer({ url: server.url, mode: "readOnly" }))
        assert.deepInclude(Conservation.check(events), { violation: undefined, inFlight: [] })
        const stored = new Map<string, number>()
        for (const { commandId } of events) stored.set(commandId, (stored.get(commandId) ?? 0) + 1)
        const balances = new Map(ids.map((id) => [id, 0n]))
        const add = (id: string, amount: bigint) => balances.set(id, (balances.get(id) ?? 0n) + amount)
        for (const [key, { amount, id, kind, status }] of done) {
          assert.strictEqual(stored.get(key) ?? 0, status === 200 ? 1 : 0, key)
          if (status === 200) add(id, kind === "deposits" ? minor(amount) : -minor(amount))
        }
        let moved = 0
        for (const [key, { amount, from, to }] of transfers) {
          const { json } = yield* Service.ask(`${url}/transfers/${key}`)
          if (json.status !== "completed") continue
          moved++
          add(from, -minor(amount))
          add(to, minor(amount))
        }
        for (const [id, balance] of balances) {
          const account = yield* Service.ask(`${url}/accounts/${id}`)
          assert.strictEqual(minor(account.json.balance), balance, id)
          const summary = yield* Service.ask(`${url}/accounts/${id}/summary?minPosition=${events.at(-1)?.position}`)
          assert.strictEqual(minor(summary.json.currentBalance), balance, summary.text)
        }
        assert.isAbove(moved, 0)
        const { stdout } = yield* Cli.run(["verify", "--db", server.url, "--json"])
        assert.deepInclude(JSON.parse(stdout), { ok: true, events: events.length }, stdout)
      }),
    900_000
  )
})
