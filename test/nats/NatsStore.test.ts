/** What a log on JetStream keeps beside the suites that every store runs: see `src/nats/NatsLog.ts`. */
import { rmSync } from "node:fs"
import { Chunk, Effect, Either, Stream } from "effect"
import { assert, describe, inject } from "vitest"
import * as LogFile from "../../src/cli/LogFile.ts"
import { EventStore } from "../../src/core/EventStore.ts"
import * as DatabaseFigures from "../../src/sql/DatabaseFigures.ts"
import * as LogCopy from "../../src/sql/LogCopy.ts"
import { SqlDatabase } from "../../src/sql/SqlDatabase.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import * as NatsServer from "../NatsServer.ts"
import { append, log, problems, request } from "../sql/Log.ts"
import * as Nats from "./Nats.ts"
import * as NatsProxy from "./NatsProxy.ts"

const { on, refusal, test, withPayload } = Nats

/** What the store on this address exports, and that it is sound. */
const exported = Effect.gen(function* () {
  assert.deepStrictEqual(yield* problems(), [])
  return yield* LogFile.digest
})

const raise = Effect.flatMap(EventStore, (store) =>
  store.record({ kind: "epoch", name: "restore", detail: "{}", principal: null })
)

describe("a log on JetStream", () => {
  test(
    "is built again from the stream when the local file is lost, its epoch and its payloads too",
    Effect.gen(function* () {
      const { file, of } = yield* Nats.address
      const before = yield* Effect.provide(
        Effect.gen(function* () {
          const store = yield* EventStore
          for (let index = 0; index < 20; index++) yield* append(`s-${index % 3}`, `c-${index}`)
          yield* raise
          yield* store.append([withPayload("s-0", "p-1", "one")])
          return [yield* exported, yield* store.journalHead, yield* store.findDecided("p-1")] as const
        }),
        on(of())
      )
      for (const suffix of ["", "-wal", "-shm"]) rmSync(file(`local.db${suffix}`), { force: true })
      const after = yield* Effect.provide(
        Effect.gen(function* () {
          const store = yield* EventStore
          assert.strictEqual((yield* append("s-0", "c-0"))._tag, "StoredBefore")
          return [yield* exported, yield* store.journalHead, yield* store.findDecided("p-1")] as const
        }),
        on(of())
      )
      assert.deepStrictEqual(after, before)
      assert.strictEqual(after[2]?.payload, "one")
    })
  )

  test(
    "has each command once where two processes send the same ids at once, and each sees what the other was answered",
    Effect.gen(function* () {
      const { of } = yield* Nats.address
      const ids = Array.from({ length: 60 }, (_, index) => index)
      const send = Effect.forEach(ids, (index) => append(`s-${index % 7}`, `c-${index}`), { concurrency: 8 })
      const inProcess = (name: string) => Effect.provide(send, on(of(name)))
      const both = yield* Effect.all([inProcess("left.db"), inProcess("right.db")], { concurrency: 2 })
      ids.forEach((index) => {
        const tags = both.map((verdicts) => verdicts[index]?._tag).sort()
        assert.deepStrictEqual(tags, ["Stored", "StoredBefore"], `c-${index}`)
      })
      for (const name of ["left.db", "right.db"]) {
        const events = yield* Effect.provide(Effect.zipLeft(log, exported), on(of(name)))
        assert.strictEqual(events.length, ids.length)
      }
    })
  )

  test(
    "shows a reader in another process at once what was acknowledged",
    Effect.gen(function* () {
      const { of } = yield* Nats.address
      yield* Effect.provide(
        Effect.gen(function* () {
          const other = yield* EventStore
          yield* Effect.provide(
            Effect.gen(function* () {
              for (let index = 1; index <= 10; index++) {
                yield* append("s", `c-${index}`)
                assert.strictEqual((yield* other.head(request("s", "").streamId)).version, index)
              }
            }),
            on(of("writer.db"))
          )
        }),
        on(of("reader.db"))
      )
    })
  )

  test(
    "answers that the outcome is not known where the confirmation is lost, and gives the stored answer to the same id",
    Effect.gen(function* () {
      const { of } = yield* Nats.address
      const proxy = yield* NatsProxy.open(new URL(inject("nats").url))
      const through = of().replace(inject("nats").url, proxy.url)
      yield* Effect.provide(
        Effect.gen(function* () {
          yield* append("s", "c-1")
          proxy.cutAfter("Nats-Expected-Last-Sequence")
          const lost = yield* Effect.flip(append("s", "c-2"))
          assert.strictEqual(lost._tag, "OutcomeUnknown")
          const again = yield* Effect.retry(append("s", "c-2"), { while: ({ _tag }) => _tag !== "CommandIdReused" })
          assert.strictEqual(again._tag, "StoredBefore")
          assert.strictEqual((yield* log).length, 2)
          yield* exported
        }),
        on(through)
      )
    })
  )

  test(
    "answers that the store is unavailable while no server is there, and goes on when it is back",
    Effect.gen(function* () {
      const server = yield* Effect.acquireRelease(
        Effect.promise(() => NatsServer.start()),
        (server) => Effect.promise(() => server.stop())
      )
      const { file } = yield* Nats.address
      const url = `${server.url}/log?monitor=${server.monitorUrl}&local=${file("gone.db")}`
      yield* Effect.provide(
        Effect.gen(function* () {
          const store = yield* EventStore
          yield* append("s", "c-1")
          yield* Effect.promise(() => server.kill())
          const away = yield* Effect.flip(Effect.repeat(append("s", "c-2"), { until: () => false }))
          assert.include(["StoreUnavailable", "OutcomeUnknown"], away._tag)
          assert.strictEqual((yield* Effect.flip(append("s", "c-2")))._tag, "StoreUnavailable")
          assert.strictEqual((yield* Effect.flip(store.lastPosition))._tag, "StoreUnavailable")
          yield* Effect.promise(() => server.restart())
          yield* Effect.retry(append("s", "c-2"), { while: ({ _tag }) => _tag === "StoreUnavailable" })
          assert.strictEqual((yield* log).length, 2)
        }),
        on(url)
      )
    })
  )

  test(
    "removes payloads from the stream too, so that they do not come back with a new file",
    Effect.gen(function* () {
      const { nats, of, stream } = yield* Nats.address
      const keep = Effect.gen(function* () {
        const store = yield* EventStore
        yield* store.append([withPayload("s", "p-1", "one")])
        yield* store.append([withPayload("s", "p-2", "two")])
        assert.strictEqual(yield* store.removePayloads(Date.now() + 60_000, 1), 1)
        return yield* exported
      })
      const before = yield* Effect.provide(keep, on(of("writer.db")))
      const found = yield* Effect.promise(() =>
        nats.request(`$JS.API.STREAM.MSG.GET.${stream}`, JSON.stringify({ last_by_subj: `${stream}.payload.1` }))
      )
      assert.strictEqual(found.json<{ error?: { err_code: number } }>().error?.err_code, 10_037)
      yield* Effect.provide(
        Effect.gen(function* () {
          const store = yield* EventStore
          assert.strictEqual(yield* exported, before)
          assert.deepStrictEqual(
            [(yield* store.findDecided("p-1"))?.payload, (yield* store.findDecided("p-2"))?.payload],
            [null, "two"]
          )
          assert.deepStrictEqual(yield* LogCopy.damages, [])
        }),
        on(of("other.db"))
      )
    })
  )

  test(
    "is found to lack a message that a server lost: by verify where the file has it, and by a process that builds a new file",
    Effect.gen(function* () {
      const { nats, of, stream } = yield* Nats.address
      yield* Effect.provide(
        Effect.gen(function* () {
          for (let index = 1; index <= 5; index++) yield* append("s", `c-${index}`)
          assert.deepStrictEqual(yield* LogCopy.damages, [])
          yield* Effect.promise(() => nats.request(`$JS.API.STREAM.MSG.DELETE.${stream}`, JSON.stringify({ seq: 3 })))
          const [found, ...others] = yield* LogCopy.damages
          assert.include(found, "4 of the 5 events")
          assert.deepStrictEqual(others, [])
        }),
        on(of("has-it.db"))
      )
      const refused = yield* refusal(on(of("new.db")))
      assert.deepStrictEqual([refused.problem, /entry 3 is missing/.test(refused.message)], ["damaged", true])
    })
  )

  test(
    "says how much room its local file takes",
    Effect.gen(function* () {
      const { of } = yield* Nats.address
      yield* Effect.provide(
        Effect.gen(function* () {
          yield* append("s", "c")
          const readings = yield* DatabaseFigures.source(yield* SqlDatabase)
          const size = readings.find(({ name }) => name === "daybook.database.size")?.value
          assert.isAbove(size ?? 0, 0)
        }),
        on(of())
      )
    })
  )

  test(
    "is copied from SQLite and back, with the same bytes, and taken up there",
    Effect.gen(function* () {
      const { file, of } = yield* Nats.address
      const sqlite = (name: string) => SqliteStore.layer({ filename: file(name) })
      const rows = Effect.map(Stream.runCollect(LogCopy.rows), Chunk.toReadonlyArray)
      const restore = (all: ReadonlyArray<LogCopy.LogRow>) => LogCopy.restore(Stream.fromIterable(all))
      const fill = Effect.gen(function* () {
        const store = yield* EventStore
        yield* Effect.forEach(Array.from({ length: 300 }), (_, index) => append(`s-${index % 10}`, `c-${index}`), {
          concurrency: "unbounded"
        })
        yield* raise
        yield* store.append([withPayload("s-0", "p-1", "one")])
        return [yield* exported, yield* rows] as const
      })
      const [first, all] = yield* Effect.provide(fill, sqlite("source.db"))
      const copied = yield* Effect.provide(
        Effect.zipRight(restore(all), Effect.all([exported, rows, LogCopy.damages])),
        on(of("copy.db"))
      )
      assert.deepStrictEqual([copied[0], copied[2]], [first, []])
      const back = yield* Effect.provide(Effect.zipRight(restore(copied[1]), exported), sqlite("back.db"))
      assert.strictEqual(back, first)
      yield* Effect.provide(
        Effect.gen(function* () {
          assert.strictEqual(yield* exported, first)
          assert.strictEqual((yield* append("s-1", "c-1"))._tag, "StoredBefore")
          yield* append("s-1", "c-new")
          assert.strictEqual((yield* log).length, 302)
          const again = yield* Effect.either(restore(all))
          assert.isTrue(Either.isLeft(again))
        }),
        on(of("new.db"))
      )
    })
  )
})

