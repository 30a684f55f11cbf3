/**
 * `Verification` reads the whole database and collects what is wrong: places, hashes and chains of events, whether they can
 * be decoded, kept answers without their events, and snapshots and read models that are not what their events give.
 */
import { Effect, Either } from "effect"
import { noHead } from "../core/AppendPlan.ts"
import * as Damage from "../core/Damage.ts"
import { type EventPage, EventStore, maxPage } from "../core/EventStore.ts"
import * as Replay from "../core/Replay.ts"
import {
  checksum,
  type Snapshot,
  type SnapshotCursor,
  type SnapshotPage,
  SnapshotStore
} from "../core/SnapshotStore.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import { turn } from "../core/Turn.ts"
import * as LogCopy from "../sql/LogCopy.ts"
import * as UnverifiedLog from "../sql/UnverifiedLog.ts"
import * as Aggregates from "./Aggregates.ts"
import * as ModelVerification from "./ModelVerification.ts"
import * as ReadModels from "./ReadModels.ts"

export interface Problem {
  /** The stream; of a read model its name; of the file below both `database`. */
  readonly streamId: string
  /** The version in the stream; of a read model the position of its checkpoint; of the file 0. */
  readonly version: number
  readonly problem: string
}

/** Problems that are kept; one cause may have many. */
const maxKept = 100

export const describe = ({ problem, streamId, version }: Problem): string =>
  `${streamId} version ${version}: ${problem}`

interface Head {
  readonly version: number
  readonly hash: string
}

/** What is wrong with an event, apart from its place in the log. */
const problemOf = (event: StoredEvent, head: Head): string | undefined => {
  const damage = Damage.ofRow(head, event)
  if (damage !== undefined) return damage.reason
  const definition = Aggregates.ofStream(event.streamId)
  if (definition === undefined) return "no aggregate has such streams"
  const decoded = definition.codec.decode(event)
  return Either.isLeft(decoded) ? decoded.left.message : undefined
}

const verifySnapshot = Effect.fnUntraced(function* (snapshot: Snapshot, head: Head) {
  const { streamId, version } = snapshot
  if (checksum(snapshot) !== snapshot.checksum) return "the snapshot is damaged"
  if (version > head.version) return `the snapshot is ahead of its stream, which ends at ${head.version}`
  const definition = Aggregates.ofStream(streamId)
  if (definition === undefined) return "no aggregate has such snapshots"
  // One of an older form of the state is not used, and so not wrong.
  if (snapshot.fingerprint !== definition.snapshot.fingerprint) return undefined
  const store = yield* EventStore
  const replayed = yield* Effect.either(
    Replay.catchUp(store, definition, streamId, Replay.initial(definition), version)
  )
  // Why its events give no state was said where they were read.
  if (Either.isLeft(replayed)) return undefined
  const { hash, position, state } = replayed.right
  if (hash !== snapshot.eventHash || position !== snapshot.position) return "the snapshot was made of another event"
  return definition.snapshot.encode(state) === snapshot.data ? undefined : "the snapshot is not what its events give"
})

export const run = Effect.gen(function* () {
  const snapshotStore = yield* SnapshotStore
  const problems: Array<Problem> = []
  let problemCount = 0
  const heads = new Map<string, Head>()
  const found = ({ streamId, version }: { readonly streamId: string; readonly version: number }, problem?: string) => {
    if (problem === undefined) return
    problemCount++
    if (problems.length < maxKept) problems.push({ streamId, version, problem })
  }

  let last: StoredEvent | undefined
  let events = 0
  for (;;) {
    const page: EventPage = yield* UnverifiedLog.readAll(last?.position ?? 0)
    for (const event of page.events) {
      found(event, problemOf(event, heads.get(event.streamId) ?? noHead))
      if (event.recordedAt < (last?.recordedAt ?? 0)) found(event, "was recorded before the event before it in the log")
      heads.set(event.streamId, event)
      last = event
    }
    events += page.events.length
    if (!page.more) break
    yield* turn
  }
  for (const stray of yield* LogCopy.strays) found(stray, stray.problem)

  let commands = 0
  for (let after: string | null = null; ; ) {
    const page: LogCopy.CommandPage = yield* LogCopy.readCommands(after, maxPage)
    commands += page.commands.length
    if (!page.more) break
    after = page.commands.at(-1)?.commandId ?? after
  }

  let snapshots = 0
  for (let after: SnapshotCursor | null = null; ; ) {
    // Few at a time: one may be large.
    const page: SnapshotPage = yield* snapshotStore.readAll(after, 16)
    for (const snapshot of page.snapshots)
      found(snapshot, yield* verifySnapshot(snapshot, heads.get(snapshot.streamId) ?? noHead))
    snapshots += page.snapshots.length
    if (!page.more) break
    after = page.snapshots.at(-1) ?? after
  }

  for (const projection of ReadModels.projections) {
    const wrong = yield* ModelVerification.verify(projection)
    if (wrong !== undefined) found({ streamId: projection.name, version: wrong.model.position }, wrong.problem)
  }
  for (const reason of yield* LogCopy.damages) found({ streamId: "database", version: 0 }, reason)
  return {
    problems,
    problemCount,
    events,
    streams: heads.size,
    commands,
    snapshots,
    models: ReadModels.projections.length
  }
})
