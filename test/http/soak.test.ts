/**
 * Mixed load for `DAYBOOK_SOAK` minutes, 20 in the long form, with tokens and a rate for each: memory, file descriptors
 * and the write-ahead log level off, by the medians of the last third and of the middle one; who stays within its rate
 * is never refused for it, while another token sends more than its own all the time.
 */
import { createHash } from "node:crypto"
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect } from "effect"
import { isLong, random } from "../Random.ts"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"
import { follow, nextEvent } from "./Feed.ts"
import * as Service from "./Service.ts"

const { ask } = Service
const minutes = Number(process.env.DAYBOOK_SOAK ?? (isLong ? 20 : 0))
const accounts = 1_000
/** The load moves on, in a circle: accounts that are left alone for two minutes leave memory, and later come back. */
const inUse = 200
const circles = Math.max(1, Math.floor(minutes / 6))
const clients = 16
const samples = 60
/**
 * Requests a second of one token: more than a client sends, which pauses after each, and fewer than the slowest machine
 * answers.
 */
const rate = 60
const pause = Duration.millis(20)
/** What the greedy one sends at a time. */
const burst = 1_000

const tokenOf = (name: string): string => `secret-of-${name.replace(" ", "-")}`
const bearer = (name: string) => ({ authorization: `Bearer ${tokenOf(name)}` })
const names = ["greedy", ...Array.from({ length: clients }, (_, n) => `client ${n}`)]
const tokens = names.map((name) => {
  return { name, sha256: createHash("sha256").update(tokenOf(name)).digest("hex"), scopes: ["write"] }
})

