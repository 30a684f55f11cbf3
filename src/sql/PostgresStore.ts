/** The stores on one PostgreSQL database, put together: what a program provides to run on it. */
import { Layer } from "effect"
import type { EventStore } from "../core/EventStore.ts"
import type { SnapshotStore } from "../core/SnapshotStore.ts"
import type { ProjectionStore } from "../projection/ProjectionStore.ts"
import type { DatabaseError } from "./DatabaseError.ts"
import * as PostgresDatabase from "./PostgresDatabase.ts"
import type { SqlDatabase } from "./SqlDatabase.ts"
import * as SqlEventStore from "./SqlEventStore.ts"
import * as SqlProjectionStore from "./SqlProjectionStore.ts"
import * as SqlSnapshotStore from "./SqlSnapshotStore.ts"
import * as Writer from "./Writer.ts"

/** Opened read only, its stores refuse to write. */
export const layer = (
  options: PostgresDatabase.PostgresOptions & Writer.WriterOptions
): Layer.Layer<EventStore | SnapshotStore | ProjectionStore | Writer.Writer | SqlDatabase, DatabaseError> =>
  Layer.mergeAll(SqlEventStore.layer, SqlSnapshotStore.layer, SqlProjectionStore.layer).pipe(
    Layer.provideMerge(Writer.layer(options)),
    Layer.provideMerge(PostgresDatabase.layer(options))
  )
