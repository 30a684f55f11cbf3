/**
 * The event store on JetStream: that of its local file, after a look at how far the stream has come. A reader so sees
 * what any process was acknowledged before it asked; readers at the same time share a look. In a transaction of the
 * file there is none: it sees the log as it was when it began.
 *
 * A fiber follows the stream between the questions: when another process says that it wrote, and slowly by itself.
 */
import { type Context, Deferred, Effect, FiberId, FiberSet, Layer, LogLevel, Schedule, Stream } from "effect"
import { EventStore } from "../core/EventStore.ts"
import * as FaultLog from "../core/FaultLog.ts"
import { StoreUnavailable } from "../core/StoreError.ts"
import { SqlDatabase } from "../sql/SqlDatabase.ts"
import * as SqlEventStore from "../sql/SqlEventStore.ts"
import { Writer } from "../sql/Writer.ts"
import * as JetStream from "./JetStream.ts"
import { NatsLog } from "./NatsLog.ts"
import * as StreamConfig from "./StreamConfig.ts"

/** How often the stream is looked at where nobody asks and no process says that it wrote. */
const lookInterval = "1 second"

const selectOldPayloads = `SELECT p.sequence FROM log_payloads AS p JOIN log_entries AS j ON j.sequence = p.sequence
  WHERE j.recorded_at < ? ORDER BY p.sequence LIMIT ?`

const unavailable = (cause: unknown) => new StoreUnavailable({ operation: "read", cause })

const make = Effect.gen(function* () {
  const store = yield* EventStore
  const writer = yield* Writer
  const { read } = yield* SqlDatabase
  const { isReadOnly, look, nats, stream, woken } = yield* NatsLog

  /** Until the file has what the stream had: each transaction begins by taking in what others wrote. */
  const follow: Effect.Effect<void, StoreUnavailable> = Effect.gen(function* () {
    while (yield* Effect.mapError(look, unavailable)) {
      yield* Effect.mapError(
        writer.transact(() => Effect.void),
        ({ cause }) => unavailable(cause)
      )
    }
  })
  // Its own, since a caller's fiber may end, or have another clock.
  const fork = yield* FiberSet.makeRuntime<never>()
  type Answer = Deferred.Deferred<void, StoreUnavailable>
  /**
   * Whether a look is under way, and who waits for the next one: what they are to see may have come after this one
   * began.
   */
  let isLooking = false
  let next: Answer | undefined
  const begin = (): void => {
    const answer = next
    next = undefined
    isLooking = answer !== undefined
    if (answer === undefined) return
    fork(
      Effect.onExit(follow, (exit) =>
        Effect.sync(() => {
          Deferred.unsafeDone(answer, exit)
          begin()
        })
      )
    )
  }
  const upToDate = Effect.contextWithEffect((context: Context.Context<never>) => {
    if (writer.isWithin(context)) return Effect.void
    next ??= Deferred.unsafeMake(FiberId.none)
    const answer = next
    if (!isLooking) begin()
    return Deferred.await(answer)
  })
  const fresh = <A, E, R>(read: Effect.Effect<A, E, R>) => Effect.zipRight(upToDate, read)

  let isFailing = false
  const reported = upToDate.pipe(
    Effect.tap(() => {
      isFailing = false
    }),
    Effect.catchAllCause((cause) => {
      const isKnown = isFailing
      isFailing = true
      const what = "the stream of the log cannot be followed at present"
      return isKnown ? Effect.void : FaultLog.report(LogLevel.Warning, what, {}, cause)
    })
  )
  const ticks = Stream.fromSchedule(Schedule.spaced(lookInterval))
  yield* Effect.forkScoped(Stream.runForEach(Stream.merge(Stream.as(ticks, undefined), woken), () => reported))

  /** From the stream first: the operation's entry never says more than what is done. */
  const removeFromStream = Effect.fnUntraced(function* (before: number, most: number) {
    // The entry is refused then.
    if (isReadOnly) return
    const rows = yield* Effect.mapError(read(selectOldPayloads, [before, most]), unavailable)
    for (const [sequence] of rows) {
      const subject = StreamConfig.payloadSubject(stream, sequence as number)
      yield* Effect.mapError(JetStream.remove(nats, stream, subject), unavailable)
    }
  })

  return EventStore.of({
    ...store,
    // They would be committed in the file alone where a process dies between the stream and it.
    takesStatements: false,
    readStream: (streamId, options) => fresh(store.readStream(streamId, options)),
    readAll: (after, limit) => fresh(store.readAll(after, limit)),
    head: (streamId) => fresh(store.head(streamId)),
    listStreams: (options) => fresh(store.listStreams(options)),
    readJournal: (after, limit) => fresh(store.readJournal(after, limit)),
    readOperations: (after, limit) => fresh(store.readOperations(after, limit)),
    lastEntry: (streamId) => fresh(store.lastEntry(streamId)),
    findDecided: (commandId) => fresh(store.findDecided(commandId)),
    readDecided: (streamId, after, limit) => fresh(store.readDecided(streamId, after, limit)),
    identity: fresh(store.identity),
    journalHead: fresh(store.journalHead),
    lastPosition: fresh(store.lastPosition),
    writtenEnd: fresh(store.writtenEnd),
    removePayloads: (before, most) =>
      fresh(Effect.zipRight(removeFromStream(before, most), store.removePayloads(before, most)))
  })
})

export const layer: Layer.Layer<EventStore, never, SqlDatabase | Writer | NatsLog> = Layer.scoped(
  EventStore,
  make
).pipe(Layer.provide(SqlEventStore.layer))
