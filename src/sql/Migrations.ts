/**
 * The schema of the database, as the steps that lead to it. A released step is never edited: the database remembers the
 * digest of each step that made it, and a program whose steps differ refuses to start.
 */
import { hash } from "node:crypto"
import type { Connection } from "@effect/sql/SqlConnection"
import type { SqlError } from "@effect/sql/SqlError"
import { Clock, Effect } from "effect"
import type { LogDamaged, Problem } from "./DatabaseError.ts"
import * as JournalTables from "./JournalTables.ts"
import * as JournalTransform from "./JournalTransform.ts"
import type { Dialect } from "./SqlDatabase.ts"
import { type Definition, exact, refusal, unchanging } from "./TableGuards.ts"

/** One step. Its id is its place in the list, from 1. */
export interface Migration {
  readonly name: string
  /** Name of the oldest step whose programs may still write after this one. See "docs/decisions/0012-one-chain.md". */
  readonly oldestWriter: string
  readonly up: ReadonlyArray<string>
  /** What SQL alone cannot do, after this many statements. Does nothing where there are no rows. */
  readonly transform?: { readonly after: number; readonly run: Transform }
}

/** Turns the rows of the former layout into those of the new one, in the transaction of the step. */
type Transform = (connection: Connection, dialect: Dialect) => Effect.Effect<unknown, SqlError | LogDamaged>

const inOrder: Definition = {
  sqlite: [
    // INSERT OR REPLACE removes the old row without firing a trigger, so the old row is looked for here.
    `CREATE TRIGGER events_in_order BEFORE INSERT ON events
       WHEN NEW.position <= (SELECT max(position) FROM events)
         OR NEW.version <> 1 + coalesce((SELECT max(version) FROM events WHERE stream_id = NEW.stream_id), 0)
       BEGIN SELECT RAISE(ABORT, 'an event takes the next version of its stream and a later position'); END`
  ],
  postgres: [
    // Once for each statement, and by seeks alone.
    `CREATE FUNCTION events_in_order() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       IF EXISTS (SELECT 1 FROM added WHERE version <> 1 + coalesce(
            (SELECT max(e.version) FROM events AS e WHERE e.stream_id = added.stream_id AND e.version < added.version), 0))
         OR (SELECT count(*) FROM events WHERE position >= (SELECT min(position) FROM added)) >
            (SELECT count(*) FROM added)
       THEN ${refusal("an event takes the next version of its stream and a later position")};
       END IF;
       RETURN NULL;
     END $$`,
    `CREATE TRIGGER events_in_order AFTER INSERT ON events REFERENCING NEW TABLE AS added
     EXECUTE FUNCTION events_in_order()`
  ]
}

const once: Definition = {
  sqlite: [
    `CREATE TRIGGER commands_once BEFORE INSERT ON commands
       WHEN EXISTS (SELECT 1 FROM commands WHERE command_id = NEW.command_id)
       BEGIN SELECT RAISE(ABORT, 'a command id is taken once'); END`
  ],
  // The primary key is enough where there is no REPLACE.
  postgres: []
}

interface Step {
  readonly name: string
  /** See `Migration`. */
  readonly oldestWriter: string
  readonly up: ReadonlyArray<Definition>
  /** Between `up` and `last`. */
  readonly transform?: Transform
  readonly last?: ReadonlyArray<Definition>
}

