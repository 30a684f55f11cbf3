/**
 * What PostgreSQL does its own way: its codes of errors, its lock that writers queue for, and its own words in
 * statements.
 */
import type { Connection } from "@effect/sql/SqlConnection"
import { SqlError } from "@effect/sql/SqlError"
import { Duration, Effect, Predicate } from "effect"
import { words } from "./JournalTables.ts"
import { type Dialect, innermost } from "./SqlDatabase.ts"
import { StatementCache } from "./StatementCache.ts"
import * as TablePrefix from "./TablePrefix.ts"

/** Wakes who listens for commits. */
export const channel = "daybook"

/** "Dayb": the writers' lock; the next number is that of sessions that make tables for a projection. */
const writersLock = 0x44617962
const makersLock = writersLock + 1

/**
 * The schema that holds the events. So stores in two schemas of one database do not wait for each other, and roles that
 * use the same tables through different search paths do. Before there are tables, the schema that they will be made in.
 */
const schemaOf = (prefix: string) => `coalesce(
  (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('${prefix}events')),
  (SELECT oid FROM pg_namespace WHERE nspname = current_schema()), 0)`
const lockOf = (prefix: string) => `SELECT pg_advisory_xact_lock(${writersLock}, ${schemaOf(prefix)}::int4)`

/**
 * `$1`, `$2` and so on for each `?`, so none may stand in a literal, and the operators of jsonb are called as
 * functions.
 */
const numbered = new StatementCache(500, (sql) => {
  let count = 0
  return sql.replaceAll("?", () => `$${++count}`)
})
const number = (sql: string, params: ReadonlyArray<unknown>): string => (params.length === 0 ? sql : numbered.get(sql))

/**
 * PostgreSQL keeps no U+0000, which no text of the log has, but a name that somebody typed may: in a read model or a
 * message it becomes its symbol.
 */
const storable = (value: unknown): unknown =>
  typeof value === "string" && value.includes("\0") ? value.replaceAll("\0", "\u2400") : value

/** Rows, and characters of text, in one statement. Each row may hold a megabyte, and a message at most a gigabyte. */
const maxRows = 1_000
const maxCharacters = 16 * 1_048_576

const run = (connection: Connection, sql: string) => connection.executeRaw(sql, [])

const codeOf = (cause: unknown): string => (Predicate.hasProperty(cause, "code") ? String(cause.code) : "")

/** The SQLSTATE of an error that the server sent. */
const stateOf = (error: unknown): string => {
  const cause = innermost(error)
  return Predicate.hasProperty(cause, "severity") ? codeOf(cause) : ""
}

/** The code of an error without the server: the socket's, or the driver's, which has no code. */
const isDisconnected = (error: unknown): boolean => {
  const cause = innermost(error)
  return (
    /^(?:E(?:CONN|PIPE|PROTO|TIMEDOUT|HOST|NET|NOTFOUND|AI_)|ERR_(?:SOCKET|STREAM|SSL))/.test(codeOf(cause)) ||
    (cause instanceof Error && /^Connection terminated|^Client |connecting|to connect$/.test(cause.message))
  )
}

const isFault = (error: unknown): boolean =>
  /^(?:08|25006|25P03|40|53|55P03|57|58|XX)/.test(stateOf(error)) || isDisconnected(error)

/**
 * Two transactions added the same name to a catalog of the server at the same moment, for example that of the array
 * type of a view, which the server makes by cutting a long name short. Once the other is done, the server finds another
 * name by itself.
 */
const isCatalogRace = (error: unknown): boolean => {
  const cause = innermost(error)
  return stateOf(error) === "23505" && Predicate.hasProperty(cause, "schema") && cause.schema === "pg_catalog"
}

/** 08P01: parameters that do not fit the statement. */
const isMistake = (error: unknown): boolean => {
  if (isCatalogRace(error)) return false
  const cause = innermost(error)
  return cause instanceof RangeError || /^(?:0A|08P01|2[0-9]|3[4-9F]|42|44|P0)/.test(stateOf(error))
}

/**
 * As the server itself says it to a statement that writes; but before there is one, so that nothing is read there
 * either.
 */
const readOnly = () =>
  new SqlError({
    cause: Object.assign(new Error("the server is read only: a standby, or default_transaction_read_only is on"), {
      severity: "ERROR",
      code: "25006"
    })
  })

