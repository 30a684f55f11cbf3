/**
 * Mixed load for `DAYBOOK_SOAK` minutes, 20 in the long form: memory, file descriptors and the write-ahead log level off, by
 * the medians of the last third and of the middle one.
 */
import { readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
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

const median = (values: ReadonlyArray<number>): number =>
  [...values].sort((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN

describe("soak", () => {
  it.runIf(minutes > 0)(
    "levels off",
    () =>
      Effect.gen(function* () {
        const filename = join(yield* temporaryFolder, "d.db")
        const { process: child, stderr, url } = yield* Service.start(["--db", `sqlite:${filename}`])
        const next = random("soak")
        const ids: Array<string> = []
        for (let n = 0; n < accounts; n++) ids.push(yield* Service.open(url, { overdraftLimit: "1000000" }))
        const start = yield* Clock.currentTimeMillis
        const end = start + minutes * 60_000
        const expect = (status: number, path: string, asked?: Service.Asked) =>
          Effect.map(ask(`${url}${path}`, asked), (answer) => {
            assert.strictEqual(answer.status, status, `${path}: ${answer.text}`)
            count++
          })
        let count = 0
        const pick = (now: number) => {
          const first = ((now - start) / (end - start)) * circles * accounts
          return ids[Math.floor(first + next() * inUse) % accounts] ?? ""
        }
        const reads = ["", "/summary", "/events?limit=20", "?version=1"]

        const client = Effect.gen(function* () {
          for (let now = start; now < end; now = yield* Clock.currentTimeMillis) {
            const id = pick(now)
            const key = `soak ${++keys}`
            const chance = next()
            const booking = `/accounts/${id}/${next() < 0.5 ? "deposits" : "withdrawals"}`
            if (chance < 0.5) yield* expect(200, booking, { body: { amount: "1" }, key })
            else if (chance < 0.6) {
              const body = { from: id, to: pick(now), amount: "1" }
              // To the same account it is not a transfer.
              if (body.from !== body.to) {
                const { status, text } = yield* ask(`${url}/transfers`, { body, key })
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
                Effect.flatMap(follow(`${url}/events/stream?after=${Math.floor(next() * 1_000)}`), (feed) =>
                  Effect.replicateEffect(nextEvent(feed), 20).pipe(
                    Effect.zipRight(next() < 0.5 ? feed.stall : Effect.void)
                  )
                )
              )
            }
          }
        })
        let keys = 0
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
            Array.from({ length: clients }, () => client),
            { concurrency: "unbounded", discard: true }
          ),
          Effect.forever(watch)
        )
        const third = Math.floor(seen.length / 3)
        const report = (of: "rss" | "files" | "wal") => {
          const [middle, last] = [seen.slice(third, 2 * third), seen.slice(2 * third)].map((part) =>
            median(part.map((sample) => sample[of]))
          ) as [number, number]
          console.log(`${of}: ${middle.toFixed(1)} in the middle third, ${last.toFixed(1)} in the last`)
          return { middle, last }
        }
        const { text: metrics } = yield* ask(`${url}/metrics`)
        const passivations = Number(/^daybook_actor_passivations_total (\d+)/m.exec(metrics)?.[1])
        console.log(`${count} requests in ${minutes} minutes; actors that left memory: ${passivations}`)
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
        if (minutes > 5) assert.isAbove(passivations, 0)
        assert.notInclude(stderr(), '"ERROR"')
      }).pipe(Effect.scoped, Effect.runPromise),
    (minutes + 2) * 60_000
  )
})
