/**
 * The layout of the log since it has a journal, made by the step "journal" of `Migrations.ts`. Everything is stored
 * once. What belongs to a command stands in its entry (`log_entries`), what only an event has in `log_events`, and
 * names that come again and again stand in the dictionaries `log_streams` and `log_names`; hashes are bytes. What is
 * hashed is the text that it always was.
 *
 * An event keeps the hash before its own: a reader of the log checks each row by itself, without a look at another one.
 *
 * `events` and `commands` are views with the columns of before, for people who query by SQL, and for a process of an
 * earlier release that still runs: it reads on, and the database refuses what it writes.
 */
import { type Definition, exact, refusal, unchanging } from "./TableGuards.ts"

/**
 * The SQL of each database for bytes as hexadecimal digits and as text, for a number in a JSON list, and for a join
 * with the one row of a table, if there is one, that has this value as its key. Written so that it is one seek for each
 * row: PostgreSQL's planner would otherwise read a whole table that it takes to be small.
 */
export const words = {
  sqlite: {
    one: (table: string, as: string, key: string, value: string) =>
      `LEFT JOIN ${table} AS ${as} ON ${as}.${key} = ${value}`,
    hex: (bytes: string) => `lower(hex(${bytes}))`,
    unhex: (digits: string) => `unhex(${digits})`,
    text: (bytes: string) => `CAST(${bytes} AS TEXT)`,
    listed: "IN (SELECT value FROM json_each(?))"
  },
  postgres: {
    one: (table: string, as: string, key: string, value: string) =>
      `LEFT JOIN LATERAL (SELECT * FROM ${table} WHERE ${table}.${key} = ${value} LIMIT 1) AS ${as} ON true`,
    hex: (bytes: string) => `encode(${bytes}, 'hex')`,
    unhex: (digits: string) => `decode(${digits}, 'hex')`,
    text: (bytes: string) => `convert_from(${bytes}, 'UTF8')`,
    listed: "= ANY (ARRAY (SELECT json_array_elements_text(?::json)::bigint))"
  }
} as const
type Words = (typeof words)[keyof typeof words]

/** A fingerprint of hexadecimal digits is kept as bytes, with the number of the rule that made it. */
export const fingerprintForms = { text: 0, digest: 1, canonical: 2 } as const

/** The number of the rule for fingerprints of the canonical form, which tells them from those of the rule before. */
export const canonicalPrefix = "2:"

export const tables: ReadonlyArray<Definition> = [
  // The id and the epoch of the log, in one row.
  `CREATE TABLE log_identity (
     id INTEGER PRIMARY KEY CHECK (id = 1),
     log_id TEXT NOT NULL,
     epoch INTEGER NOT NULL CHECK (epoch ${exact})
   ) STRICT`,
  {
    sqlite: ["INSERT INTO log_identity VALUES (1, lower(hex(randomblob(16))), 1)"],
    postgres: [
      // No function of its own gives random bytes, and one UUID has 122 of them.
      `INSERT INTO log_identity VALUES (1, left(encode(sha256(convert_to(
         gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')), 'hex'), 32), 1)`
    ]
  },
  `CREATE TABLE log_streams (
     stream INTEGER PRIMARY KEY CHECK (stream ${exact}),
     stream_id TEXT NOT NULL UNIQUE
   ) STRICT`,
  // Types of events and names of commands.
  `CREATE TABLE log_names (
     number INTEGER PRIMARY KEY CHECK (number ${exact}),
     name TEXT NOT NULL UNIQUE
   ) STRICT`,
  `CREATE TABLE log_events (
     position INTEGER PRIMARY KEY CHECK (position ${exact}),
     stream INTEGER NOT NULL,
     version INTEGER NOT NULL CHECK (version ${exact}),
     type INTEGER NOT NULL,
     schema_version INTEGER NOT NULL CHECK (schema_version ${exact}),
     recorded_at INTEGER NOT NULL CHECK (recorded_at ${exact}),
     sequence INTEGER NOT NULL CHECK (sequence ${exact}),
     previous_hash BLOB NOT NULL,
     hash BLOB NOT NULL,
     data TEXT NOT NULL,
     UNIQUE (stream, version)
   ) STRICT`,
  // `kind`: the place in `Journal.kinds`. `outcome`: 0 success, 1 refusal. `command` is a number of `log_names`.
  `CREATE TABLE log_entries (
     sequence INTEGER PRIMARY KEY CHECK (sequence ${exact}),
     rule INTEGER NOT NULL,
     kind INTEGER NOT NULL,
     stream INTEGER,
     command INTEGER,
     fingerprint_form INTEGER,
     outcome INTEGER,
     answer_version INTEGER NOT NULL CHECK (answer_version ${exact}),
     version INTEGER NOT NULL CHECK (version ${exact}),
     position INTEGER NOT NULL CHECK (position ${exact}),
     events INTEGER NOT NULL CHECK (events ${exact}),
     recorded_at INTEGER NOT NULL CHECK (recorded_at ${exact}),
     hash BLOB NOT NULL,
     fingerprint BLOB,
     command_id TEXT,
     correlation_id TEXT,
     causation_id TEXT,
     traceparent TEXT,
     principal TEXT,
     metadata TEXT,
     payload_digest BLOB,
     answer TEXT NOT NULL,
     CONSTRAINT of_a_command CHECK (kind <> 0 OR (stream IS NOT NULL AND fingerprint_form IS NOT NULL AND fingerprint IS NOT NULL
       AND outcome IS NOT NULL AND command_id IS NOT NULL))
   ) STRICT`,
  // A row may be removed: the entry vouches for the text by its digest.
  `CREATE TABLE log_payloads (
     sequence INTEGER PRIMARY KEY CHECK (sequence ${exact}),
     text TEXT NOT NULL
   ) STRICT`
]

