/**
 * Three nodes, clients on all of them, one node killed and another stopped past its lease: what was acknowledged is in the log
 * once, and the service comes back. How soon is printed, since it depends on what else the machine does: see
 * `docs/operate/cluster.md`. `DAYBOOK_LONG=1`: it takes two minutes.
 */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Ref, Schedule } from "effect"
import * as Cli from "../cli/Cli.ts"
import * as Feed from "../http/Feed.ts"
import * as Service from "../http/Service.ts"
import { isLong, random } from "../Random.ts"
import { client, schema } from "../sql/Postgres.ts"
import * as Nodes from "./Nodes.ts"

const accounts = 1_000
const clientsPerNode = 8

/** Longer than a lease, and the time to notice that it is over. */
const stopped = Duration.seconds(15)

interface Acknowledged {
  readonly accountId: string
  readonly commandId: string
  readonly version: number
}

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
        const acknowledged: Array<Acknowledged> = []
        const failures = new Map<string, number>()
        let worst = 0

        /** Under one key until it is done, on the next node after each answer that is none. */
        const insist = Effect.fnUntraced(function* (first: number, path: string, key: string, body: object) {
          const from = Date.now()
          for (let at = first; ; at++) {
            const answer = yield* Service.tryAsk(`${urls[at % urls.length]}${path}`, { body, key }).pipe(
              Effect.timeout("3 seconds"),
              Effect.either
            )
            const status = answer._tag === "Right" ? answer.right.status : 0
            if (answer._tag === "Right" && status < 300) {
              worst = Math.max(worst, Date.now() - from)
              return answer.right.json as { readonly commandId: string; readonly version: number }
            }
            const what = answer._tag === "Left" ? "no answer" : `${status} ${Service.problem(answer.right).code}`
            failures.set(what, (failures.get(what) ?? 0) + 1)
            assert.include([0, 503], status, what)
            yield* Effect.sleep("100 millis")
          }
        })

        yield* Effect.forEach(
          Array.from({ length: accounts }, (_, number) => number),
          (number) =>
            insist(number, "/accounts", `open-${number}`, { accountId: idOf(number), owner: "Anna", currency: "EUR" }),
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
        let sent = 0
        const work = (node: number) =>
          Effect.gen(function* () {
            while (yield* going) {
              const accountId = idOf(Math.floor(pick() * accounts))
              const body = { amount: "1" }
              const { commandId, version } = yield* insist(node, `/accounts/${accountId}/deposits`, `d-${sent++}`, body)
              acknowledged.push({ accountId, commandId, version })
            }
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
          console.log(`${what}: slowest ${worst} ms, ${acknowledged.length} deposits so far`)
          worst = 0
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
        console.log("answers that were none:", Object.fromEntries(failures))

        const sql = yield* client(url)
        const rows = yield* sql.unsafe<{
          readonly position: string
          readonly stream: string
          readonly version: string
          readonly command: string
        }>("SELECT position, stream_id AS stream, version, command_id AS command FROM events ORDER BY position")
        const heads = new Map<string, number>()
        const stored = new Map<string, string>()
        for (const { command, stream, version } of rows) {
          assert.strictEqual(Number(version), (heads.get(stream) ?? 0) + 1, `${stream} has a version twice, or none`)
          heads.set(stream, Number(version))
          assert.isFalse(stored.has(command), `${command} was applied twice`)
          stored.set(command, `${stream} ${version}`)
        }
        for (const { accountId, commandId, version } of acknowledged) {
          assert.strictEqual(stored.get(commandId), `account-${accountId} ${version}`, "it was acknowledged")
        }
        assert.strictEqual(rows.length, accounts + sent)
        yield* Effect.repeat(
          Effect.sync(() => positions.length),
          { until: (count) => count >= rows.length, schedule: Schedule.spaced("50 millis") }
        )
        assert.deepStrictEqual(
          positions,
          rows.map(({ position }) => Number(position))
        )
        const verified = yield* Cli.run(["verify", "--db", url])
        assert.strictEqual(verified.code, 0, verified.stderr)
      }),
    400_000
  )
})
