/**
 * Three nodes, clients on all of them, one node killed and another stopped past its lease: what was acknowledged is in
 * the log once, and the service comes back. How soon is printed, since it depends on what else the machine does: see
 * `docs/operate/cluster.md`. `DAYBOOK_LONG=1`: it takes two minutes.
 */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Ref, Schedule } from "effect"
import * as Cli from "../cli/Cli.ts"
import * as Feed from "../http/Feed.ts"
import { isLong, random } from "../Random.ts"
import { schema } from "../sql/Postgres.ts"
import * as Ledger from "./Ledger.ts"
import * as Nodes from "./Nodes.ts"

const accounts = 1_000
const clientsPerNode = 8

/** Longer than a lease, and the time to notice that it is over. */
const stopped = Duration.seconds(15)

describe("three nodes", () => {
  it.scopedLive.runIf(isLong)(
    "lose no acknowledged command when one is killed and one is stopped, and come back",
    () =>
      Effect.gen(function* () {
        const pick = random("failover")
        const url = yield* schema
        const nodes = yield* Nodes.start(Cli.program(), url, 3)
        const urls = nodes.map((node) => node.url)
        const idOf = (number: number) => `account-${number}`
        const ledger = Ledger.make(urls)
        yield* Effect.forEach(
          Array.from({ length: accounts }, (_, number) => number),
          (number) => ledger.open(idOf(number), number),
          { concurrency: 16 }
        )
        const [, stoppable, killable] = nodes
        assert(stoppable !== undefined && killable !== undefined)

        const positions: Array<number> = []
        const feed = yield* Feed.follow(`${urls[0]}/events/stream?after=0`)
        yield* Feed.nextEvent(feed).pipe(
          Effect.tap(({ id }) => void positions.push(Number(id))),
          Effect.forever,
          Effect.forkScoped
        )

        const going = yield* Ref.make(true)
        const work = (node: number) =>
          Effect.gen(function* () {
            while (yield* going) yield* ledger.deposit(idOf(Math.floor(pick() * accounts)), node)
          })
        const clients = yield* Effect.fork(
          Effect.all(
            Array.from({ length: clientsPerNode * nodes.length }, (_, number) => work(number)),
            { concurrency: "unbounded", discard: true }
          )
        )
        /** What was the worst since the last look. */
        const phase = Effect.fnUntraced(function* (what: string, duration: Duration.DurationInput) {
          yield* Effect.sleep(duration)
          console.log(`${what}: slowest ${ledger.takeSlowest()} ms, ${ledger.acknowledged.length} deposits so far`)
        })
        yield* phase("all well", "5 seconds")
        killable.process.kill("SIGKILL")
        yield* phase("one killed", "20 seconds")
        stoppable.process.kill("SIGSTOP")
        yield* phase("one stopped", stopped)
        stoppable.process.kill("SIGCONT")
        yield* phase("one continued", "10 seconds")
        yield* Ref.set(going, false)
        yield* Fiber.join(clients)
        yield* phase("all answered", 0)
        console.log("answers that were none:", Object.fromEntries(ledger.failures))

        const events = yield* ledger.check(url)
        yield* Effect.repeat(
          Effect.sync(() => positions.length),
          { until: (count) => count >= events.length, schedule: Schedule.spaced("50 millis") }
        )
        assert.deepStrictEqual(
          positions,
          events.map(({ position }) => position)
        )
        const verified = yield* Cli.run(["verify", "--db", url])
        assert.strictEqual(verified.code, 0, verified.stderr)
      }),
    400_000
  )
})