const steps: ReadonlyArray<Step> = [
  {
    name: "spine",
    oldestWriter: "spine",
    up: [
      `CREATE TABLE events (
         position INTEGER PRIMARY KEY CHECK (position ${exact}),
         stream_id TEXT NOT NULL,
         version INTEGER NOT NULL CHECK (version ${exact}),
         type TEXT NOT NULL,
         schema_version INTEGER NOT NULL CHECK (schema_version ${exact}),
         data TEXT NOT NULL,
         command_id TEXT NOT NULL,
         correlation_id TEXT NOT NULL,
         causation_id TEXT,
         traceparent TEXT,
         recorded_at INTEGER NOT NULL CHECK (recorded_at ${exact}),
         previous_hash TEXT NOT NULL,
         hash TEXT NOT NULL,
         UNIQUE (stream_id, version)
       ) STRICT`,
      unchanging("events"),
      inOrder,
      `CREATE TABLE commands (
         command_id TEXT PRIMARY KEY,
         stream_id TEXT NOT NULL,
         fingerprint TEXT NOT NULL,
         outcome TEXT NOT NULL CHECK (outcome IN ('success', 'refusal')),
         answer TEXT NOT NULL,
         version INTEGER NOT NULL CHECK (version ${exact}),
         position INTEGER NOT NULL CHECK (position ${exact})
       ) STRICT, WITHOUT ROWID`,
      unchanging("commands"),
      once,
      `CREATE TABLE snapshots (
         stream_id TEXT NOT NULL,
         version INTEGER NOT NULL CHECK (version ${exact}),
         position INTEGER NOT NULL CHECK (position ${exact}),
         event_hash TEXT NOT NULL,
         fingerprint TEXT NOT NULL,
         data TEXT NOT NULL,
         recorded_at INTEGER NOT NULL CHECK (recorded_at ${exact}),
         checksum TEXT NOT NULL,
         PRIMARY KEY (stream_id, version)
       ) STRICT`
    ]
  },
  {
    name: "read side",
    oldestWriter: "spine",
    up: [
      `CREATE TABLE projections (
         name TEXT PRIMARY KEY,
         kind TEXT NOT NULL CHECK (kind IN ('projection', 'reaction')),
         rebuild_requested INTEGER NOT NULL DEFAULT 0,
         paused INTEGER NOT NULL DEFAULT 0
       ) STRICT, WITHOUT ROWID`,
      // `tables` holds the names that the projection gave its tables, as a JSON array; `failure` is a JSON object.
      `CREATE TABLE projection_models (
         projection TEXT NOT NULL,
         generation INTEGER NOT NULL,
         version INTEGER NOT NULL,
         live INTEGER NOT NULL,
         tables TEXT NOT NULL,
         position INTEGER NOT NULL CHECK (position ${exact}),
         events INTEGER NOT NULL CHECK (events ${exact}),
         rate REAL NOT NULL,
         started_at INTEGER NOT NULL,
         failure TEXT,
         PRIMARY KEY (projection, generation)
       ) STRICT, WITHOUT ROWID`,
      `CREATE TABLE projection_dead_letters (
         projection TEXT NOT NULL,
         generation INTEGER NOT NULL,
         stream_id TEXT NOT NULL,
         version INTEGER NOT NULL CHECK (version ${exact}),
         position INTEGER NOT NULL CHECK (position ${exact}),
         type TEXT NOT NULL,
         error TEXT NOT NULL,
         attempts INTEGER NOT NULL,
         parked_at INTEGER NOT NULL,
         retry INTEGER NOT NULL DEFAULT 0,
         PRIMARY KEY (projection, generation, stream_id)
       ) STRICT, WITHOUT ROWID`,
      `CREATE TABLE projection_skips (
         projection TEXT NOT NULL,
         version INTEGER NOT NULL,
         position INTEGER NOT NULL CHECK (position ${exact}),
         PRIMARY KEY (projection, version, position)
       ) STRICT, WITHOUT ROWID`,
      `CREATE TABLE projection_host (
         id INTEGER PRIMARY KEY CHECK (id = 1),
         owner TEXT NOT NULL,
         beat_at INTEGER NOT NULL
       ) STRICT`
    ]
  },
  {
    name: "leases",
    oldestWriter: "spine",
    up: [
      // `expires_at` is in milliseconds of the database's own clock.
      `CREATE TABLE projection_leases (
         projection TEXT PRIMARY KEY,
         owner TEXT NOT NULL,
         expires_at INTEGER NOT NULL
       ) STRICT, WITHOUT ROWID`
    ]
  },
  {
    name: "answers",
    oldestWriter: "spine",
    up: [
      "ALTER TABLE commands ADD COLUMN command TEXT",
      `ALTER TABLE commands ADD COLUMN answer_version INTEGER NOT NULL DEFAULT 1 CHECK (answer_version ${exact})`
    ]
  },
  {
    name: "journal",
    oldestWriter: "journal",
    up: [...JournalTables.tables, "CREATE INDEX commands_in_order ON commands (position, command_id)"],
    transform: JournalTransform.ofTables({ events: "events", commands: "commands" }),
    last: [
      {
        sqlite: ["DROP TABLE events", "DROP TABLE commands"],
        postgres: [
          "DROP TABLE events, commands",
          "DROP FUNCTION events_unchanging, events_in_order, commands_unchanging"
        ]
      },
      ...JournalTables.indices,
      ...JournalTables.guards
    ]
  },
  {
    name: "checkpoints",
    oldestWriter: "journal",
    up: [
      // The event that a model passed last, so that it is known again in a log that was restored; empty where there was
      // none.
      "ALTER TABLE projection_models ADD COLUMN seen_position INTEGER",
      "ALTER TABLE projection_models ADD COLUMN seen_hash BLOB",
      `UPDATE projection_models SET seen_position = position, seen_hash = coalesce(
         (SELECT hash FROM log_events WHERE log_events.position = projection_models.position), CAST('' AS BLOB))`
    ]
  },
  {
    name: "operations",
    oldestWriter: "journal",
    // What operators did is few among many commands.
    up: ["CREATE INDEX log_entries_operations ON log_entries (sequence) WHERE kind <> 0"]
  },
  {
    name: "exclusions",
    oldestWriter: "journal",
    up: [
      // Beside the skips, which earlier releases write too. A lifted one holds for the models up to this generation
      // alone.
      `CREATE TABLE projection_skip_notes (
         projection TEXT NOT NULL,
         version INTEGER NOT NULL,
         position INTEGER NOT NULL CHECK (position ${exact}),
         stream_id TEXT NOT NULL,
         event_version INTEGER NOT NULL CHECK (event_version ${exact}),
         type TEXT NOT NULL,
         principal TEXT,
         reason TEXT,
         skipped_at INTEGER NOT NULL,
         lifted_after INTEGER,
         PRIMARY KEY (projection, version, position)
       ) STRICT, WITHOUT ROWID`,
      // `ended`: whether what is done instead has been done. `undone`: what is left to a human.
      `CREATE TABLE reaction_abandonments (
         reaction TEXT NOT NULL,
         position INTEGER NOT NULL CHECK (position ${exact}),
         stream_id TEXT NOT NULL,
         version INTEGER NOT NULL CHECK (version ${exact}),
         type TEXT NOT NULL,
         principal TEXT,
         reason TEXT,
         abandoned_at INTEGER,
         ended INTEGER NOT NULL,
         undone TEXT,
         PRIMARY KEY (reaction, position)
       ) STRICT, WITHOUT ROWID`,
      // A reaction that had an event skipped left it undone: from now on it is listed, and can be taken up.
      `INSERT INTO reaction_abandonments
       SELECT s.projection, s.position, t.stream_id, e.version, n.name, NULL, NULL, NULL, 1,
         'an earlier release passed it over: what it leads to was not done, or not to its end'
       FROM projection_skips AS s JOIN projections AS p ON p.name = s.projection AND p.kind = 'reaction'
       JOIN log_events AS e ON e.position = s.position JOIN log_streams AS t ON t.stream = e.stream
       JOIN log_names AS n ON n.number = e.type`,
      `DELETE FROM projection_skips WHERE EXISTS (SELECT 1 FROM reaction_abandonments AS a
         WHERE a.reaction = projection_skips.projection AND a.position = projection_skips.position)`
    ]
  }
]

