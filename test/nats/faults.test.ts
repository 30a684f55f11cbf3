/**
 * A log on JetStream whose stream, file, server or neighbour is not as it should be: nothing is lost, doubled or
 * damaged by it.
 */
import { writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import process from "node:process"
import { Deferred, Effect, Either, Fiber, Stream } from "effect"
import { assert, describe, inject } from "vitest"
import { EventStore, type StoredCommand } from "../../src/core/EventStore.ts"
import * as Journal from "../../src/core/Journal.ts"
import * as JetStream from "../../src/nats/JetStream.ts"
import type { Client, Message, NatsConnection } from "../../src/nats/NatsConnection.ts"
import * as LogCopy from "../../src/sql/LogCopy.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import { Writer } from "../../src/sql/Writer.ts"
import * as NatsServer from "../NatsServer.ts"
import { append, log, problems, request } from "../sql/Log.ts"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"
import * as Nats from "./Nats.ts"

const { on, refusal, test, withPayload } = Nats

/** One command with this many events. */
const many = (id: string, commandId: string, count: number) => {
  const { commands, ...rest } = request(id, commandId)
  const event = { type: "Noted", schemaVersion: 1, data: "{}" }
  return {
    ...rest,
    commands: commands.map((command) => ({ ...command, events: Array.from({ length: count }, () => event) }))
  }
}

/** This many commands with one event each. */
const batch = (id: string, count: number) => {
  const { commands, ...rest } = request(id, "")
  const ids = Array.from({ length: count }, (_, index) => `c-${index}`)
  return { ...rest, commands: ids.flatMap((commandId) => commands.map((command) => ({ ...command, commandId }))) }
}

const why = (error: { readonly message: string; readonly _tag: string }) => [error._tag, error.message].join(": ")

describe("a log on JetStream", () => {
  test(
    "comes to the end of the stream and appends there, however much others wrote since it looked",
    Effect.gen(function* () {
      const { of } = yield* Nats.address
      yield* Effect.provide(
        Effect.gen(function* () {
          yield* append("s", "c-first")
          const [held, go] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
          const writer = yield* Writer
          // What is queued while its writer is held comes before all that follows the stream.
          const holding = yield* Effect.fork(
            writer.transact(() => Effect.zipRight(Deferred.succeed(held, undefined), Deferred.await(go)))
          )
          yield* Deferred.await(held)
          const appending = yield* Effect.fork(append("s", "c-last"))
          yield* Effect.yieldNow()
          yield* Effect.provide(
            Effect.gen(function* () {
              const store = yield* EventStore
              for (let index = 0; index < 4; index++) yield* store.append([many("s", `c-${index}`, 4_500)])
            }),
            on(of("other.db"))
          )
          yield* Deferred.succeed(go, undefined)
          yield* Fiber.join(holding)
          assert.strictEqual((yield* Fiber.join(appending))._tag, "Stored")
          assert.strictEqual((yield* (yield* EventStore).head(request("s", "").streamId)).version, 18_002)
        }),
        on(of())
      )
    })
  )

  test(
    "takes a first append of many commands as any other, so that processes which were there before go on",
    Effect.gen(function* () {
      const { of } = yield* Nats.address
      yield* Effect.provide(
        Effect.gen(function* () {
          const earlier = yield* EventStore
          yield* Effect.provide(
            Effect.flatMap(EventStore, (store) => store.append([batch("s", 2_100)])),
            on(of("other.db"))
          )
          assert.strictEqual((yield* earlier.head(request("s", "").streamId)).version, 2_100)
          yield* append("s", "c-last")
          assert.deepStrictEqual(yield* LogCopy.damages, [])
        }),
        on(of())
      )
    })
  )

  test(
    "takes an export of before the journal into the stream, and not into its file alone",
    Effect.gen(function* () {
      const { of } = yield* Nats.address
      const rows = yield* Effect.provide(
        Effect.gen(function* () {
          for (let index = 0; index < 20; index++) yield* append(`s-${index % 3}`, `c-${index}`)
          const { entries } = yield* (yield* EventStore).readJournal(0)
          const commands = entries.map((entry) => Journal.commandOf(entry) as StoredCommand)
          return [
            ...(yield* log).map((event) => ({ _tag: "Event", event }) as const),
            ...commands.map((command) => ({ _tag: "Command", command }) as const)
          ]
        }),
        SqliteStore.layer({ filename: ":memory:" })
      )
      yield* Effect.provide(LogCopy.restore(Stream.fromIterable(rows)), on(of("imported.db")))
      yield* Effect.provide(
        Effect.gen(function* () {
          assert.strictEqual((yield* log).length, 20)
          assert.strictEqual((yield* append("s-0", "c-0"))._tag, "StoredBefore")
          yield* append("s-0", "c-new")
          assert.deepStrictEqual([yield* problems(), yield* LogCopy.damages], [[], []])
        }),
        on(of("new.db"))
      )
    })
  )

  test(
    "removes no payload from the stream where it was opened to read",
    Effect.gen(function* () {
      const { nats, of, stream } = yield* Nats.address
      yield* Effect.provide(
        Effect.flatMap(EventStore, (store) => store.append([withPayload("s", "p-1", "one")])),
        on(of())
      )
      const removing = Effect.flatMap(EventStore, (store) => store.removePayloads(Date.now() + 60_000, 10))
      const refused = yield* Effect.provide(Effect.either(removing), on(of(), { mode: "readOnly" }))
      assert.isTrue(Either.isLeft(refused))
      const found = yield* Nats.api<{ readonly message?: object }>(nats, "STREAM.MSG.GET", stream, {
        last_by_subj: `${stream}.payload.1`
      })
      assert.isDefined(found.message)
    })
  )

  test(
    "is refused where something else has written into its local file, and the stream stays as it was",
    Effect.gen(function* () {
      const { file, of } = yield* Nats.address
      yield* Effect.provide(append("s", "c-1"), on(of()))
      yield* Effect.provide(append("s", "c-alone"), SqliteStore.layer({ filename: file("local.db") }))
      assert.strictEqual((yield* refusal(on(of()))).problem, "behindFile")
      yield* Effect.provide(
        Effect.gen(function* () {
          yield* append("s", "c-2")
          assert.deepStrictEqual([(yield* log).length, yield* problems()], [2, []])
        }),
        on(of("new.db"))
      )
    })
  )

  test(
    "is opened by a process that shares its file with one that writes all the while",
    Effect.gen(function* () {
      const { of } = yield* Nats.address
      yield* Effect.provide(
        Effect.gen(function* () {
          let isOver = false
          const writing = yield* Effect.fork(
            Effect.iterate(0, {
              while: () => !isOver,
              body: (index) => Effect.as(Effect.delay(append("s", `c-${index}`), "2 millis"), index + 1)
            })
          )
          for (let opened = 0; opened < 5; opened++) {
            yield* Effect.provide(
              Effect.flatMap(EventStore, (store) => store.lastPosition),
              on(of())
            )
          }
          isOver = true
          const count = yield* Fiber.join(writing)
          assert.deepStrictEqual([(yield* log).length, yield* problems()], [count, []])
        }),
        on(of())
      )
    })
  )

  test(
    "takes a stream that was made anew where its file holds nothing yet, as after a copy that was broken off",
    Effect.gen(function* () {
      const { nats, of, stream } = yield* Nats.address
      yield* Effect.scoped(Effect.provide(Effect.void, on(of())))
      yield* Nats.api(nats, "STREAM.DELETE", stream)
      yield* Effect.provide(append("s", "c-1"), on(of()))
      yield* Effect.provide(
        Effect.map(log, ({ length }) => assert.strictEqual(length, 1)),
        on(of("new.db"))
      )
    })
  )

  test(
    "says why, and appends nothing, while the stream has another setting or another log",
    Effect.gen(function* () {
      const { nats, of, stream } = yield* Nats.address
      yield* Effect.provide(
        Effect.gen(function* () {
          const store = yield* EventStore
          yield* append("s", "c-1")
          const { config } = yield* Nats.api<{ readonly config: object }>(nats, "STREAM.INFO", stream)
          yield* Nats.api(nats, "STREAM.UPDATE", stream, { ...config, max_age: 3_600_000_000_000 })
          assert.include(why(yield* Effect.flip(store.lastPosition)), "max_age")
          assert.include(why(yield* Effect.flip(append("s", "c-2"))), "max_age")
          yield* Nats.api(nats, "STREAM.UPDATE", stream, config)
          yield* store.lastPosition
          yield* append("s", "c-2")
          yield* Nats.api(nats, "STREAM.DELETE", stream)
          const metadata = { "daybook.log": "0".repeat(32), "daybook.form": "1" }
          yield* Nats.api(nats, "STREAM.CREATE", stream, { ...config, metadata })
          assert.include(why(yield* Effect.flip(store.lastPosition)), "another log")
          assert.include(why(yield* Effect.flip(append("s", "c-3"))), "another log")
        }),
        on(of())
      )
    })
  )

  test(
    "is opened while one of three servers is away, and refused where half of them do not say whether they sync",
    Effect.gen(function* () {
      const { of } = yield* Nats.address
      const { monitorUrl } = inject("nats")
      const monitors = (...urls: ReadonlyArray<string>) => of().replace(`=${monitorUrl}&`, `=${urls.join(",")}&`)
      const away = "http://127.0.0.1:1"
      yield* Effect.provide(append("s", "c-1"), on(monitors(monitorUrl, away, monitorUrl)))
      assert.strictEqual((yield* refusal(on(monitors(monitorUrl, away)))).problem, "notSynced")
    })
  )

  test(
    "is refused with the server's reason where another stream has its subjects",
    Effect.gen(function* () {
      const { nats, of, stream } = yield* Nats.address
      const other = `${stream}-other`
      yield* Nats.api(nats, "STREAM.CREATE", other, { name: other, subjects: [`${stream}.>`] })
      const refused = yield* Effect.ensuring(refusal(on(of())), Nats.api(nats, "STREAM.DELETE", other))
      assert.deepStrictEqual([refused.problem, /overlap/.test(refused.message)], ["unopenable", true])
    })
  )

  test(
    "goes on after its password was wrong for a while",
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const write = (password: string) =>
        writeFileSync(join(folder, "users.conf"), `user: ann, password: "${password}"\n`)
      write("right")
      const { monitorUrl, pid, url } = yield* Effect.acquireRelease(
        Effect.promise(() =>
          NatsServer.start({ config: `authorization { include "../${basename(folder)}/users.conf" }` })
        ),
        (server) => Effect.promise(() => server.stop())
      )
      const change = (password: string) =>
        Effect.sync(() => {
          write(password)
          process.kill(pid(), "SIGHUP")
        })
      /** How often the server has turned somebody away. */
      const refusals = Effect.promise(async () => {
        const answer = await fetch(`${monitorUrl}/connz?state=closed`)
        const { connections } = (await answer.json()) as {
          readonly connections: ReadonlyArray<{ readonly reason?: string }>
        }
        return connections.filter(({ reason = "" }) => /^Auth/.test(reason)).length
      })
      const address = `${url.replace("//", "//ann:right@")}/log?monitor=${monitorUrl}&local=${join(folder, "a.db")}`
      yield* Effect.provide(
        Effect.gen(function* () {
          yield* append("s", "c-1")
          yield* change("wrong")
          yield* Effect.repeat(Effect.delay(refusals, "20 millis"), { until: (count) => count > 3 })
          yield* change("right")
          const again = Effect.retry(Effect.delay(append("s", "c-2"), "20 millis"), {
            while: ({ _tag }) => _tag === "StoreUnavailable" || _tag === "OutcomeUnknown"
          })
          yield* again
          assert.strictEqual((yield* log).length, 2)
        }),
        on(address)
      )
    })
  )
})

