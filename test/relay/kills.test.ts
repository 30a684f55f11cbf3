/**
 * Relays that are killed again and again, and so are their servers, while a log goes through. Long: with
 * `DAYBOOK_LONG=1`, 100,000 events, 30 kills of the relay and 5 of the server.
 */
import { join } from "node:path"
import process from "node:process"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Cli from "../cli/Cli.ts"
import * as KafkaServer from "../KafkaServer.ts"
import * as NatsServer from "../NatsServer.ts"
import * as KafkaTopic from "./KafkaTopic.ts"
import * as NatsStream from "./NatsStream.ts"
import * as Relays from "./Relays.ts"

const isLong = process.env.DAYBOOK_LONG === "1"
const streams = 100
const each = 1_000
const kills = 30
const serverKills = 5

interface Server {
  readonly kill: () => Promise<void>
  readonly restart: () => Promise<void>
}

/** Kills the relay whenever it has come a part further, and sometimes the server with it; gives what it came to. */
const relayWithKills = (folder: string, to: string, server: Server) =>
  Effect.gen(function* () {
    const db = join(folder, "log.db")
    yield* Effect.gen(function* () {
      const last = yield* Relays.write(streams, each)
      let done = 0
      for (let kill = 1; kill <= kills + 1; kill++) {
        const args = ["relay", "--db", `sqlite:${db}`, "--to", to, "--from", "beginning"]
        const { child, ended } = Cli.start(args)
        const target = kill > kills ? last : Math.floor((last * kill) / (kills + 2))
        if (kill % (kills / serverKills) === 0) {
          yield* Relays.until("main", ({ live }) => live.position >= Math.max(target - 500, done))
          yield* Effect.promise(() => server.kill())
          yield* Effect.promise(() => server.restart())
        }
        const { live } = yield* Relays.untilAt("main", target)
        done = live.position
        child.kill("SIGKILL")
        yield* Effect.promise(() => ended)
      }
      assert.strictEqual(done, last)
    }).pipe(Effect.provide(Relays.store(db)))
  })

describe.skipIf(!isLong)("a relay that is killed, and its server", () => {
  it.scopedLive.skipIf(KafkaServer.found === undefined)(
    "Kafka: has each position once, in the order of its stream",
    () =>
      Effect.gen(function* () {
        const server = yield* Effect.acquireRelease(
          Effect.promise(() => KafkaServer.start()),
          ({ stop }) => Effect.promise(stop)
        )
        const folder = yield* Cli.folder
        yield* relayWithKills(folder, `kafka://${server.broker}/log?partitions=4`, server)
        const arrived = yield* Effect.promise(() => KafkaTopic.read(server.broker, "log"))
        Relays.assertOnce(arrived, Relays.range(1, streams * each))
      }),
    900_000
  )

  it.scopedLive.skipIf(NatsServer.found === undefined)(
    "NATS: lacks none, and what came twice has one id",
    () =>
      Effect.gen(function* () {
        const server = yield* Effect.acquireRelease(
          Effect.promise(() => NatsServer.start()),
          ({ stop }) => Effect.promise(stop)
        )
        const folder = yield* Cli.folder
        yield* relayWithKills(folder, `${server.url}/log`, server)
        const arrived = yield* NatsStream.read(server.url, "LOG")
        const ids = new Map(arrived.map(({ id, sequence }) => [sequence, id]))
        assert.strictEqual(ids.size, streams * each)
        assert.strictEqual(new Set(arrived.map(({ id }) => id)).size, streams * each)
        console.log(`NATS: ${arrived.length - ids.size} of ${arrived.length} messages came twice`)
        const first = new Map(arrived.toReversed().map((event) => [event.id, event]))
        Relays.assertOrdered([...first.values()].toReversed())
      }),
    900_000
  )

  it.scopedLive.skipIf(NatsServer.found === undefined)(
    "NATS: one that stood still past its lease finds another in its place, and each position is there once",
    () =>
      Effect.gen(function* () {
        const server = yield* Effect.acquireRelease(
          Effect.promise(() => NatsServer.start()),
          ({ stop }) => Effect.promise(stop)
        )
        const db = join(yield* Cli.folder, "log.db")
        yield* Effect.gen(function* () {
          const last = yield* Relays.write(streams, each / 10)
          const args = ["relay", "--db", `sqlite:${db}`, "--to", `${server.url}/log`, "--from", "beginning"]
          const start = Effect.acquireRelease(
            Effect.sync(() => Cli.start(args)),
            ({ child, ended }) =>
              Effect.promise(() => {
                child.kill("SIGKILL")
                return ended
              })
          )
          const former = yield* start
          const { live } = yield* Relays.untilAt("main", last / 10)
          former.child.kill("SIGSTOP")
          yield* start
          // It can go on alone, once the lease is over.
          yield* Relays.untilAt("main", Math.max(live.position + 500, last / 2))
          former.child.kill("SIGCONT")
          yield* Relays.untilAt("main", last)
        }).pipe(Effect.provide(Relays.store(db)))
        Relays.assertOnce(yield* NatsStream.read(server.url, "LOG"), Relays.range(1, (streams * each) / 10))
      }),
    300_000
  )
})