/** The steps in the words of a database. */
export const migrationsOf = ({ definition, kind }: Pick<Dialect, "definition" | "kind">): ReadonlyArray<Migration> => {
  const inWords = (items: ReadonlyArray<Definition>) =>
    items.flatMap((item) => (typeof item === "string" ? [definition(item)] : item[kind]))
  return steps.map(({ name, oldestWriter, up, transform, last = [] }) => {
    const first = inWords(up)
    return {
      name,
      oldestWriter,
      up: [...first, ...inWords(last)],
      ...(transform && { transform: { after: first.length, run: transform } })
    }
  })
}

export interface Applied {
  readonly id: number
  readonly checksum: string
}

/** SHA-256, as 64 hexadecimal digits, of the step's SQL. */
export const checksum = ({ up }: Migration): string => hash("sha256", up.join(";\n"))

/** Why this program must not touch a database made by these steps, given by rising id; or undefined when it may. */
export const problemOf = (applied: ReadonlyArray<Applied>, known: ReadonlyArray<Migration>): Problem | undefined => {
  if ((applied.at(-1)?.id ?? 0) > known.length) return "newer"
  if (applied.some(({ id }, index) => id !== index + 1)) return "migrationMissing"
  const changed = known.some((migration, index) => {
    const before = applied[index]
    return before !== undefined && before.checksum !== checksum(migration)
  })
  return changed ? "migrationChanged" : undefined
}

export const selectApplied = "SELECT id, checksum FROM migrations ORDER BY id"

export const toApplied = ([id, checksum]: ReadonlyArray<unknown>): Applied => ({ id, checksum }) as Applied

/**
 * Applies what is missing. The caller holds the write lock, so that of two processes one finds nothing left to do.
 */
export const apply = (
  connection: Connection,
  dialect: Dialect,
  known: ReadonlyArray<Migration> = migrationsOf(dialect)
): Effect.Effect<void, SqlError | LogDamaged | Problem> =>
  Effect.gen(function* () {
    const table = `CREATE TABLE IF NOT EXISTS migrations (
      id INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at INTEGER NOT NULL
    ) STRICT`
    yield* connection.executeRaw(dialect.definition(table), [])
    const applied = (yield* connection.executeValues(selectApplied, [])).map(toApplied)
    const problem = problemOf(applied, known)
    if (problem !== undefined) return yield* Effect.fail(problem)
    const now = yield* Clock.currentTimeMillis
    for (const [index, migration] of known.entries()) {
      if (index < applied.length) continue
      for (const [done, statement] of migration.up.entries()) {
        if (migration.transform?.after === done) yield* migration.transform.run(connection, dialect)
        yield* connection.executeRaw(statement, [])
      }
      yield* connection.executeRaw("INSERT INTO migrations VALUES (?, ?, ?, ?)", [
        index + 1,
        migration.name,
        checksum(migration),
        now
      ])
    }
  })
