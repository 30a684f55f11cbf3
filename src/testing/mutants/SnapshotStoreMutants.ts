/** Snapshot stores with one fault each, for the rules of `SnapshotStoreConformance`. */
import { Effect, Option } from "effect"
import { type Snapshot, SnapshotStore } from "../../core/SnapshotStore.ts"
import { changing, type Fails, type Mutant } from "./Mutant.ts"

type Store = SnapshotStore["Type"]

const mutant = (name: string, fails: Fails, change: (store: Store) => Partial<Store>): Mutant<SnapshotStore> => ({
  name,
  fails,
  of: changing(SnapshotStore, change)
})

const map =
  (load: Store["load"], change: (snapshot: Snapshot) => Snapshot): Store["load"] =>
  (streamId, maxVersion) =>
    Effect.map(load(streamId, maxVersion), Option.map(change))

export const SnapshotStoreMutants: ReadonlyArray<Mutant<SnapshotStore>> = [
  mutant("gives a stream without snapshots another's", ["a stream without", "one, up to"], ({ load, readAll }) => ({
    load: (streamId, maxVersion) =>
      Effect.flatMap(load(streamId, maxVersion), (found) =>
        Option.isSome(found) || maxVersion !== undefined
          ? Effect.succeed(found)
          : Effect.map(readAll(null, 1), ({ snapshots }) => Option.fromNullable(snapshots[0]))
      )
  })),
  mutant("takes the bound of a version for one less", ["the latest is", "one, up to", "the latest of"], ({ load }) => ({
    load: (streamId, maxVersion) => load(streamId, maxVersion === undefined ? maxVersion : maxVersion - 1)
  })),
  mutant("keeps the first of a version", ["the same version"], ({ load, save }) => ({
    save: (snapshots, keep) =>
      Effect.flatMap(
        Effect.filter(snapshots, ({ streamId, version }) =>
          Effect.map(load(streamId, version), (found) => Option.isNone(found) || found.value.version !== version)
        ),
        (added) => save(added, keep)
      )
  })),
  mutant("gives its own objects to its readers", ["what is saved"], ({ load }) => {
    const given = new Map<string, Snapshot>()
    return {
      load: map(load, (snapshot) => {
        const known = given.get(snapshot.checksum) ?? { ...snapshot }
        given.set(snapshot.checksum, known)
        return known
      })
    }
  }),
  mutant("removes all up to a version, whatever the first", ["one, up to"], ({ remove }) => ({
    remove: (streamId, { to } = {}) => remove(streamId, to === undefined ? {} : { to })
  })),
  mutant("cuts what is long", ["10 kB"], ({ load }) => ({
    load: map(load, (snapshot) => ({ ...snapshot, data: snapshot.data.slice(0, 1_000_000) }))
  })),
  mutant("keeps one more than it is to keep", ["the latest of"], ({ save }) => ({
    save: (snapshots, keep) => save(snapshots, keep + 1)
  })),
  mutant("says after each full page that more follow", ["pages over"], ({ readAll }) => ({
    readAll: (after, limit) =>
      Effect.map(readAll(after, limit), ({ more, snapshots }) => ({
        snapshots,
        more: more || snapshots.length === limit
      }))
  }))
]
