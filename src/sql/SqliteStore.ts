/** The stores on one SQLite file, put together: what a program provides to run on it. */
import { Layer } from "effect"
import type { EventStore } from "../core/EventStore.ts"
import type { SnapshotStore } from "../core/SnapshotStore.ts"
import type { ProjectionStore } from "../projection/ProjectionStore.ts"
import type { DatabaseError } from "./DatabaseError.ts"
import type { SqlDatabase } from "./SqlDatabase.ts"
import * as SqlEventStore from "./SqlEventStore.ts"
import * as SqliteDatabase from "./SqliteDatabase.ts"
import * as SqlProjectionStore from "./SqlProjectionStore.ts"
import * as SqlSnapshotStore from "./SqlSnapshotStore.ts"
import * as Writer from "./Writer.ts"

/** Opened read only, its stores refuse to write. */
export const layer = (
  options: SqliteDatabase.SqliteOptions & Writer.WriterOptions
): Layer.Layer<EventStore | SnapshotStore | ProjectionStore | Writer.Writer | SqlDatabase, DatabaseError> =>
  Layer.mergeAll(SqlEventStore.layer, SqlSnapshotStore.layer, SqlProjectionStore.layer).pipe(
    Layer.provideMerge(Writer.layer(options)),
    Layer.provideMerge(SqliteDatabase.layer(options))
  )