const header = (code: number, sequence = 0) => ({ code, description: "", get: () => String(sequence) })
const message = (code: number, text = "", sequence = 0): Message => ({
  data: Buffer.from(text),
  headers: header(code, sequence),
  json: () => JSON.parse(text)
})

/** A connection that answers each page, and each append, as it is told. */
const told = (pages: ReadonlyArray<ReadonlyArray<Message>>, confirmation = ""): NatsConnection => {
  const left = [...pages]
  let listener: Parameters<Client["subscribe"]>[1] | undefined
  return {
    client: {
      info: () => undefined,
      publish: () => {
        for (const each of left.shift() ?? []) listener?.(null, each)
      },
      request: () => Promise.resolve(message(0, confirmation)),
      subscribe: (_, callback) => {
        listener = callback
        return { unsubscribe: () => {} }
      }
    },
    isConnected: () => true,
    onLost: () => () => {}
  }
}

describe("what JetStream answers", () => {
  test(
    "is asked again where a server is behind the others and what must be there is not there yet",
    Effect.gen(function* () {
      const nats = told([[message(404)], [message(404)], [message(0, "here", 7), message(204)]])
      const found = yield* JetStream.readThere(nats, "s", 7)
      assert.deepStrictEqual(
        found.map(({ sequence }) => sequence),
        [7]
      )
    })
  )

  test(
    "is no word on what is stored where it confirms another place, or cannot be understood",
    Effect.gen(function* () {
      const body = Buffer.from("a")
      for (const confirmation of ['{"stream":"s","seq":9}', '{"ok":true}', "thanks"]) {
        const fault = yield* Effect.flip(JetStream.append(told([], confirmation), 1, [{ subject: "s.log", body }]))
        assert.strictEqual(fault.kind, "ackLost", confirmation)
      }
      yield* JetStream.append(told([], '{"stream":"s","seq":2}'), 1, [{ subject: "s.log", body }])
    })
  )
})
