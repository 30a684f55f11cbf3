/**
 * A process of its own for tests: `node child.mjs <dist> <filename> <verb> …`. It says `ready` on its output, and goes
 * on when its input ends, where the verb says so.
 */
import fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import Sqlite from "better-sqlite3"
import { Effect } from "effect"

const [dist, filename, verb, ...rest] = process.argv.slice(2)
const { appendOrFail, EventStore } = await import(`${dist}/core/EventStore.js`)
const SqliteStore = await import(`${dist}/sql/SqliteStore.js`)

const goOn = async () => {
  process.stdout.write("ready\n")
  for await (const _ of process.stdin);
}
const withStore = (use) =>
  Effect.runPromise(Effect.provide(Effect.flatMap(EventStore, use), SqliteStore.layer({ filename })))

const verbs = {
  /** Opens the store at the same moment as others, and closes it. */
  async open() {
    await goOn()
    await withStore((store) => store.lastPosition)
  },
  /** Holds the lock of a writer. */
  async lock() {
    const database = new Sqlite(filename)
    database.exec("BEGIN IMMEDIATE")
    await goOn()
    database.close()
  },
  /** Dies by SIGKILL when it makes the database: in place of a function of `node:fs`, or right after it. */
  async die(name, when) {
    const original = fs[name]
    fs[name] = (...args) => {
      if (when === "after") original(...args)
      process.kill(process.pid, "SIGKILL")
    }
    syncBuiltinESMExports()
    await withStore((store) => store.lastPosition)
  },
  /** Appends one event at a time to `account`, `count` times, and decides again after each conflict. */
  async append(name, count) {
    await goOn()
    await withStore((store) =>
      Effect.gen(function* () {
        const streamId = "account"
        for (let number = 0; number < Number(count); number++) {
          const commandId = `${name}-${number}`
          const events = [{ type: "Noted", schemaVersion: 1, data: "{}" }]
          const command = {
            commandId,
            command: "Note",
            fingerprint: "f",
            correlationId: commandId,
            causationId: null,
            traceparent: null
          }
          const commands = [{ ...command, outcome: "success", events, answer: () => ({ text: "{}", version: 1 }) }]
          yield* Effect.retry(
            Effect.flatMap(store.head(streamId), ({ version: expectedVersion, hash: expectedHash }) =>
              appendOrFail(store, [{ streamId, expectedVersion, expectedHash, commands }])
            ),
            { while: (error) => error._tag === "VersionConflict" }
          )
        }
      })
    )
  }
}

await verbs[verb](...rest)
