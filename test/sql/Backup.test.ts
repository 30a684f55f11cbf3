/** DU15: a backup that is taken while other processes write is a sound prefix of the log. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { Effect, type Scope } from "effect"
import { assert, describe, it } from "vitest"
import { backup } from "../../src/sql/Backup.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import * as Child from "./Child.ts"
import { append, log } from "./Log.ts"
import { temporaryFolder } from "./TemporaryFolder.ts"

const onPath = (test: (filename: string) => Effect.Effect<void, unknown, Scope.Scope>) => () =>
  Effect.runPromise(Effect.scoped(Effect.flatMap(temporaryFolder, (folder) => test(join(folder, "daybook.db")))))

describe("backup", () => {
  it(
    "is a sound prefix of the log while another process writes (DU15)",
    onPath((filename) =>
      Effect.gen(function* () {
        yield* Effect.provide(append("a", "c-1"), SqliteStore.layer({ filename }))
        const child = yield* Child.start(filename, "append", "other", "200")
        yield* child.ready
        yield* child.goOn
        const copies = Array.from({ length: 5 }, (_, number) => `${filename}.backup-${number}`)
        const reader = SqliteStore.layer({ filename, mode: "readOnly" })
        // Each at another moment: the child has written more by then.
        const lengths: Array<number> = []
        for (const copy of copies) {
          yield* Effect.provide(backup(copy), reader)
          const events = yield* Effect.provide(log, SqliteStore.layer({ filename: copy, mode: "existing" }))
          lengths.push(events.length)
        }
        assert.strictEqual(yield* child.ended, 0)
        const whole = yield* Effect.provide(log, reader)
        assert.strictEqual(whole.length, 201)
        for (const [index, copy] of copies.entries()) {
          const events = yield* Effect.provide(log, SqliteStore.layer({ filename: copy, mode: "readOnly" }))
          assert.deepStrictEqual(events, whole.slice(0, lengths[index]))
        }
      })
    ),
    30_000
  )

  it(
    "writes over nothing, and leaves nothing when it fails",
    onPath((filename) =>
      Effect.gen(function* () {
        yield* append("a", "c-1")
        const taken = `${filename}.taken`
        writeFileSync(taken, "kept")
        const error = yield* Effect.flip(backup(taken))
        assert.strictEqual(error._tag, "BackupRefused")
        assert.include(error.message, "exists")
        assert.strictEqual(readFileSync(taken, "utf8"), "kept")
        const nowhere = join(filename, "copy.db")
        assert.strictEqual((yield* Effect.flip(backup(nowhere)))._tag, "BackupRefused")
        assert.isFalse(existsSync(nowhere))
        assert.deepStrictEqual(
          readdirSync(dirname(filename)).filter((name) => name.endsWith(".tmp")),
          []
        )
      }).pipe(Effect.provide(SqliteStore.layer({ filename })))
    )
  )
})
