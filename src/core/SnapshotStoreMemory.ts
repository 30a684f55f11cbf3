/** The snapshot store in a map, gone with the process. */
import { Effect, Layer, Option } from "effect"
import * as Page from "./Page.ts"
import { type Snapshot, SnapshotStore } from "./SnapshotStore.ts"
import * as StreamId from "./StreamId.ts"

const make = (): SnapshotStore["Type"] => {
  /** The snapshots of each stream by rising version. */
  const streams = new Map<string, ReadonlyArray<Snapshot>>()
  const of = (streamId: string): ReadonlyArray<Snapshot> => streams.get(streamId) ?? []

  return {
    load: (streamId, maxVersion = Number.MAX_SAFE_INTEGER) =>
      Effect.sync(() => Option.fromNullable(of(streamId).findLast(({ version }) => version <= maxVersion))),
    save: (snapshots, keep) =>
      Effect.sync(() => {
        for (const snapshot of snapshots) {
          const others = of(snapshot.streamId).filter(({ version }) => version !== snapshot.version)
          const all = [...others, Object.freeze({ ...snapshot })].sort((left, right) => left.version - right.version)
          streams.set(snapshot.streamId, all.slice(-keep))
        }
      }),
    remove: (streamId, { from = 0, to = Number.MAX_SAFE_INTEGER } = {}) =>
      Effect.sync(() => {
        const kept = of(streamId).filter(({ version }) => version < from || version > to)
        streams.set(streamId, kept)
      }),
    readAll: (after, limit) =>
      Effect.sync(() => {
        const found = [...streams.keys()]
          .sort(StreamId.compare)
          .flatMap(of)
          .filter(({ streamId, version }) => {
            if (after === null) return true
            const order = StreamId.compare(streamId, after.streamId)
            return order > 0 || (order === 0 && version > after.version)
          })
        const { kept: snapshots, more } = Page.cut(found, limit)
        return { snapshots, more }
      })
  }
}

export const layer: Layer.Layer<SnapshotStore> = Layer.sync(SnapshotStore, make)
