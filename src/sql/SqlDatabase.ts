/**
 * `SqlDatabase` is an open database, and `Dialect` is everything in which the two kinds differ: every other module here
 * is written once, in SQL that both understand.
 */
import type { SqlClient } from "@effect/sql/SqlClient"
import type { Connection } from "@effect/sql/SqlConnection"
import { SqlError } from "@effect/sql/SqlError"
import { Context, type Duration, type Effect, type Stream } from "effect"
import type { StoreUnavailable } from "../core/StoreError.ts"
import type { words } from "./JournalTables.ts"
import type { LogStatements } from "./LogStatements.ts"
import type { Table } from "./LogTables.ts"

export interface Beside {
  /** Begins a transaction that waits at most this long for each lock. */
  readonly begin: (connection: Connection, lockTimeoutMs: number) => Effect.Effect<unknown, SqlError>
  /** Takes the writers' lock. */
  readonly lockWriters: (connection: Connection) => Effect.Effect<unknown, SqlError>
  /** A condition on `pg_locks AS l`: it is the writers' lock. */
  readonly isWritersLock: string
  /**
   * Takes the right to make tables for this projection, for as long as the transaction, or gives false where another
   * has it.
   */
  readonly claim: (connection: Connection, projection: string) => Effect.Effect<boolean, SqlError>
  /** A lock was not to be had in time. */
  readonly isLocked: (error: unknown) => boolean
}

export interface Dialect {
  readonly kind: "sqlite" | "postgres"
  /** What stands before the names of Daybook's tables; see `TablePrefix.ts`. */
  readonly prefix: string
  /** The names of all that the migrations make, without the prefix. */
  readonly names: ReadonlySet<string>
  /** The connection as statements are written here, with `?` for each parameter. */
  readonly adapt: (connection: Connection) => Connection
  /** A statement of this package with the prefix before the names of the tables. */
  readonly rename: (sql: string) => string
  /** An adapted connection for the statements of this package, which name its tables without the prefix. */
  readonly own: (connection: Connection) => Connection
  /** The definition of a table, written in the words of SQLite, in the words of this database. */
  readonly definition: (sql: string) => string
  /** Begins a transaction that holds the writers' lock, after a wait of at most this long. */
  readonly begin: (connection: Connection, lockTimeout: Duration.DurationInput) => Effect.Effect<unknown, SqlError>
  /**
   * For a transaction beside the writer, which waits for readers before it asks for the writers' lock; null where
   * readers do not hold up changes.
   */
  readonly beside: Beside | null
  /**
   * Fails when the commit did not happen, or may not have. `hasEvents`: wakes readers in other processes, where it can.
   */
  readonly commit: (connection: Connection, hasEvents: boolean) => Effect.Effect<unknown, SqlError>
  /** Ends the open transaction, if there is one. Fails when it cannot show that none is open. */
  readonly rollBack: (connection: Connection) => Effect.Effect<void, SqlError>
  /** A unique key is taken, or a trigger or a check refused the row. */
  readonly isConstraint: (error: unknown) => boolean
  /** The database or its disk failed, and not the statement: what was asked may be right, and is to be tried again. */
  readonly isFault: (error: unknown) => boolean
  /** Whether a commit that failed certainly did not happen, and will not once the transaction is rolled back. */
  readonly isUndone: (error: unknown) => boolean
  /**
   * Whether a commit failed because another process wrote first: nothing is written, and what was to be written is
   * planned again.
   */
  readonly isOvertaken: (error: unknown) => boolean
  /** The statement or its parameters are wrong, or it writes where it may only read: trying it again gives the same. */
  readonly isMistake: (error: unknown) => boolean
  /** An expression for the time by the clock of the database, in milliseconds since 1970-01-01 UTC. */
  readonly now: string
  /** A condition that holds while the server only follows another one; null where there is no such thing. */
  readonly follows: string | null
  /** How bytes are given as texts, and texts as bytes. */
  readonly words: (typeof words)[keyof typeof words]
  /**
   * Finds each stream in a JSON list of ids, with its number and its last event, and each name in another one; seeks
   * for each. Returns 0 or 1 (for a name), the text, its number, and version, position and hash of the event.
   */
  readonly selectKnown: string
  /** A query that gives what is wrong with the file below its rows, or `ok`; null where the database has none. */
  readonly integrity: string | null
  /** Returns as `j` those of the entries whose command ids are in a JSON list; one seek for each. */
  readonly wantedEntries: { readonly from: string; readonly where: string }
  /** Prepares a statement that inserts many rows. */
  readonly insert: <A, C = void>(
    table: Table<A, C>
  ) => (connection: Connection, rows: ReadonlyArray<A>, common: C) => Effect.Effect<void, SqlError>
}

export type Rows = ReadonlyArray<ReadonlyArray<unknown>>

/** One opened database: what reads it, what writes it, and how its SQL is spelled. */
export class SqlDatabase extends Context.Tag("daybook/sql/SqlDatabase")<
  SqlDatabase,
  {
    /** For messages: an absolute path, `:memory:`, or an address without its password. */
    readonly name: string
    /** The SQLite file, where `name` is not it. */
    readonly file?: string
    readonly dialect: Dialect
    readonly log: LogStatements
    /** Most rows of one transaction of appends, where it takes fewer than `Limits.group.rows`. */
    readonly groupRows?: number
    /**
     * What is wrong with the log where it is kept elsewhere and the database only follows it. Default: it is kept here.
     */
    readonly damagesElsewhere?: Effect.Effect<ReadonlyArray<string>, StoreUnavailable>
    /** Steps of migrations that opening it has made; 0 of a new one, which was made whole. */
    readonly migrated: number
    /**
     * The client of the one connection that writes, only for `Writer`; null when opened read only. On SQLite a second
     * writing connection in a process would wait for the first while it holds the event loop that the first needs.
     */
    readonly writeClient: SqlClient | null
    /** For queries of read models. On `:memory:` it is the write client. */
    readonly readClient: SqlClient
    /** The clients whose statements are for this database, and so may be committed with a command. */
    readonly clients: ReadonlyArray<SqlClient>
    /**
     * Runs one query of this package and gives its rows as arrays of values. Sees what is committed, and nothing else;
     * a statement that writes fails.
     */
    readonly read: (sql: string, params: ReadonlyArray<unknown>) => Effect.Effect<Rows, SqlError>
    /** As `read`, for a query of the application: names of tables are what they are in the database. */
    readonly query: (sql: string, params: ReadonlyArray<unknown>) => Effect.Effect<Rows, SqlError>
    /** Runs the effect so that every `read` and `query` in it sees one and the same state of the database. */
    readonly readWithin: <A, E, R>(reads: Effect.Effect<A, E, R>) => Effect.Effect<A, E | SqlError, R>
    /**
     * Fails when commits are not as durable as was asked for. Call it after a first commit: on SQLite that brings the
     * driver's own default back.
     */
    readonly assertDurable: (connection: Connection) => Effect.Effect<void, Error>
    /** Wakes its reader after commits of other processes, as far as the database announces them. */
    readonly commitsElsewhere: Stream.Stream<void>
    /** Copies the whole database into a new file, where it is one. */
    readonly backup: (filename: string) => Effect.Effect<void, SqlError | Error>
  }
>() {}

/** The driver's own error, which says what happened; the wrapper says only that something did. */
export const innermost = (error: unknown): unknown => (error instanceof SqlError ? error.cause : error)