const rolledBack = () =>
  new SqlError({
    cause: Object.assign(new Error("the server rolled the transaction back, in which a statement failed"), {
      severity: "ERROR",
      code: "40000"
    })
  })

/** Whether one of the results of a message says that its transaction may not write. */
const isReadOnly = (results: unknown): boolean =>
  Array.isArray(results) && results.some((result) => result?.rows?.[0]?.transaction_read_only === "on")

export interface PostgresDialectOptions {
  /**
   * Longest that the server works at one statement. It waits a third of that for the next one of a transaction and then
   * ends it, so that a process that is stopped or cut off holds up the other writers for no longer.
   */
  readonly statementTimeoutMs: number
  /** What a commit waits for; null leaves it to the server. */
  readonly synchronousCommit: "on" | "off" | null
  /** Tells the commits of this process from those of others. Letters and digits. */
  readonly sender: string
  /** See `TablePrefix.ts`. Default: none. */
  readonly prefix?: string
}

const definition = (sql: string): string =>
  sql
    .replace(/\)(?:\s*,?\s*(?:STRICT|WITHOUT ROWID))*\s*$/, ")")
    .replaceAll(/\bINTEGER\b/g, "BIGINT")
    .replaceAll(/\bREAL\b/g, "DOUBLE PRECISION")
    .replaceAll(/\bBLOB\b/g, "BYTEA")
    // In the order of bytes, as everywhere else.
    .replaceAll(/\bTEXT\b/g, 'TEXT COLLATE "C"')

const spoken = { kind: "postgres", definition } as const
const names = TablePrefix.namesOf(spoken)

