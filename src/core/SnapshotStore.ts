/**
 * `SnapshotStore` is the port for states saved on the way, so that a recovery reads few events. A snapshot is never the
 * truth: it may be missing, old or removed at any time, and the events give the same state.
 */
import { Context, type Effect, type Option } from "effect"
import { sha256 } from "./Platform.ts"
import type { StoreUnavailable } from "./StoreError.ts"
import type { StreamId } from "./StreamId.ts"

/** The state of a stream after one of its events. */
export interface Snapshot {
  readonly streamId: StreamId
  /** Version, position and hash of the last event in the state: together they show whether the log still agrees. */
  readonly version: number
  readonly position: number
  readonly eventHash: string
  /** Digest of the state's schema and of the version of `evolve`; a snapshot with another one is ignored. */
  readonly fingerprint: string
  /** JSON text of the encoded state. */
  readonly data: string
  /** Milliseconds since 1970-01-01 UTC. */
  readonly recordedAt: number
  /** See `checksum`. */
  readonly checksum: string
}

/** SHA-256, as 64 hexadecimal digits, of all other fields: a damaged snapshot is found when it is read. */
export const checksum = (snapshot: Omit<Snapshot, "checksum">): string =>
  sha256(
    [
      snapshot.streamId,
      snapshot.version,
      snapshot.position,
      snapshot.eventHash,
      snapshot.fingerprint,
      snapshot.data,
      snapshot.recordedAt
    ].join("\0")
  )

/** Where a page of all snapshots goes on: after this one, by stream id (bytes) and version. */
export interface SnapshotCursor {
  readonly streamId: string
  readonly version: number
}

/** A part of all snapshots. */
export interface SnapshotPage {
  readonly snapshots: ReadonlyArray<Snapshot>
  /** Whether more follow. */
  readonly more: boolean
}

/** Where states are saved on the way, so that a recovery reads few events. */
export class SnapshotStore extends Context.Tag("daybook/core/SnapshotStore")<
  SnapshotStore,
  {
    /** The latest snapshot of the stream, or the latest with a version up to `maxVersion`. */
    readonly load: (streamId: StreamId, maxVersion?: number) => Effect.Effect<Option.Option<Snapshot>, StoreUnavailable>
    /** Saves all or none; one of the same stream and version is replaced. The latest `keep` of each stream remain. */
    readonly save: (snapshots: ReadonlyArray<Snapshot>, keep: number) => Effect.Effect<void, StoreUnavailable>
    /** Removes the stream's snapshots with versions `from` to `to`, both included. Default: all. */
    readonly remove: (
      streamId: StreamId,
      range?: { readonly from?: number; readonly to?: number }
    ) => Effect.Effect<void, StoreUnavailable>
    /** One page over all streams, for `verify`. */
    readonly readAll: (after: SnapshotCursor | null, limit: number) => Effect.Effect<SnapshotPage, StoreUnavailable>
  }
>() {}
