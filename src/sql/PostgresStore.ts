/** The stores on one PostgreSQL database, put together: what a program provides to run on it. */
import type { SqlClient } from "@effect/sql/SqlClient"
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

/** The stores on a database, with its one writer. */
const over = <R>(database: Layer.Layer<SqlDatabase, DatabaseError, R>, options: Writer.WriterOptions) =>
  Layer.mergeAll(SqlEventStore.layer, SqlSnapshotStore.layer, SqlProjectionStore.layer).pipe(
    Layer.provideMerge(Writer.layer(options)),
    Layer.provideMerge(database)
  )

type Stores = EventStore | SnapshotStore | ProjectionStore | Writer.Writer | SqlDatabase

/** Opened read only, its stores refuse to write. */
export const layer = (
  options: PostgresDatabase.PostgresOptions & Writer.WriterOptions
): Layer.Layer<Stores, DatabaseError> => over(PostgresDatabase.layer(options), options)

/** On the database of the application's own `PgClient`, which is the `SqlClient` in the context. */
export const layerFromClient = (
  options: PostgresDatabase.PostgresSettings & Writer.WriterOptions = {}
): Layer.Layer<Stores, DatabaseError, SqlClient> => over(PostgresDatabase.layerFromClient(options), options)