export const make = ({
  prefix = "",
  sender,
  statementTimeoutMs,
  synchronousCommit
}: PostgresDialectOptions): Dialect => {
  const rename = TablePrefix.renaming(prefix, names)
  const lock = lockOf(prefix)
  // The transaction of a connection that is lost is over; the pool replaces the connection.
  const rollBack = (connection: Connection) =>
    Effect.asVoid(Effect.catchIf(run(connection, "ROLLBACK"), isFault, () => Effect.void))
  // A connection that ends itself reports that as an error.
  const leave = (connection: Connection) =>
    Effect.ignore(run(connection, "SELECT pg_terminate_backend(pg_backend_pid())"))
  const settings = [
    `SET LOCAL statement_timeout = ${statementTimeoutMs}`,
    `SET LOCAL idle_in_transaction_session_timeout = ${Math.ceil(statementTimeoutMs / 3)}`,
    ...(synchronousCommit === null ? [] : [`SET LOCAL synchronous_commit = ${synchronousCommit}`])
  ].join("; ")
  return {
    ...spoken,
    prefix,
    names,
    rename,
    own: prefix === "" ? (connection) => connection : TablePrefix.over(rename),
    adapt: (connection) => ({
      execute: (sql, params, transform) => connection.execute(number(sql, params), params.map(storable), transform),
      executeRaw: (sql, params) => connection.executeRaw(number(sql, params), params.map(storable)),
      executeStream: (sql, params, transform) =>
        connection.executeStream(number(sql, params), params.map(storable), transform),
      executeValues: (sql, params) => connection.executeValues(number(sql, params), params.map(storable)),
      executeUnprepared: (sql, params, transform) =>
        connection.executeUnprepared(number(sql, params), params.map(storable), transform)
    }),
    /**
     * One message of several statements. The lock is a statement of its own, and what is read after it is newer than
     * all that was committed before it: so positions are given in the order of commits.
     *
     * It does not override a server that is set to read only by default: an operator who sets that before a switch to
     * another server would lose what is written after it. The connection to a server that is read only is ended, so
     * that the next transaction goes to wherever the address leads by then.
     */
    begin: (connection, lockTimeout) => {
      const lockTimeoutMs = Math.max(1, Math.round(Duration.toMillis(lockTimeout)))
      const begin = "BEGIN ISOLATION LEVEL READ COMMITTED; SHOW transaction_read_only"
      return run(connection, `${begin}; SET LOCAL lock_timeout = ${lockTimeoutMs}; ${settings}; ${lock}`).pipe(
        Effect.filterOrElse((results) => !isReadOnly(results), readOnly),
        Effect.tapError(() => rollBack(connection)),
        Effect.tapError((error) => (stateOf(error) === "25006" ? leave(connection) : Effect.void))
      )
    },
    beside: {
      begin: (connection, lockTimeoutMs) =>
        Effect.tapError(
          run(
            connection,
            `BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = ${lockTimeoutMs}; ${settings}`
          ),
          () => rollBack(connection)
        ),
      lockWriters: (connection) => run(connection, lock),
      isWritersLock: `l.locktype = 'advisory' AND l.classid = ${writersLock} AND l.objsubid = 2
        AND l.objid = ${schemaOf(prefix)}::oid
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      claim: (connection, projection) =>
        Effect.map(
          connection.executeValues(
            `SELECT pg_try_advisory_xact_lock(${makersLock}, hashtext(${schemaOf(prefix)}::text || ?))`,
            [projection]
          ),
          ([row]) => row?.[0] === true
        ),
      isLocked: (error) => /^(?:55P03|40P01)$/.test(stateOf(error))
    },
    commit: (connection, hasEvents) =>
      Effect.flatMap(
        run(connection, hasEvents ? `SELECT pg_notify('${channel}', '${sender}'); COMMIT` : "COMMIT"),
        (result) => {
          const last: unknown = Array.isArray(result) ? result.at(-1) : result
          // After a statement that failed, COMMIT is a ROLLBACK that reports no error.
          return Predicate.hasProperty(last, "command") && last.command === "COMMIT" ? Effect.void : rolledBack()
        }
      ),
    rollBack,
    isConstraint: (error) => /^2[23]/.test(stateOf(error)),
    isFault,
    // An error ends the transaction, not the session; what ends the session may come after the commit.
    isUndone: (error) => {
      const cause = innermost(error)
      return Predicate.hasProperty(cause, "severity") && cause.severity === "ERROR"
    },
    isOvertaken: () => false,
    isMistake,
    // Not the transaction's time, which may be from before a wait for its lock.
    now: "(extract(epoch FROM clock_timestamp()) * 1000)::bigint",
    follows: "pg_is_in_recovery()",
    selectKnown: `SELECT 0, s.stream_id, s.stream, e.version, e.position, encode(e.hash, 'hex')
      FROM json_array_elements_text(?::json) AS wanted (value)
      CROSS JOIN LATERAL (SELECT * FROM log_streams WHERE stream_id = wanted.value LIMIT 1) AS s
      LEFT JOIN LATERAL (
        SELECT * FROM log_events WHERE stream = s.stream ORDER BY version DESC LIMIT 1) AS e ON true
      UNION ALL SELECT 1, n.name, n.number, NULL, NULL, NULL FROM json_array_elements_text(?::json) AS wanted (value)
      CROSS JOIN LATERAL (SELECT * FROM log_names WHERE name = wanted.value LIMIT 1) AS n`,
    words: words.postgres,
    integrity: null,
    // A join would read the whole table where the planner takes it for small.
    wantedEntries: {
      from: "log_entries AS j",
      where: "WHERE j.command_id = ANY (ARRAY (SELECT json_array_elements_text(?::json)))"
    },
    insert: ({ bytes, columns, name, numbers, values: valuesOf }) => {
      const arrays = columns.map((column) => `?::${numbers.has(column) ? "bigint" : "text"}[]`)
      const values = columns.map((column) => (bytes.has(column) ? words.postgres.unhex(column) : column))
      const sql = `INSERT INTO ${rename(name)} (${columns.join(", ")}) SELECT ${values.join(", ")}
        FROM unnest(${arrays.join(", ")}) AS given (${columns.join(", ")})`
      return Effect.fnUntraced(function* (connection, rows, common): Effect.fn.Return<void, SqlError> {
        for (let from = 0; from < rows.length; ) {
          const params = columns.map((): Array<unknown> => [])
          const first = from
          for (let characters = 0; from < rows.length && from - first < maxRows && characters < maxCharacters; from++) {
            for (const [column, value] of valuesOf(rows[from] as (typeof rows)[number], common).entries()) {
              params[column]?.push(value)
              if (typeof value === "string") characters += value.length
            }
          }
          yield* connection.executeRaw(sql, params)
        }
      })
    }
  }
}
