/**
 * What can be wrong with a database as a whole. `DatabaseError` and `BackupRefused` are for the person who starts the
 * program: each message is one sentence with what, where and what to do. `RestoreRefused` names the first row that does
 * not belong.
 */
import { Schema } from "effect"

/** For each problem: what it is, and what to do. */
const problems = {
  missing: ["does not exist", "check the path, or allow it to be created"],
  missingFolder: ["lies in a folder that does not exist", "create the folder or correct the path"],
  danglingLink: ["is a link to a file that is not there", "put the database there, or correct the link"],
  notAFile: ["is not a file", "give the path of a database file"],
  readOnly: ["or its folder may not be written", "change the permissions or open it read only"],
  noAccess: ["may not be read", "change the permissions"],
  empty: ["is an empty file", "remove it so that a database can be created, or restore a backup"],
  strayLog: ["is missing but its -wal file is there", "put the database back beside it, or move the -wal file away"],
  foreignLog: [
    "and the write-ahead log beside it (-wal) do not belong together",
    "where you put a backup in its place, do it with daybook restore, or move the files with -wal, -shm and -journal away; where another release or program was killed, open it with that once"
  ],
  readMeanwhile: ["was restored, and another process reads it", "end that process first"],
  notADatabase: ["is not an SQLite database", "check the path"],
  foreign: ["is a database of another program", "check the path, or give Daybook a file or a schema of its own"],
  taken: ["has names that Daybook's tables would take", "give a prefix that nothing else there begins with"],
  otherPrefix: ["has a log of Daybook under other names", "give that prefix; a file or schema holds one log"],
  noTables: ["has none of Daybook's tables by these names", "check the prefix, or allow them to be created"],
  badPrefix: [
    "cannot be opened with that prefix",
    "use small letters, digits and _, at most 24, the first a letter; or nothing"
  ],
  newer: ["was written by a newer version of this program", "start that version or a later one"],
  older: ["needs a migration, which reading does not do", "open it for writing once"],
  migrationMissing: ["lacks a migration below its latest one", "restore a backup"],
  migrationChanged: ["was made by a migration that has changed since", "start the version that made it"],
  damaged: ["is damaged", "restore a backup"],
  notDurable: ["does not keep the durability it was opened with", "report this with the version of its driver"],
  fsyncOff: ["runs with fsync off, so a commit may be lost with the power", "turn it on, or ask for durability normal"],
  notPostgres: ["is not one of PostgreSQL", "provide the PgClient that the application has, or give an address"],
  elsewhere: [
    "is reached by the SqlClient of the application on another server or in another schema than its settings say",
    "give that client a url with all of them, or give Daybook an address"
  ],
  oldServer: ["is on a PostgreSQL older than 15", "upgrade the server"],
  standby: [
    "is read only at present, and its tables are to be made or migrated first",
    "give the address of the primary"
  ],
  notUtf8: ["is not encoded in UTF-8", "create it with ENCODING 'UTF8'"],
  unmigrated: [
    "is damaged, so that it was not migrated, and stays as it was",
    "restore a backup, or go on with the release that wrote it"
  ],
  noDriver: ["has no driver", "install that package, in the version that daybook names as its peer"],
  oldNats: ["is on a NATS server older than 2.12, which has no atomic batches", "upgrade the server"],
  noJetStream: ["is on a NATS server without JetStream", "turn JetStream on"],
  smallMessages: ["is on a server that takes too short messages", "set max_payload to 8MB"],
  foreignStream: ["is a stream with other settings than a log needs", "give another name, or correct the setting"],
  notSynced: [
    "does not show that it syncs each message to disk",
    "set sync_interval: always and give its monitoring address, or ask for durability normal"
  ],
  halfCopied: ["holds the beginning of a copy that was not ended", "remove the stream, and copy again"],
  otherLog: ["does not belong to the local file that is given for it", "give another file, or move that one away"],
  behindFile: [
    "has lost what it acknowledged: its local file has more",
    "restore the stream; or move the local file away and go on without what was lost"
  ],
  unreachable: ["cannot be reached", "check the address and that the server runs"],
  unopenable: ["cannot be opened", "see the cause"]
} as const

export type Problem = keyof typeof problems

/** The database was not opened, and its file is as it was. */
export class DatabaseError extends Schema.TaggedError<DatabaseError>()("DatabaseError", {
  filename: Schema.String,
  problem: Schema.Literal(...(Object.keys(problems) as [Problem, ...Array<Problem>])),
  cause: Schema.optional(Schema.Defect)
}) {
  override get message() {
    const [what, todo] = problems[this.problem]
    const why = this.cause instanceof Error ? ` (${this.cause.message})` : ""
    return `${this.filename} ${what}${why}; ${todo}`
  }
}

/** Found in a log while its layout was changed: a row that does not match its hash, its place or its command. */
export class LogDamaged extends Schema.TaggedError<LogDamaged>()("LogDamaged", {
  streamId: Schema.String,
  version: Schema.Int,
  reason: Schema.String
}) {
  override get message() {
    return `${this.streamId} version ${this.version}: ${this.reason}`
  }
}

/** No backup was written. */
export class BackupRefused extends Schema.TaggedError<BackupRefused>()("BackupRefused", {
  destination: Schema.String,
  cause: Schema.Defect
}) {
  override get message() {
    return `the backup ${this.destination} was not written: ${this.cause instanceof Error ? this.cause.message : this.cause}`
  }
}

/** Nothing was restored: the database is as it was. */
export class RestoreRefused extends Schema.TaggedError<RestoreRefused>()("RestoreRefused", {
  reason: Schema.String,
  /** The stream and version of the event at fault, where it is an event's. */
  streamId: Schema.NullOr(Schema.String),
  version: Schema.NullOr(Schema.Int)
}) {
  override get message() {
    return this.streamId === null ? this.reason : `${this.streamId} version ${this.version}: ${this.reason}`
  }
}
