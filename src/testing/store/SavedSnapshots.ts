/** The promises of `core/SnapshotStore.ts` as cases. A store author runs each with a fresh, empty store. */
import { deepStrictEqual, strictEqual } from "node:assert"
import { Effect, Option } from "effect"
import * as EventHash from "../../core/EventHash.ts"
import {
  checksum,
  type Snapshot,
  type SnapshotCursor,
  type SnapshotPage,
  SnapshotStore
} from "../../core/SnapshotStore.ts"
import { StreamId } from "../../core/StreamId.ts"
import type { Case } from "../Conformance.ts"

const snapshot = (id: string, version: number, data = String(version)): Snapshot => {
  const fields = {
    streamId: StreamId.make(id),
    version,
    position: version * 10,
    eventHash: EventHash.genesis,
    fingerprint: "f",
    data,
    recordedAt: 1_000
  }
  return { ...fields, checksum: checksum(fields) }
}
const save = (...snapshots: Array<Snapshot>) => Effect.flatMap(SnapshotStore, (store) => store.save(snapshots, 10))
const load = (id: string, maxVersion?: number) =>
  Effect.map(
    Effect.flatMap(SnapshotStore, (store) => store.load(StreamId.make(id), maxVersion)),
    Option.getOrNull
  )
const remove = (id: string, range?: { readonly from?: number; readonly to?: number }) =>
  Effect.flatMap(SnapshotStore, (store) => store.remove(StreamId.make(id), range))

export const SavedSnapshots: ReadonlyArray<Case<SnapshotStore>> = [
  {
    name: "a stream without snapshots has none (SS1)",
    run: Effect.gen(function* () {
      strictEqual(yield* load("a"), null)
      yield* save(snapshot("b", 1))
      strictEqual(yield* load("a"), null)
    })
  },
  {
    name: "the latest is loaded, up to the bound when there is one (SS2 SS3 SS4)",
    run: Effect.gen(function* () {
      for (const version of [10, 50, 20, 40, 30]) yield* save(snapshot("a", version))
      deepStrictEqual(yield* load("a"), snapshot("a", 50))
      strictEqual((yield* load("a", 50))?.version, 50)
      strictEqual((yield* load("a", 49))?.version, 40)
      strictEqual((yield* load("a", 10))?.version, 10)
      strictEqual(yield* load("a", 9), null)
    })
  },
  {
    name: "the same version is replaced (SS5)",
    run: Effect.gen(function* () {
      yield* save(snapshot("a", 1, "old"), snapshot("b", 1, "other"))
      yield* save(snapshot("a", 1, "new"))
      strictEqual((yield* load("a"))?.data, "new")
      strictEqual((yield* load("b"))?.data, "other")
    })
  },
  {
    name: "what is saved does not change with the caller's objects, nor with the reader's (ES11)",
    run: Effect.gen(function* () {
      const saved = { ...snapshot("a", 1, "first") }
      yield* save(saved)
      saved.data = "spoilt"
      const loaded = yield* load("a")
      yield* Effect.ignore(Effect.try(() => Object.assign(loaded ?? {}, { data: "spoilt" })))
      strictEqual((yield* load("a"))?.data, "first")
    })
  },
  {
    name: "one, up to a version, or all of one stream are removed, and of no other (SS6)",
    run: Effect.gen(function* () {
      for (const id of ["acc-1", "acc-10"]) for (const version of [1, 2, 3, 4]) yield* save(snapshot(id, version))
      yield* remove("acc-1", { from: 4, to: 4 })
      strictEqual((yield* load("acc-1"))?.version, 3)
      yield* remove("acc-1", { to: 2 })
      strictEqual(yield* load("acc-1", 2), null)
      strictEqual((yield* load("acc-1"))?.version, 3)
      yield* remove("acc-1")
      strictEqual(yield* load("acc-1"), null)
      strictEqual((yield* load("acc-10", 1))?.version, 1)
      strictEqual((yield* load("acc-10"))?.version, 4)
    })
  },
  {
    name: "10 kB, 1 MB and 10 MB come back as they were (SS7)",
    run: Effect.gen(function* () {
      for (const size of [10_000, 1_000_000, 10_000_000]) {
        yield* save(snapshot("a", size, "é".repeat(size / 2)))
        deepStrictEqual(yield* load("a"), snapshot("a", size, "é".repeat(size / 2)))
      }
    })
  },
  {
    name: "the latest of each stream remain, as many as are kept",
    run: Effect.gen(function* () {
      const store = yield* SnapshotStore
      yield* save(snapshot("acc-1", 1), snapshot("acc-1", 2), snapshot("acc-10", 1))
      yield* store.save([snapshot("acc-1", 3)], 2)
      strictEqual(yield* load("acc-1", 1), null)
      strictEqual((yield* load("acc-1", 2))?.version, 2)
      strictEqual((yield* load("acc-10"))?.version, 1)
    })
  },
  {
    name: "pages over all streams join without gap or double",
    run: Effect.gen(function* () {
      const store = yield* SnapshotStore
      const all = ["a", "a", "b", "\uffee", "😀"].map((id, index) => snapshot(id, index + 1))
      yield* store.save([...all].reverse(), 10)
      const found: Array<Snapshot> = []
      let after: SnapshotCursor | null = null
      let pages = 0
      for (let more = true; more; pages++) {
        const page: SnapshotPage = yield* store.readAll(after, 2)
        found.push(...page.snapshots)
        after = page.snapshots.at(-1) ?? null
        more = page.more
      }
      deepStrictEqual([found, pages], [all, 3])
      // As many as were asked for, and none beyond.
      deepStrictEqual(yield* store.readAll(null, all.length), { snapshots: all, more: false })
      deepStrictEqual(yield* store.readAll(all.at(-1) ?? null, 2), { snapshots: [], more: false })
    })
  }
]
