/**
 * `Verification` reads the whole database and collects what is wrong: places, hashes and chains of events and of the
 * journal's entries, whether events can be decoded, entries without their events and the other way round, and snapshots
 * and read models that are not what their events give. The invariants of the application follow the same reading, and
 * what they say is under way is compared with the reactions that are to end it.
 */
import { Clock, Duration, Effect, Either } from "effect"
import { UnstorableState } from "../core/ActorError.ts"
import { noHead } from "../core/AppendPlan.ts"
import * as Damage from "../core/Damage.ts"
import { EventStore } from "../core/EventStore.ts"
import * as HeldValue from "../core/HeldValue.ts"
import type { JournalEntry, JournalHead } from "../core/Journal.ts"
import * as JournalCheck from "../core/JournalCheck.ts"
import * as RecordedAt from "../core/RecordedAt.ts"
import * as Replay from "../core/Replay.ts"
import {
  checksum,
  type Snapshot,
  type SnapshotCursor,
  type SnapshotPage,
  SnapshotStore
} from "../core/SnapshotStore.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import type { Application } from "../projection/Application.ts"
import * as LogCopy from "../sql/LogCopy.ts"
import * as ReadTransaction from "../sql/ReadTransaction.ts"
import * as UnverifiedLog from "../sql/UnverifiedLog.ts"
import * as LogInvariants from "./LogInvariants.ts"
import * as ModelVerification from "./ModelVerification.ts"
import * as TakenOut from "./TakenOut.ts"

/** The name of a read model and the position of its checkpoint; for the file below all of them `database` and 0. */
export type Problem = JournalCheck.Problem

/** Problems that are kept; one cause may have many. */
const maxKept = 100

/** The problem in one line, with its place first. */
export const describe = ({ problem, streamId, version }: Problem): string =>
  `${streamId} version ${version}: ${problem}`

interface Head {
  readonly version: number
  readonly hash: string
}

/** What is wrong with an event, apart from its place in the log. */
const problemOf = (app: Application, event: StoredEvent, head: Head): string | undefined => {
  const damage = Damage.ofRow(head, event)
  if (damage !== undefined) return damage.reason
  const decoded = app.ofStream(event.streamId)?.definition.codec.decode(event)
  if (decoded === undefined) return undefined
  return Either.isLeft(decoded) ? decoded.left.message : undefined
}

const verifySnapshot = Effect.fnUntraced(function* (app: Application, snapshot: Snapshot, head: Head) {
  const { streamId, version } = snapshot
  if (checksum(snapshot) !== snapshot.checksum) return "the snapshot is damaged"
  if (version > head.version) return `the snapshot is ahead of its stream, which ends at ${head.version}`
  const definition = app.ofStream(streamId)?.definition
  // One of an older form of the state is not used, and so not wrong.
  if (snapshot.fingerprint !== definition?.snapshot.fingerprint) return undefined
  const store = yield* EventStore
  const replayed = yield* Effect.either(
    Replay.catchUp(store, definition, streamId, Replay.initial(definition), version)
  )
  // Why its events give no state was said where they were read.
  if (Either.isLeft(replayed)) return undefined
  const { hash, position, state } = replayed.right
  if (hash !== snapshot.eventHash || position !== snapshot.position) return "the snapshot was made of another event"
  const differs = Either.try({
    // By their values: fields may be declared in another order by now.
    try: () => HeldValue.difference(JSON.parse(snapshot.data), JSON.parse(definition.snapshot.encode(state))),
    catch: (cause) => (cause instanceof UnstorableState ? cause.message : "one of them is not JSON")
  })
  if (Either.isLeft(differs)) return `what its events give cannot be compared with the snapshot: ${differs.left}`
  if (differs.right === undefined) return undefined
  const toDo = `where evolve was changed, raise snapshot.version to ${definition.snapshot.version + 1}`
  return `the snapshot is not what its events give, at ${differs.right}; ${toDo}`
})

