/**
 * The stores on a JetStream stream and a local SQLite file that follows it, put together: what a program provides to
 * run on it.
 */
import { Layer } from "effect"
import type { EventStore } from "../core/EventStore.ts"
import type { SnapshotStore } from "../core/SnapshotStore.ts"
import type { ProjectionStore } from "../projection/ProjectionStore.ts"
import { DatabaseError } from "../sql/DatabaseError.ts"
import type { SqlDatabase } from "../sql/SqlDatabase.ts"
import * as SqlProjectionStore from "../sql/SqlProjectionStore.ts"
import * as SqlSnapshotStore from "../sql/SqlSnapshotStore.ts"
import * as Writer from "../sql/Writer.ts"
import * as NatsAddress from "./NatsAddress.ts"
import * as NatsDatabase from "./NatsDatabase.ts"
import * as NatsEventStore from "./NatsEventStore.ts"

export interface NatsStoreOptions
  extends Omit<NatsDatabase.NatsOptions, "address" | "maxClockLead">,
    Writer.WriterOptions {
  /** `nats://HOST:PORT/STREAM?local=FILE`; see `NatsAddress`. */
  readonly url: string
}

/**
 * Snapshots, read models, timers and leases are the local file's. Opened read only, its stores refuse to add to the
 * log.
 */
export const layer = ({
  url,
  ...options
}: NatsStoreOptions): Layer.Layer<
  EventStore | SnapshotStore | ProjectionStore | Writer.Writer | SqlDatabase,
  DatabaseError
> => {
  const address = NatsAddress.parse(url)
  if (typeof address === "string") {
    return Layer.fail(new DatabaseError({ filename: "the address", problem: "unopenable", cause: new Error(address) }))
  }
  return Layer.mergeAll(NatsEventStore.layer, SqlSnapshotStore.layer, SqlProjectionStore.layer).pipe(
    Layer.provideMerge(Writer.layer(options)),
    Layer.provideMerge(NatsDatabase.layer({ ...options, address }))
  )
}
