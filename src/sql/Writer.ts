/**
 * `Writer` is the one place that writes: a queue and one fiber that commits everything waiting in one transaction, so
 * that many callers share the cost of one durable commit. While a group commits, the next one gathers.
 *
 * Guarantees:
 *
 * - an answer leaves after its COMMIT returned, or with an error that says whether something was written;
 * - a call fails alone: a refused append, or a ride that fails or dies, leaves the others of its group alone;
 * - going away abandons the wait and nothing else: what was accepted is done, unless its caller took it out of the
 *   queue;
 * - when its scope closes, what was accepted is done and answered, and what comes later fails;
 * - the process is never held for longer than one group; waiting for another process's lock holds it for milliseconds;
 * - nothing that a logger or a caller's work does reaches it;
 * - when a commit fails and the connection cannot be shown to be clean, or by a defect of its own, it stops for good:
 *   each call that waits or comes later is told so. Then only a restart helps.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import type { Connection } from "@effect/sql/SqlConnection"
import { SqlError } from "@effect/sql/SqlError"
import { Cause, Context, Duration, Effect, Exit, Fiber, Layer, LogLevel, Option, PubSub, Stream } from "effect"
import * as EventLoop from "../core/EventLoop.ts"
import type { AppendError, AppendResult, QueuePlace } from "../core/EventStore.ts"
import * as FaultLog from "../core/FaultLog.ts"
import * as Limits from "../core/Limits.ts"
import * as RecordedAt from "../core/RecordedAt.ts"
import { OutcomeUnknown, StoreUnavailable, WithinTransaction } from "../core/StoreError.ts"
import * as StoreFault from "../core/StoreFault.ts"
import * as Traces from "../core/Traces.ts"
import * as AppendGroup from "./AppendGroup.ts"
import * as GuardedConnection from "./GuardedConnection.ts"
import * as SlowStatements from "./SlowStatements.ts"
import { innermost, SqlDatabase } from "./SqlDatabase.ts"
import * as StatementRunner from "./StatementRunner.ts"
import * as WriteQueue from "./WriteQueue.ts"

export interface WriterOptions extends RecordedAt.ClockOptions {
  /** Calls that wait for their group. The next caller is held until there is room. Default 4,096. */
  readonly queueCapacity?: number
  /** How long a group waits for the lock of another process before its calls fail. Default 5 seconds. */
  readonly lockTimeout?: Duration.DurationInput
}

interface WriterLimits {
  readonly queueCapacity: number
  readonly lockTimeout: Duration.Duration
}

const defaults: WriterLimits = { queueCapacity: 4_096, lockTimeout: Duration.seconds(5) }
const ranges: Limits.Ranges<WriterLimits> = { queueCapacity: [1, 1_000_000], lockTimeout: [0, Limits.day] }

/** The options with what they leave out. Throws `Limits.InvalidLimit` when one is outside its range. */
const limitsOf = ({ lockTimeout, queueCapacity }: WriterOptions): WriterLimits =>
  Limits.change(defaults, ranges, {
    ...(queueCapacity !== undefined && { queueCapacity }),
    ...(lockTimeout !== undefined && { lockTimeout: Duration.decode(lockTimeout) })
  })

/** How often a group is planned again where other processes write first, before its calls fail. */
const mostOvertaken = 100

/** What runs within a transaction of the writer, on its connection. */
export type Work<A, E, R> = (connection: Connection) => Effect.Effect<A, E, R>

type Failed<E> = Exclude<E, SqlError> | StoreUnavailable | OutcomeUnknown