describe("opening a log on JetStream is refused", () => {
  const onServer = (options: NatsServer.Options) =>
    Effect.acquireRelease(
      Effect.promise(() => NatsServer.start(options)),
      (server) => Effect.promise(() => server.stop())
    )

  test(
    "where the server syncs now and then, unless that is asked for, or does not tell",
    Effect.gen(function* () {
      const { file } = yield* Nats.address
      const { monitorUrl, url } = yield* onServer({ syncInterval: '"2m"' })
      const at = (monitor: string, name: string) => `${url}/log?monitor=${monitor}&local=${file(name)}`
      assert.strictEqual((yield* refusal(on(at(monitorUrl, "a.db")))).problem, "notSynced")
      assert.strictEqual((yield* refusal(on(at("http://127.0.0.1:1", "b.db")))).problem, "notSynced")
      yield* Effect.provide(append("s", "c"), on(at(monitorUrl, "c.db"), { durability: "normal" }))
    })
  )

  test(
    "where the server takes too short messages, has no JetStream, or is not there",
    Effect.gen(function* () {
      const { file } = yield* Nats.address
      const small = yield* onServer({ config: "max_payload: 1MB" })
      const at = (url: string) => `${url}/log?monitor=${small.monitorUrl}&local=${file("a.db")}`
      assert.strictEqual((yield* refusal(on(at(small.url)))).problem, "smallMessages")
      assert.strictEqual((yield* refusal(on(at("nats://127.0.0.1:1")))).problem, "unreachable")
    })
  )

  test(
    "where the stream is another program's, has another setting, is half copied, or does not exist and is not to be made",
    Effect.gen(function* () {
      const { nats, of, stream } = yield* Nats.address
      const ask = (what: string, body: object) =>
        Effect.promise(async () => {
          const answer = await nats.request(`$JS.API.STREAM.${what}.${stream}`, JSON.stringify(body))
          return answer.json<{ config: { metadata: Record<string, string> }; error?: unknown }>()
        })
      assert.strictEqual((yield* refusal(on(of(), { mode: "existing" }))).problem, "missing")
      yield* ask("CREATE", { name: stream, subjects: [`${stream}.>`] })
      assert.strictEqual((yield* refusal(on(of()))).problem, "foreignStream")
      yield* ask("DELETE", {})
      yield* Effect.scoped(Effect.provide(Effect.void, on(of())))
      const { config } = yield* ask("INFO", {})
      yield* ask("UPDATE", { ...config, max_age: 3_600_000_000_000 })
      const aged = yield* refusal(on(of()))
      assert.deepStrictEqual([aged.problem, aged.message.includes("max_age")], ["foreignStream", true])
      yield* ask("UPDATE", { ...config, metadata: { ...config.metadata, "daybook.state": "copying" } })
      assert.strictEqual((yield* refusal(on(of()))).problem, "halfCopied")
    })
  )

  test(
    "where the local file is of another log, or has more than the stream",
    Effect.gen(function* () {
      const { nats, of, stream } = yield* Nats.address
      yield* Effect.provide(append("s", "c"), on(of()))
      const { config } = yield* Effect.promise(async () =>
        (await nats.request(`$JS.API.STREAM.INFO.${stream}`)).json<{ config: object }>()
      )
      const make = (what: object) =>
        Effect.promise(async () => {
          await nats.request(`$JS.API.STREAM.DELETE.${stream}`)
          await nats.request(`$JS.API.STREAM.CREATE.${stream}`, JSON.stringify(what))
        })
      yield* make(config)
      assert.strictEqual((yield* refusal(on(of()))).problem, "behindFile")
      yield* make({ ...config, metadata: { "daybook.log": "0".repeat(32), "daybook.form": "1" } })
      assert.strictEqual((yield* refusal(on(of()))).problem, "otherLog")
    })
  )
})
