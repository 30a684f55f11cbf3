/** `daybook copy` between SQLite and PostgreSQL, as a user runs it, and the other verbs on PostgreSQL. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as PostgresStore from "../../src/sql/PostgresStore.ts"
import { isLong } from "../Random.ts"
import { client, schema } from "../sql/Postgres.ts"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"
import { assertBalances, importBerka, importInto, rows } from "./Berka.ts"
import * as Cli from "./Cli.ts"

const accounts = 615

/** Runs a verb that must succeed. */
const daybook = (...args: ReadonlyArray<string>) =>
  Effect.map(Cli.run(args), ({ code, stderr, stdout }) => {
    assert.strictEqual(code, 0, stderr)
    return stdout
  })

describe("copy", () => {
  it.scoped(
    "moves Berka from SQLite to PostgreSQL and back with the same export, and every verb works there",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const [file, back] = [join(folder, "a.db"), join(folder, "b.db")]
        const url = yield* schema
        assert.strictEqual((yield* importBerka(file)).code, 0)

        const copied = JSON.parse(yield* daybook("copy", "--from", `sqlite:${file}`, "--to", url, "--json"))
        assert.strictEqual(copied.events, rows + accounts)
        const verified = JSON.parse(yield* daybook("verify", "--db", url, "--json"))
        assert.deepStrictEqual([verified.ok, verified.events, verified.streams], [true, rows + accounts, accounts])

        assert.strictEqual(
          JSON.parse(yield* daybook("copy", "--from", url, "--to", `sqlite:${back}`, "--json")).sha256,
          copied.sha256
        )
        for (const [db, out] of [
          [`sqlite:${file}`, "a"],
          [url, "p"],
          [`sqlite:${back}`, "b"]
        ] as const) {
          yield* daybook("export", "--db", db, "--out", join(folder, out))
        }
        const exported = readFileSync(join(folder, "a"), "utf8")
        assert.strictEqual(readFileSync(join(folder, "p"), "utf8"), exported)
        assert.strictEqual(readFileSync(join(folder, "b"), "utf8"), exported)
      }),
    240_000
  )

  it.runIf(isLong)(
    "Berka imported into PostgreSQL ends at the oracle's balances, and again it applies nothing",
    () =>
      Effect.gen(function* () {
        const url = yield* schema
        const summary = { applied: rows, replayed: 0, refused: 0 }
        assert.deepStrictEqual(JSON.parse((yield* importInto(url)).stdout), summary)
        yield* Effect.provide(assertBalances, PostgresStore.layer({ url, mode: "existing" }))
        const again = { ...summary, applied: 0, replayed: rows }
        assert.deepStrictEqual(JSON.parse((yield* importInto(url)).stdout), again)
        const verified = JSON.parse(yield* daybook("verify", "--db", url, "--json"))
        assert.deepInclude(verified, { ok: true, events: rows + accounts })
      }).pipe(Effect.scoped, Effect.runPromise),
    240_000
  )

  it.scoped("writes nothing where the target is not empty, or a byte of the source was changed", () =>
    Effect.gen(function* () {
      const [url, other] = [yield* schema, yield* schema]
      const open = { commandId: "c-1", accountId: "a", command: "Open", owner: "Ann", currency: "EUR" }
      const stdin = JSON.stringify(open)
      const imported = yield* Cli.run(["import", "-", "--format", "commands", "--db", url], { stdin })
      assert.strictEqual(imported.code, 0, imported.stderr)
      assert.isTrue(JSON.parse(yield* daybook("verify", "--db", url, "--json")).ok)
      const backup = yield* Cli.run(["backup", "/tmp/never.db", "--db", url])
      assert.strictEqual(backup.code, 1)
      assert.include(backup.stderr, "pg_dump")
      const again = yield* Cli.run(["copy", "--from", url, "--to", url])
      assert.strictEqual(again.code, 1)
      assert.include(again.stderr, "not empty")

      const sql = yield* client(url)
      yield* sql.unsafe("ALTER TABLE log_events DISABLE TRIGGER USER")
      yield* sql.unsafe("UPDATE log_events SET data = replace(data, 'Ann', 'Eve')")
      const changed = yield* Cli.run(["copy", "--from", url, "--to", other])
      assert.strictEqual(changed.code, 1)
      assert.include(changed.stderr, "differs from its hash")
      assert.notInclude(changed.stderr, "daybook:daybook@")
      assert.deepStrictEqual(yield* (yield* client(other)).unsafe("SELECT 1 FROM log_events"), [])
    })
  )
})