/** The one way in which this process writes to the database, in groups. */
export class Writer extends Context.Tag("daybook/sql/Writer")<
  Writer,
  {
    /** Appends in the transaction of the next group. */
    readonly append: (call: AppendGroup.AppendCall, place?: QueuePlace) => Effect.Effect<AppendResult, AppendError>
    /** The same for a caller without a fiber, which is within no transaction. See `EventStore.Append`. */
    readonly appendDirectly: (
      call: AppendGroup.AppendCall,
      place: QueuePlace,
      answered: (answer: Exit.Exit<AppendResult, AppendError>) => void
    ) => void
    /**
     * Runs the work in a transaction of its own, which its failure rolls back. Everything that writes waits meanwhile,
     * so keep it short; call no method of this service in it and ask no aggregate (it dies with `WithinTransaction`,
     * since it would wait for itself), and fork no fiber that outlives it. Statements of a `SqlClient` in it run in the
     * transaction.
     */
    readonly transact: <A, E, R>(work: Work<A, E, R>) => Effect.Effect<A, Failed<E>, R>
    /**
     * Runs the work in the transaction of the next group, without a commit of its own. When it fails, it alone is
     * undone. `characters` is about how much it writes.
     */
    readonly ride: <E, R>(characters: number, work: Work<unknown, E, R>) => Effect.Effect<void, Failed<E>, R>
    /** See `EventStore.isWithin`. */
    readonly isWithin: (context: Context.Context<never>) => boolean
    /** See `EventStore.maxClockLead`. */
    readonly maxClockLead: number
    /** See `RecordedAt.reporter`. For an entry that was written in `transact`. */
    readonly reportAhead: (last: RecordedAt.Timed, now: number) => Effect.Effect<void>
    /** See `EventStore.commits`. */
    readonly commits: Stream.Stream<void>
  }
>() {}

const unavailable = (cause: unknown) => new StoreUnavailable({ operation: "append", cause: innermost(cause) })

/** The fault of the database behind an error, if it is one. */
const asFault = <E>(error: E): Failed<E> => (error instanceof SqlError ? unavailable(error) : (error as Failed<E>))

const run = (connection: Connection, sql: string) => connection.executeRaw(sql, [])

/**
 * Runs a caller's work in a fiber of its own, so that work which dies or interrupts the fiber that it runs in ends that
 * one and not the writer's.
 */
const apart = <A, E, R>(work: () => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.fork(Effect.interruptible(Effect.suspend(work))).pipe(
    Effect.flatMap(Fiber.await),
    Effect.flatMap((exit) =>
      // The caller was not interrupted, and would take such an answer for that.
      Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)
        ? Effect.die(new Error("the work in a transaction interrupted itself"))
        : exit
    )
  )

/** A part of a transaction that fails alone. */
const ride = Effect.fnUntraced(function* (connection: Connection, work: WriteQueue.WorkJob["work"]) {
  yield* run(connection, "SAVEPOINT ride")
  // PostgreSQL refuses the release when a statement failed, even if the work went on.
  const exit = yield* Effect.exit(Effect.zipLeft(work(connection), run(connection, "RELEASE ride")))
  if (Exit.isFailure(exit)) {
    yield* run(connection, "ROLLBACK TO ride")
    yield* run(connection, "RELEASE ride")
  }
  return Exit.mapError(exit, asFault)
})

/** Where the span stands that sent each command of the jobs. */
const traceparentsOf = (jobs: ReadonlyArray<WriteQueue.Job>): ReadonlyArray<string | null> =>
  jobs.flatMap((job) =>
    job._tag === "Append"
      ? job.call.requests.flatMap(({ commands }) => commands.map(({ traceparent }) => traceparent))
      : []
  )

type Write = (
  calls: ReadonlyArray<AppendGroup.AppendCall>
) => Effect.Effect<AppendGroup.Written, SqlError | OutcomeUnknown>

/** Writes a group. What each job is answered after the commit is in their order. */
const writeTogether = Effect.fnUntraced(function* (
  connection: Connection,
  jobs: ReadonlyArray<WriteQueue.Job>,
  write: Write
) {
  const calls = jobs.flatMap((job) => (job._tag === "Append" ? [job.call] : []))
  const { ahead, eventCount, results } = yield* write(calls)
  const answers: Array<Exit.Exit<unknown, unknown>> = []
  let planned = 0
  for (const job of jobs) {
    answers.push(job._tag === "Append" ? Exit.succeed(results[planned++]) : yield* ride(connection, job.work))
  }
  return { answers, eventCount, ahead }
})