const verify = Effect.fnUntraced(function* (app: Application, against?: JournalHead) {
  const store = yield* EventStore
  const snapshotStore = yield* SnapshotStore
  yield* ModelVerification.hold(app.projections)
  const problems: Array<Problem> = []
  let problemCount = 0
  const heads = new Map<string, Head>()
  const found = (
    {
      sequence = null,
      streamId,
      version
    }: Omit<Problem, "problem" | "sequence"> & { readonly sequence?: number | null },
    problem?: string
  ) => {
    if (problem === undefined) return
    problemCount++
    if (problems.length < maxKept) problems.push({ streamId, version, sequence, problem })
  }

  /** What is remarkable and no damage. */
  const notes: Array<Problem> = []
  /** Notes an entry that was ahead of this time, that of the next entry or of now. */
  const noteAhead = ({ recordedAt, sequence, streamId, version }: JournalEntry, time: number) => {
    if (!RecordedAt.isAhead(recordedAt, time, store.maxClockLead) || notes.length === maxKept) return
    const lead = Duration.format(Duration.millis(recordedAt - time))
    const problem = `entry ${sequence} of the journal: it was recorded ${lead} ahead of the clock that later ones have`
    notes.push({ streamId: streamId ?? "journal", version, sequence, problem })
  }

  const foreign = new Map<string, { readonly first: StoredEvent; streams: number; events: number }>()
  const noteForeign = (event: StoredEvent) => {
    const name = event.streamId.slice(0, event.streamId.indexOf("-"))
    const known = foreign.get(name)
    const streams = heads.has(event.streamId) ? 0 : 1
    if (known !== undefined) {
      known.events++
      known.streams += streams
    } else if (foreign.size < maxKept) foreign.set(name, { first: event, streams, events: 1 })
  }

  const invariants = LogInvariants.follow(app)
  const followWith = (event: StoredEvent, isSound: boolean) => {
    if (isSound) for (const wrong of invariants.next(event)) found(event, wrong)
    const { streamId, version } = event
    for (const name of isSound ? [] : invariants.end()) {
      const problem = `the invariant ${name} is not checked from here on, since the event is not sound`
      if (notes.length < maxKept) notes.push({ streamId, version, sequence: null, problem })
    }
  }

  let last: JournalEntry | undefined
  const { entries: commands, events } = yield* JournalCheck.run({
    identity: yield* store.identity,
    maxClockLead: store.maxClockLead,
    readEntries: (after) => Effect.map(store.readJournal(after), ({ entries }) => entries),
    readEvents: (after) => Effect.map(UnverifiedLog.readAll(after), ({ events }) => events),
    onEvent: (event) => {
      if (app.ofStream(event.streamId) === undefined) noteForeign(event)
      const problem = problemOf(app, event, heads.get(event.streamId) ?? noHead)
      found(event, problem)
      followWith(event, problem === undefined)
      heads.set(event.streamId, event)
    },
    onEntry: (entry) => {
      if (last !== undefined) noteAhead(last, entry.recordedAt)
      last = entry
    },
    found: (problem) => found(problem, problem.problem),
    against
  })
  if (last !== undefined) noteAhead(last, Math.floor(yield* Clock.currentTimeMillis))
  for (const { events, first, streams } of foreign.values()) {
    const { streamId, version } = first
    const problem = `no aggregate of ${app.name} has such streams: of ${events} events in ${streams} streams the hashes were checked, and nothing else`
    notes.push({ streamId, version, sequence: null, problem })
  }
  for (const stray of yield* LogCopy.wrongPayloads) found(stray, stray.problem)

  let snapshots = 0
  for (let after: SnapshotCursor | null = null; ; ) {
    // Few at a time: one may be large.
    const page: SnapshotPage = yield* snapshotStore.readAll(after, 16)
    for (const snapshot of page.snapshots)
      found(snapshot, yield* verifySnapshot(app, snapshot, heads.get(snapshot.streamId) ?? noHead))
    snapshots += page.snapshots.length
    if (!page.more) break
    after = page.snapshots.at(-1) ?? after
  }

  for (const projection of app.projections) {
    const wrong = yield* ModelVerification.verify(projection)
    if (wrong !== undefined) found({ streamId: projection.name, version: wrong.model.position }, wrong.problem)
  }
  const undriven = yield* LogInvariants.undriven(app, invariants.underWay())
  for (const problem of undriven.problems) found(problem, problem.problem)
  const late = yield* LogInvariants.lateTimers(app, Math.floor(yield* Clock.currentTimeMillis))
  for (const note of [...(yield* TakenOut.notes), ...undriven.notes, ...late]) {
    if (notes.length < maxKept) notes.push(note)
  }
  for (const reason of yield* LogCopy.damages) found({ streamId: "database", version: 0 }, reason)
  return {
    problems,
    problemCount,
    notes,
    events,
    streams: heads.size,
    commands,
    snapshots,
    models: app.projections.length,
    invariants: app.invariants.map(({ name }) => name),
    /** The last entry of the journal that was read; before the first there is none. */
    end: { sequence: last?.sequence ?? 0, hash: last?.hash ?? "" }
  }
})

/**
 * All that is wrong with the database of these stores, as it is at one moment. Streams of no aggregate of the
 * application are noted: another program's are not damage. `against`: a head that was noted before, which the log must
 * extend.
 */
export const run = (app: Application, against?: JournalHead) =>
  // A model that is replaced at the very beginning is gone; the next transaction sees the one that took its place.
  Effect.retry(ReadTransaction.within(verify(app, against)), { times: 3, while: ({ _tag }) => _tag === "ModelGone" })
