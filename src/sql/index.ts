/** The public face of `daybook/sql`. Modules of this package never import it. */
export * as Backup from "./Backup.ts"
export * from "./DatabaseError.ts"
export * as LogCopy from "./LogCopy.ts"
export * as SqlEventStore from "./SqlEventStore.ts"
export * as SqliteDatabase from "./SqliteDatabase.ts"
export * as SqliteStore from "./SqliteStore.ts"
export * as SqlSnapshotStore from "./SqlSnapshotStore.ts"
export * as Writer from "./Writer.ts"