const make = Effect.fnUntraced(function* ({ lockTimeout, queueCapacity }: WriterLimits, maxClockLead: number) {
  const database = yield* SqlDatabase
  const { assertDurable, dialect, groupRows, log, writeClient } = database
  const isTraced = yield* Traces.Traced
  const commits = yield* PubSub.sliding<void>(1)

  /** Why it stopped for good. */
  let stopped: StoreUnavailable | undefined
  /**
   * The connection as the application's work uses it, once it was used, and as statements use it that come with a
   * command.
   */
  let open: Connection | undefined
  let guarded: Connection | undefined
  /** Since the database could not be written; `failed` counts transactions. */
  let outage: { readonly since: number; failed: number; readonly told: Set<string> } | undefined
  let provenDurable = false
  const reportAhead = RecordedAt.reporter(maxClockLead)

  const stop = (why: string, cause?: Cause.Cause<unknown>) =>
    Effect.suspend(() => {
      stopped = unavailable(new Error(`${why}; restart the process`))
      const message = `The store takes no more writes: ${why}; restart the process.`
      return FaultLog.report(LogLevel.Fatal, message, {}, cause)
    })

  /** Logs once for each kind of fault when the database cannot be written, and once when it can again. */
  const report = (fault: StoreUnavailable | OutcomeUnknown | undefined) => {
    if (fault === undefined) {
      if (outage === undefined) return Effect.void
      const { failed, since } = outage
      outage = undefined
      const seconds = Math.round((performance.now() - since) / 1_000)
      return FaultLog.report(LogLevel.Info, "The store takes writes again.", { seconds, failed })
    }
    outage ??= { since: performance.now(), failed: 0, told: new Set() }
    outage.failed++
    const kind = StoreFault.of(fault) ?? "unknown"
    if (outage.told.has(kind)) return Effect.void
    outage.told.add(kind)
    const message = `The store takes no writes at present: ${StoreFault.describe(fault.cause)}`
    return FaultLog.report(LogLevel.Warning, message, { cause: kind }, Cause.fail(fault))
  }

  const rollBack = (connection: Connection) =>
    Effect.catchAllCause(dialect.rollBack(connection), (cause) =>
      stop(`a transaction could not be ended (${String(innermost(Cause.squash(cause)))})`)
    )

  const commit = (connection: Connection, hasEvents: boolean) =>
    dialect.commit(connection, hasEvents).pipe(
      Effect.zipRight(
        provenDurable ? Effect.void : Effect.tapError(assertDurable(connection), (error) => stop(error.message))
      ),
      // By a defect of a driver as by its error: the transaction is ended, or the writer stops.
      Effect.catchAllCause((cause) => {
        const error = Cause.squash(cause)
        const isUndone = dialect.isUndone(error)
        return Effect.flatMap(rollBack(connection), () => {
          const fault: StoreUnavailable | OutcomeUnknown =
            isUndone && stopped === undefined ? unavailable(error) : new OutcomeUnknown({ cause: innermost(error) })
          return dialect.isOvertaken(error) ? Effect.fail(fault) : Effect.zipRight(report(fault), Effect.fail(fault))
        })
      })
    )

  /**
   * Runs the body between BEGIN and COMMIT. Fails with its error after ROLLBACK, or with what happened to the
   * transaction. `hasEvents` says whether what the body returned stored any.
   * Made once: a generator of each group would keep its commands until a full collection (decision 46).
   */
  const transaction = Effect.fnUntraced(function* <A, E>(
    client: SqlClient.SqlClient,
    body: Work<A, E, never>,
    hasEvents: (result: A) => boolean = () => true
  ) {
    if (stopped !== undefined) return yield* stopped
    open = dialect.adapt(yield* client.reserve.pipe(Effect.mapError(unavailable), Effect.tapError(report)))
    const connection = dialect.own(open)
    yield* dialect.begin(connection, lockTimeout).pipe(
      Effect.tapDefect(() => rollBack(connection)),
      Effect.mapError(unavailable),
      Effect.tapError(report)
    )
    const began = performance.now()
    const result = yield* Effect.onError(
      Effect.suspend(() => body(connection)),
      () => rollBack(connection)
    )
    yield* commit(connection, hasEvents(result))
    provenDurable = true
    yield* report(undefined)
    yield* SlowStatements.commit(began)
    return result
  }, Effect.scoped)

  /** Another process wrote first, and nothing is written. */
  const isOvertaken = (error: unknown): boolean => error instanceof StoreUnavailable && dialect.isOvertaken(error.cause)

  const alone = (client: SqlClient.SqlClient, job: WriteQueue.WorkJob) => {
    WriteQueue.begin(job)
    const written = Effect.retry(transaction(client, job.work), { times: mostOvertaken, while: isOvertaken })
    return Effect.map(Effect.exit(written), job.done)
  }

  /** Whatever else the database says, it says of a row. */
  const isOfRow = (error: SqlError): boolean => !dialect.isFault(error)

  const together = (
    client: SqlClient.SqlClient,
    all: ReadonlyArray<WriteQueue.Job>,
    again = false,
    overtaken = 0
  ): Effect.Effect<unknown> => {
    let jobs = all
    const written = transaction(
      client,
      (connection) => {
        // Only now, when the lock is held: until then a caller may give up without a doubt.
        jobs = all.filter(WriteQueue.begin)
        const [call] = jobs
        return writeTogether(connection, jobs, (calls) => {
          if (call?._tag !== "Append" || !(again || call.hasStatements)) {
            return AppendGroup.write(connection, log, calls, maxClockLead)
          }
          guarded = GuardedConnection.guard(open ?? connection)
          const runStatements = StatementRunner.make({ client, connection, database, guarded }, apart)
          return AppendGroup.writeSingly(connection, log, call.call, maxClockLead, isOfRow, runStatements)
        })
      },
      ({ eventCount }) => eventCount > 0
    )
    return (isTraced ? Traces.commit(traceparentsOf(all), written) : written).pipe(
      Effect.matchCauseEffect({
        onSuccess: ({ ahead, answers, eventCount }) => {
          jobs.forEach(({ done }, index) => {
            done(answers[index] ?? Exit.void)
          })
          const publish = eventCount > 0 ? commits.publish() : Effect.void
          return ahead === undefined ? publish : Effect.zipRight(publish, reportAhead(ahead.last, ahead.now))
        },
        onFailure: (cause) => {
          const error = Option.getOrUndefined(Cause.failureOption(cause))
          if (isOvertaken(error) && overtaken < mostOvertaken) {
            return Effect.zipRight(EventLoop.turn, together(client, jobs, again, overtaken + 1))
          }
          // A row that cannot be written: each call is planned again and alone, so that only the command at fault
          // fails.
          if (error instanceof SqlError && isOfRow(error) && !again) {
            return Effect.forEach(jobs, (job) => Effect.zipLeft(together(client, [job], true), EventLoop.turn))
          }
          const failed = Exit.failCause(Cause.map(cause, asFault))
          for (const { done } of jobs) done(failed)
          return error instanceof SqlError ? report(unavailable(error)) : Effect.void
        }
      })
    )
  }

  // Where one connection is all there is, a caller may be in a transaction on it before anything was written.
  if (dialect.kind === "sqlite" && writeClient !== null) {
    open = yield* Effect.scoped(Effect.orDie(writeClient.reserve))
  }

  const queue = new WriteQueue.WriteQueue(queueCapacity)
  let ended = writeClient === null

  const closed = () => Exit.fail(stopped ?? unavailable(new Error("the store is closed")))
  const end = Effect.sync(() => {
    ended = true
    queue.refuseBlocked(closed())
    queue.wakeUp()
  })

  /** The loop is over, by a defect. Nothing of what had not begun is written; whether the rest is cannot be said. */
  const die = (cause: Cause.Cause<unknown>) =>
    Effect.zipRight(
      stop("the writer died", cause),
      Effect.suspend(() => {
        ended = true
        const unknown = Exit.fail(new OutcomeUnknown({ cause: stopped?.cause }))
        queue.abandon(({ phase }) => (phase === "begun" ? unknown : closed()))
        return Effect.void
      })
    )

  const waitForWork = Effect.async<void>((resume) => {
    if (ended) resume(Effect.void)
    else queue.onWork(() => resume(Effect.void))
  })
  const loop = (client: SqlClient.SqlClient) =>
    Effect.gen(function* () {
      while (!(queue.isEmpty && ended)) {
        yield* waitForWork
        // Who was answered by the last group gets into this one; and sockets and timers are served in between.
        yield* EventLoop.turn
        for (const jobs of WriteQueue.groupsOf(queue.takeAll(), groupRows)) {
          const [only] = jobs
          yield* only?._tag === "Transact" ? alone(client, only) : together(client, jobs)
          yield* EventLoop.turn
        }
        queue.finish()
      }
    })

  if (writeClient === null) stopped = unavailable(new Error("the database is open read only"))
  else {
    // Ends by itself when the queue has ended and is empty.
    yield* Effect.acquireRelease(
      Effect.forkDaemon(Effect.uninterruptible(Effect.catchAllCause(loop(writeClient), die))),
      (fiber) => Effect.zipRight(end, Fiber.await(fiber))
    )
  }

  const isWithin = (context: Context.Context<never>): boolean => {
    const within = Context.getOption(context, SqlClient.TransactionConnection)
    return Option.isSome(within) && (within.value[0] === open || within.value[0] === guarded)
  }

  /**
   * Queues the job, or answers it at once where nothing is written any more. Gives what ends its wait for room, if it
   * waits.
   */
  const enqueue = (job: WriteQueue.Job, place: QueuePlace = {}): (() => void) | undefined => {
    if (ended) {
      job.done(closed())
      return undefined
    }
    place.leave = () => queue.leave(job, Exit.fail(unavailable(new Error("it was given up before its turn"))))
    return queue.offer(job)
  }

  /** Waits for a place in the queue and then for the answer. An interruption ends the wait: what is queued is done. */
  const submit = <A, E>(
    context: Context.Context<never>,
    make: (done: (answer: Exit.Exit<A, E>) => void) => WriteQueue.Job,
    place?: QueuePlace
  ): Effect.Effect<A, E> => {
    if (isWithin(context)) return Effect.die(new WithinTransaction({ asked: "the writer" }))
    return Effect.async((resume) => {
      const stopWaiting = enqueue(make(resume), place)
      return stopWaiting === undefined ? undefined : Effect.sync(stopWaiting)
    })
  }

  const submitWork = <A, E, R>(
    _tag: WriteQueue.WorkJob["_tag"],
    characters: number,
    work: Work<A, E, R>
  ): Effect.Effect<A, Failed<E>, R> =>
    Effect.contextWithEffect((context: Context.Context<R>) => {
      const within: WriteQueue.WorkJob["work"] = (connection) =>
        apart(() => work(connection)).pipe(
          Effect.mapError(asFault),
          // The writer has one connection, and is within its transaction here.
          Effect.provide(Context.add(context, SqlClient.TransactionConnection, [open ?? connection, 0]))
        )
      return submit(context as Context.Context<never>, (done) => WriteQueue.work(_tag, characters, within, done))
    })

  return Writer.of({
    append: (call, place) =>
      Effect.contextWithEffect((context: Context.Context<never>) =>
        submit(context, (done) => WriteQueue.append(call, done), place)
      ),
    appendDirectly: (call, place, answered) => {
      enqueue(WriteQueue.append(call, answered), place)
    },
    transact: (work) => submitWork("Transact", 0, work),
    ride: (characters, work) => Effect.asVoid(submitWork("Ride", characters, work)),
    isWithin,
    maxClockLead,
    reportAhead,
    commits: Stream.fromPubSub(commits)
  })
})

/** Throws `Limits.InvalidLimit` when a limit is outside its range. */
export const layer = (options: WriterOptions = {}): Layer.Layer<Writer, never, SqlDatabase> =>
  Layer.scoped(Writer, make(limitsOf(options), RecordedAt.maxClockLeadOf(options)))
