/** Mixed load for `DAYBOOK_SOAK` minutes, 20 in the long form: memory, file descriptors and the write-ahead log level off. */
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
const accounts = 200
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
        const end = (yield* Clock.currentTimeMillis) + minutes * 60_000
        let requests = 0

        const client = Effect.gen(function* () {
          while ((yield* Clock.currentTimeMillis) < end) {
            requests++
            const account = `${url}/accounts/${ids[Math.floor(next() * accounts)]}`
            const chance = next()
            if (chance < 0.7) {
              const path = `${account}/${chance < 0.4 ? "deposits" : "withdrawals"}`
              assert.strictEqual((yield* ask(path, { body: { amount: "1" }, key: `soak ${requests}` })).status, 200)
            } else if (chance < 0.98) {
              const paths = ["", "/summary", "/events?limit=20", "?version=1"]
              assert.strictEqual((yield* ask(account + paths[Math.floor(next() * paths.length)])).status, 200)
            } else {
              // A client of the feed that comes, reads a little and goes.
              yield* Effect.scoped(
                Effect.flatMap(follow(`${url}/events/stream`), (feed) => Effect.replicateEffect(nextEvent(feed), 20))
              )
            }
          }
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
        console.log(`${requests} requests in ${minutes} minutes`)
        const [rss, files, wal] = [report("rss"), report("files"), report("wal")]
        assert.isAtMost(rss.last, rss.middle * 1.2 + 20)
        assert.isAtMost(files.last, files.middle + 8)
        assert.isAtMost(wal.last, wal.middle * 1.2 + 8)
        assert.notInclude(stderr(), '"ERROR"')
      }).pipe(Effect.scoped, Effect.runPromise),
    (minutes + 2) * 60_000
  )
})
