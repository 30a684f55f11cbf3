/** A log on JetStream through the sudden end of its servers: nothing torn, nothing acknowledged lost, none twice. */
import { join } from "node:path"
import process from "node:process"
import { Effect } from "effect"
import { assert, describe, it } from "vitest"
import * as NatsStore from "../../src/nats/NatsStore.ts"
import * as LogCopy from "../../src/sql/LogCopy.ts"
import * as NatsServer from "../NatsServer.ts"
import { isLong, random } from "../Random.ts"
import * as Servers from "../Servers.ts"
import { append, log, problems } from "../sql/Log.ts"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"
import * as Nats from "./Nats.ts"

/** Appends under its id until it is answered. */
const insist = (stream: string, id: string) =>
  Effect.retry(append(stream, id), {
    while: ({ _tag }) => _tag === "OutcomeUnknown" || _tag === "StoreUnavailable"
  })

/** Ends what is appended at a random instant, each time it has gone on by some commands. */
const whileKilled = <E, R>(kills: number, kill: Effect.Effect<void, E, R>) =>
  Effect.gen(function* () {
    const next = random("kills of servers")
    const ids: Array<string> = []
    let isOver = false
    const writers = Array.from({ length: 16 }, (_, writer) =>
      Effect.gen(function* () {
        for (let index = 0; !isOver; index++) {
          const id = `c-${writer}-${index}`
          yield* insist(`s-${index % 5}`, id)
          ids.push(id)
        }
      })
    )
    const killer = Effect.gen(function* () {
      for (let count = 0; count < kills; count++) {
        const before = ids.length
        while (ids.length < before + 20) yield* Effect.sleep(1 + Math.floor(next() * 20))
        yield* kill
      }
      isOver = true
    })
    yield* Effect.all([killer, ...writers], { concurrency: "unbounded" })
    return ids
  })

/** The log has each of these commands once, and is sound, in the stream as in its file. */
const assertExact = (ids: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const stored = (yield* log).map(({ commandId }) => commandId)
    assert.deepStrictEqual(stored.toSorted(), ids.toSorted())
    assert.deepStrictEqual([yield* problems(), yield* LogCopy.damages], [[], []])
  })

const server = (options?: NatsServer.Options) =>
  Effect.acquireRelease(
    Effect.promise(() => NatsServer.start(options)),
    (server) => Effect.promise(() => server.stop())
  )

describe.skipIf(!Nats.isThere)("a log on JetStream", () => {
  it(
    "has what was acknowledged, each once, after its server was killed at random instants",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const one = yield* server()
        const url = (file: string) => `${one.url}/log?monitor=${one.monitorUrl}&local=${join(folder, file)}`
        const kill = Effect.promise(() => one.kill().then(one.restart))
        const ids = yield* Effect.provide(
          Effect.tap(whileKilled(isLong ? 50 : 2, kill), assertExact),
          NatsStore.layer({ url: url("a.db") })
        )
        yield* Effect.provide(assertExact(ids), NatsStore.layer({ url: url("new.db") }))
      }).pipe(Effect.scoped, Effect.runPromise),
    600_000
  )

  it.runIf(isLong)(
    "has what was acknowledged, each once, after the leader of three servers was killed under load",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const ports = yield* Effect.promise(() => Promise.all([1, 2, 3].map(() => Servers.freePort())))
        const routes = ports.map((port) => `"nats-route://127.0.0.1:${port}"`).join(", ")
        const servers = yield* Effect.forEach(
          ports,
          (port, index) =>
            server({
              name: `n${index}`,
              config: `cluster { name: "test", listen: "127.0.0.1:${port}", routes: [${routes}] }`
            }),
          { concurrency: "unbounded" }
        )
        const hosts = servers.map(({ url }) => new URL(url).host).join(",")
        const monitors = servers.map(({ monitorUrl }) => monitorUrl).join(",")
        const url = (file: string) => `nats://${hosts}/log?replicas=3&monitor=${monitors}&local=${join(folder, file)}`
        // Three servers that have just started find each other first.
        const open = <A, E, R>(work: Effect.Effect<A, E, R>, file: string) =>
          Effect.provide(work, NatsStore.layer({ url: url(file) }))
        yield* Effect.retry(open(Effect.void, "first.db"), { times: 60 })
        const leader = Effect.promise(async () => {
          for (const { monitorUrl } of servers) {
            const answer = await fetch(`${monitorUrl}/jsz?streams=true`).catch(() => undefined)
            const { account_details: accounts = [] } = ((await answer?.json()) ?? {}) as {
              account_details?: ReadonlyArray<{ stream_detail?: ReadonlyArray<{ cluster?: { leader?: string } }> }>
            }
            const name = accounts[0]?.stream_detail?.[0]?.cluster?.leader
            if (name !== undefined) return servers[Number(name.slice(1))]
          }
          return undefined
        })
        let longestMs = 0
        const kill = Effect.gen(function* () {
          const killed = yield* leader
          if (killed === undefined) return
          const began = performance.now()
          yield* Effect.promise(() => killed.kill())
          yield* insist("gap", `gap-${began}`)
          longestMs = Math.max(longestMs, performance.now() - began)
          yield* Effect.promise(() => killed.restart())
        })
        const ids = yield* open(whileKilled(3, kill), "a.db")
        process.stdout.write(`the longest gap after the leader's death: ${Math.round(longestMs)} ms\n`)
        const others = Effect.gen(function* () {
          const stored = (yield* log).map(({ commandId }) => commandId).filter((id) => !id.startsWith("gap"))
          assert.deepStrictEqual(stored.toSorted(), ids.toSorted())
          assert.deepStrictEqual([yield* problems(), yield* LogCopy.damages], [[], []])
        })
        yield* Effect.retry(open(others, "new.db"), { times: 20 })
      }).pipe(Effect.scoped, Effect.runPromise),
    600_000
  )
})