/** Made once the rows are there, which is faster than with each row. */
export const indices: ReadonlyArray<Definition> = [
  "CREATE UNIQUE INDEX log_entries_command_ids ON log_entries (command_id)",
  // The last entry of a stream is one seek away.
  "CREATE INDEX log_entries_streams ON log_entries (stream, sequence)"
]

const inOrder: Definition = {
  sqlite: [
    // INSERT OR REPLACE removes the old row without firing a trigger, so the old row is looked for here.
    `CREATE TRIGGER log_events_in_order BEFORE INSERT ON log_events
       WHEN NEW.position <= (SELECT max(position) FROM log_events)
         OR NEW.version <> 1 + coalesce((SELECT max(version) FROM log_events WHERE stream = NEW.stream), 0)
       BEGIN SELECT RAISE(ABORT, 'an event takes the next version of its stream and a later position'); END`,
    `CREATE TRIGGER log_entries_in_order BEFORE INSERT ON log_entries
       WHEN NEW.sequence <> 1 + coalesce((SELECT max(sequence) FROM log_entries), 0)
         OR EXISTS (SELECT 1 FROM log_entries WHERE command_id = NEW.command_id)
       BEGIN SELECT RAISE(ABORT, 'an entry takes the next sequence, and a command id is taken once'); END`,
    ...["log_streams.stream.stream_id", "log_names.number.name"].map((columns) => {
      const [table, number, text] = columns.split(".")
      return `CREATE TRIGGER ${table}_once BEFORE INSERT ON ${table}
       WHEN EXISTS (SELECT 1 FROM ${table} WHERE ${number} = NEW.${number} OR ${text} = NEW.${text})
       BEGIN SELECT RAISE(ABORT, '${table} are never changed'); END`
    })
  ],
  postgres: [
    // Once for each statement, and by seeks alone.
    `CREATE FUNCTION log_events_in_order() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       IF EXISTS (SELECT 1 FROM added WHERE version <> 1 + coalesce(
            (SELECT max(e.version) FROM log_events AS e WHERE e.stream = added.stream AND e.version < added.version), 0))
         OR (SELECT count(*) FROM log_events WHERE position >= (SELECT min(position) FROM added)) >
            (SELECT count(*) FROM added)
       THEN ${refusal("an event takes the next version of its stream and a later position")};
       END IF;
       RETURN NULL;
     END $$`,
    `CREATE TRIGGER log_events_in_order AFTER INSERT ON log_events REFERENCING NEW TABLE AS added
     EXECUTE FUNCTION log_events_in_order()`,
    // The primary key keeps the sequences apart, so that as many as these, up to the last one, leave no hole.
    `CREATE FUNCTION log_entries_in_order() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       IF (SELECT max(sequence) FROM log_entries) <> coalesce((SELECT max(j.sequence) FROM log_entries AS j
            WHERE j.sequence < (SELECT min(sequence) FROM added)), 0) + (SELECT count(*) FROM added)
         OR (SELECT min(sequence) FROM added) <> 1 + coalesce((SELECT max(j.sequence) FROM log_entries AS j
            WHERE j.sequence < (SELECT min(sequence) FROM added)), 0)
       THEN ${refusal("an entry takes the next sequence, and a command id is taken once")};
       END IF;
       RETURN NULL;
     END $$`,
    `CREATE TRIGGER log_entries_in_order AFTER INSERT ON log_entries REFERENCING NEW TABLE AS added
     EXECUTE FUNCTION log_entries_in_order()`
  ]
}

