/**
 * What `SqliteClient` over `NodeSqlite` promises to those above it: that they cannot tell it from the client over
 * better-sqlite3.
 */
import { deepStrictEqual, strictEqual } from "node:assert"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Reactivity from "@effect/experimental/Reactivity"
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { Effect, Fiber, Option, type Scope } from "effect"
import * as NodeSqlite from "../../src/sql/NodeSqlite.ts"
import * as SqliteClient from "../../src/sql/SqliteClient.ts"
import { codeOf } from "../../src/sql/SqliteErrorCode.ts"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"
import { test } from "./DenoTest.ts"

const open = (filename: string, readonly = false) =>
  SqliteClient.make(NodeSqlite, { filename, readonly, prepareCacheSize: 10 })

const check = (
  name: string,
  run: (filename: string) => Effect.Effect<unknown, unknown, Scope.Scope | Reactivity.Reactivity>
): void =>
  test(`SqliteClient on node:sqlite ${name}`, () =>
    temporaryFolder.pipe(
      Effect.flatMap((folder) => run(join(folder, "test.db"))),
      Effect.scoped,
      Effect.provideServiceEffect(Reactivity.Reactivity, Reactivity.make),
      Effect.asVoid,
      Effect.runPromise
    ))

const assertFails = (code: RegExp, effect: Effect.Effect<unknown, SqlError>) =>
  Effect.map(Effect.flip(effect), (error) => strictEqual(code.test(codeOf(error)), true, codeOf(error)))

check("gives errors the codes of better-sqlite3", (filename) =>
  Effect.gen(function* () {
    const sql = yield* open(filename)
    yield* sql`CREATE TABLE t (a TEXT PRIMARY KEY, b INTEGER UNIQUE)`
    yield* sql`INSERT INTO t VALUES ('x', 1)`
    yield* assertFails(/^SQLITE_CONSTRAINT/, sql`INSERT INTO t VALUES ('x', 2)`)
    yield* assertFails(/^SQLITE_CONSTRAINT/, sql`INSERT INTO t VALUES ('y', 1)`)
    yield* assertFails(/^SQLITE_ERROR/, sql`SELECT nothing`)
    const other = yield* open(filename)
    yield* other`PRAGMA busy_timeout = 0`
    yield* sql`BEGIN IMMEDIATE`
    yield* assertFails(/^SQLITE_BUSY/, other`BEGIN IMMEDIATE`)
    yield* sql`ROLLBACK`
    const reader = yield* open(filename, true)
    yield* assertFails(/^SQLITE_READONLY/, reader`INSERT INTO t VALUES ('z', 3)`)
    const page = yield* sql`PRAGMA page_count`.values
    yield* sql.unsafe(`PRAGMA max_page_count = ${page[0]?.[0]}`)
    yield* assertFails(/^SQLITE_FULL/, sql`INSERT INTO t VALUES (hex(zeroblob(10000)), 4)`)
    writeFileSync(`${filename}.text`, "not a database at all ".repeat(500))
    const text = yield* open(`${filename}.text`, true)
    yield* assertFails(/^SQLITE_NOTADB/, text`SELECT * FROM t`)
  })
)

check("opens with a write-ahead log and checks foreign keys", (filename) =>
  Effect.gen(function* () {
    const sql = yield* open(filename)
    deepStrictEqual(yield* sql`PRAGMA journal_mode`.values, [["wal"]])
    deepStrictEqual(yield* sql`PRAGMA foreign_keys`.values, [[1]])
  })
)

check("gives the same statement's rows as objects, as values and with whole integers, as each asks", (filename) =>
  Effect.gen(function* () {
    const sql = yield* open(filename)
    const statement = sql`SELECT 1 AS a, 'b' AS b`
    for (let round = 0; round < 2; round++) {
      deepStrictEqual({ ...(yield* statement)[0] }, { a: 1, b: "b" })
      deepStrictEqual(yield* statement.values, [[1, "b"]])
      deepStrictEqual(yield* Effect.provideService(statement.values, SqlClient.SafeIntegers, true), [[1n, "b"]])
    }
  })
)

check("goes on when it has prepared more statements than it keeps", (filename) =>
  Effect.gen(function* () {
    const sql = yield* open(filename)
    for (const number of [...Array(500).keys(), 0]) {
      deepStrictEqual(yield* sql.unsafe(`SELECT ${number}`).values, [[number]])
    }
  })
)

check("holds its one connection for a transaction until its scope closes", (filename) =>
  Effect.gen(function* () {
    const sql = yield* open(filename)
    const second = yield* Effect.scoped(
      Effect.gen(function* () {
        yield* sql.reserve
        const fiber = yield* Effect.forkDaemon(Effect.scoped(sql.reserve))
        for (let turn = 0; turn < 10; turn++) yield* Effect.yieldNow()
        strictEqual(Option.isNone(yield* Fiber.poll(fiber)), true)
        return fiber
      })
    )
    yield* Fiber.join(second)
  })
)