const median = (values: ReadonlyArray<number>): number =>
  [...values].sort((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN

describe("soak", () => {
  it.runIf(minutes > 0)(
    "levels off",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const filename = join(folder, "d.db")
        const tokensFile = join(folder, "tokens.json")
        writeFileSync(tokensFile, JSON.stringify(tokens))
        const args = ["--db", `sqlite:${filename}`, "--tokens", tokensFile, "--rate", String(rate)]
        const { process: child, stderr, url } = yield* Service.start(args)
        const next = random("soak")
        const ids: Array<string> = []
        for (let n = 0; n < accounts; n++) {
          const body = { accountId: `account-${n}`, owner: "Anna", currency: "EUR", overdraftLimit: "1000000" }
          // By turns, so that no token comes to its rate.
          const opened = yield* ask(`${url}/accounts`, { body, headers: bearer(`client ${n % clients}`) })
          assert.strictEqual(opened.status, 201, opened.text)
          ids.push(body.accountId)
        }
        const start = yield* Clock.currentTimeMillis
        const end = start + minutes * 60_000
        const expectOf =
          (name: string) =>
          (status: number, path: string, asked: Service.Asked = {}) =>
            Effect.map(ask(`${url}${path}`, { ...asked, headers: bearer(name) }), (answer) => {
              assert.strictEqual(answer.status, status, `${path}: ${answer.text}`)
              count++
            })
        let count = 0
        const pick = (now: number) => {
          const first = ((now - start) / (end - start)) * circles * accounts
          return ids[Math.floor(first + next() * inUse) % accounts] ?? ""
        }
        const reads = ["", "/summary", "/events?limit=20", "?version=1"]

        const client = (name: string) =>
          Effect.gen(function* () {
            const expect = expectOf(name)
            for (let now = start; now < end; now = yield* Clock.currentTimeMillis) {
              yield* Effect.sleep(pause)
              const id = pick(now)
              const key = `soak ${++keys}`
              const chance = next()
              const booking = `/accounts/${id}/${next() < 0.5 ? "deposits" : "withdrawals"}`
              if (chance < 0.5) yield* expect(200, booking, { body: { amount: "1" }, key })
              else if (chance < 0.6) {
                const body = { from: id, to: pick(now), amount: "1" }
                // To the same account it is not a transfer.
                if (body.from !== body.to) {
                  const { status, text } = yield* ask(`${url}/transfers`, { body, key, headers: bearer(name) })
                  assert.include([201, 202], status, text)
                  count++
                }
              } else if (chance < 0.88) yield* expect(200, `/accounts/${id}${reads[Math.floor(next() * reads.length)]}`)
              else if (chance < 0.9) yield* expect(200, "/accounts?sort=-balance")
              else if (chance < 0.92) yield* expect(400, booking, { body: { amount: "-1" }, key })
              else if (chance < 0.94) yield* expect(400, booking, { raw: '{"amount":"1"', key })
              else if (chance < 0.95) yield* expect(413, booking, { raw: "1".repeat(100_000), key })
              else if (chance < 0.96)
                yield* expect(409, `/accounts/${id}/withdrawals`, { body: { amount: "9".repeat(9) } })
              else if (chance < 0.97) yield* expect(404, "/accounts/nobody")
              else if (chance < 0.98) {
                // A client that goes away before the answer comes.
                yield* Effect.timeoutOption(expect(200, booking, { body: { amount: "1" }, key }), 1)
              } else {
                // A client of the feed that comes, reads a little and goes; half of them after they stopped to read.
                yield* Effect.scoped(
                  Effect.flatMap(
                    follow(`${url}/events/stream?after=${Math.floor(next() * 1_000)}`, bearer(name)),
                    (feed) =>
                      Effect.replicateEffect(nextEvent(feed), 20).pipe(
                        Effect.zipRight(next() < 0.5 ? feed.stall : Effect.void)
                      )
                  )
                )
              }
            }
          })
        let keys = 0
        let refusedOfGreedy = 0
        const greedy = Effect.gen(function* () {
          const one = ask(`${url}/projections`, { headers: bearer("greedy") })
          for (const { status } of yield* Effect.replicateEffect(one, burst, { concurrency: 64 })) {
            assert.include([200, 429], status)
            if (status === 429) refusedOfGreedy++
          }
          yield* Effect.sleep("5 seconds")
        })
        const seen: Array<{ readonly rss: number; readonly files: number; readonly wal: number }> = []
        const watch = Effect.gen(function* () {
          const status = readFileSync(`/proc/${child.pid}/status`, "utf8")
          seen.push({
            rss: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_024,
            files: readdirSync(`/proc/${child.pid}/fd`).length,
            wal: statSync(`${filename}-wal`).size / 1_048_576
          })
          yield* Effect.sleep((minutes * 60_000) / samples)
        })
        yield* Effect.race(
          Effect.all(
            Array.from({ length: clients }, (_, n) => client(`client ${n}`)),
            { concurrency: "unbounded", discard: true }
          ),
          Effect.all([Effect.forever(watch), Effect.forever(greedy)], { concurrency: 2 })
        )
        const third = Math.floor(seen.length / 3)
        const report = (of: "rss" | "files" | "wal") => {
          const [middle, last] = [seen.slice(third, 2 * third), seen.slice(2 * third)].map((part) =>
            median(part.map((sample) => sample[of]))
          ) as [number, number]
          console.log(`${of}: ${middle.toFixed(1)} in the middle third, ${last.toFixed(1)} in the last`)
          return { middle, last }
        }
        const { text: metrics } = yield* ask(`${url}/metrics`, { headers: bearer("client 0") })
        const passivations = Number(/^daybook_actor_passivations_total (\d+)/m.exec(metrics)?.[1])
        console.log(`${count} requests in ${minutes} minutes; actors that left memory: ${passivations}`)
        console.log(`requests beyond a rate: ${refusedOfGreedy}, all of the one that sends too many`)
        console.log("minute | RSS MiB | descriptors | WAL MiB")
        for (const [n, { files, rss, wal }] of seen.entries()) {
          if (n % 3 > 0) continue
          console.log(`${((n * minutes) / samples).toFixed(0)} | ${rss.toFixed(0)} | ${files} | ${wal.toFixed(1)}`)
        }
        const [rss, files, wal] = [report("rss"), report("files"), report("wal")]
        // A tenth: less than any leak by request would add in a third of the time.
        assert.isAtMost(rss.last, rss.middle * 1.1)
        assert.isAtMost(files.last, files.middle * 1.1 + clients)
        assert.isAtMost(wal.last, wal.middle * 1.1)
        assert.isAbove(refusedOfGreedy, 0)
        if (minutes > 5) assert.isAbove(passivations, 0)
        assert.notInclude(stderr(), '"ERROR"')
      }).pipe(Effect.scoped, Effect.runPromise),
    (minutes + 2) * 60_000
  )
})