/** The id of a log stays once something was decided; its epoch rises. */
const identityStays: Definition = {
  sqlite: [
    `CREATE TRIGGER log_identity_no_delete BEFORE DELETE ON log_identity
       BEGIN SELECT RAISE(ABORT, 'the identity of a log is never changed'); END`,
    `CREATE TRIGGER log_identity_stays BEFORE UPDATE ON log_identity
       WHEN EXISTS (SELECT 1 FROM log_entries) AND (NEW.log_id <> OLD.log_id OR NEW.epoch <= OLD.epoch)
       BEGIN SELECT RAISE(ABORT, 'the identity of a log is never changed'); END`,
    `CREATE TRIGGER log_identity_once BEFORE INSERT ON log_identity
       BEGIN SELECT RAISE(ABORT, 'the identity of a log is never changed'); END`
  ],
  postgres: [
    `CREATE FUNCTION log_identity_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       IF TG_OP <> 'UPDATE' THEN ${refusal("the identity of a log is never changed")}; END IF;
       IF EXISTS (SELECT 1 FROM log_entries) AND (NEW.log_id <> OLD.log_id OR NEW.epoch <= OLD.epoch)
       THEN ${refusal("the identity of a log is never changed")};
       END IF;
       RETURN NEW;
     END $$`,
    `CREATE TRIGGER log_identity_stays BEFORE INSERT OR UPDATE OR DELETE ON log_identity
     FOR EACH ROW EXECUTE FUNCTION log_identity_stays()`,
    `CREATE FUNCTION log_identity_kept() RETURNS trigger LANGUAGE plpgsql AS
     $$ BEGIN ${refusal("the identity of a log is never changed")}; END $$`,
    `CREATE TRIGGER log_identity_kept BEFORE TRUNCATE ON log_identity EXECUTE FUNCTION log_identity_kept()`
  ]
}

const older = "this log was migrated to a newer release of Daybook: stop this process, and start that release"

/** A view in place of a table that an earlier release writes to: an insert into it fails, and says why. */
const readOnlyView = (name: string, select: (words: Words) => string): Definition => ({
  sqlite: [
    `CREATE VIEW ${name} AS ${select(words.sqlite)}`,
    `CREATE TRIGGER ${name}_refused INSTEAD OF INSERT ON ${name} BEGIN SELECT RAISE(ABORT, '${older}'); END`
  ],
  postgres: [
    `CREATE VIEW ${name} AS ${select(words.postgres)}`,
    `CREATE FUNCTION ${name}_refused() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${refusal(older)}; END $$`,
    `CREATE TRIGGER ${name}_refused INSTEAD OF INSERT OR UPDATE OR DELETE ON ${name}
     FOR EACH ROW EXECUTE FUNCTION ${name}_refused()`
  ]
})

export const guards: ReadonlyArray<Definition> = [
  ...["log_events", "log_entries", "log_streams", "log_names"].map(unchanging),
  inOrder,
  identityStays,
  readOnlyView(
    "events",
    ({ hex }) => `SELECT e.position, s.stream_id, e.version, n.name AS type, e.schema_version, e.data, j.command_id,
       coalesce(j.correlation_id, j.command_id) AS correlation_id, j.causation_id, j.traceparent, e.recorded_at,
       ${hex("e.previous_hash")} AS previous_hash, ${hex("e.hash")} AS hash, e.sequence, j.principal
     FROM log_events AS e LEFT JOIN log_streams AS s ON s.stream = e.stream LEFT JOIN log_names AS n ON n.number = e.type
     LEFT JOIN log_entries AS j ON j.sequence = e.sequence`
  ),
  readOnlyView(
    "commands",
    ({ hex, text }) => `SELECT j.command_id, s.stream_id,
       CASE j.fingerprint_form WHEN ${fingerprintForms.text} THEN ${text("j.fingerprint")}
         WHEN ${fingerprintForms.digest} THEN ${hex("j.fingerprint")}
         ELSE '${canonicalPrefix}' || ${hex("j.fingerprint")} END AS fingerprint,
       CASE j.outcome WHEN 0 THEN 'success' ELSE 'refusal' END AS outcome,
       j.answer, j.version, j.position, n.name AS command, j.answer_version, j.sequence, j.recorded_at
     FROM log_entries AS j LEFT JOIN log_streams AS s ON s.stream = j.stream LEFT JOIN log_names AS n ON n.number = j.command
     WHERE j.kind = 0`
  )
]
