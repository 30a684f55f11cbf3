/**
 * `Writer` is the one place that writes: a queue and one fiber that commits everything waiting in one transaction, so that
 * many callers share the cost of one durable commit. While a group commits, the next one gathers.
 *
 * Guarantees:
 *
 * - an answer leaves after its COMMIT returned, or with an error that says whether something was written;
 * - a call fails alone: a refused append, or a ride that fails, leaves the others of its group alone;
 * - going away abandons the wait and nothing else: what was accepted is done;
 * - when its scope closes, what was accepted is done and answered, and what comes later fails;
 * - the process is never held for longer than one group; waiting for another process's lock holds it for milliseconds;
 * - when a commit fails and the connection cannot be shown to be clean, it stops for good: then only a restart helps.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import type { Connection } from "@effect/sql/SqlConnection"
import { SqlError } from "@effect/sql/SqlError"
import { Cause, Context, Duration, Effect, Exit, Fiber, Layer, Option, PubSub, Stream } from "effect"
import type { AppendError, AppendResult } from "../core/EventStore.ts"
import * as Limits from "../core/Limits.ts"
import { OutcomeUnknown, StoreUnavailable } from "../core/StoreError.ts"
import { turn } from "../core/Turn.ts"
import * as AppendGroup from "./AppendGroup.ts"
import type { LogStatements } from "./LogStatements.ts"
import { innermost, SqlDatabase } from "./SqlDatabase.ts"

export interface WriterOptions {
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

/** What runs within a transaction of the writer, on its connection. */
export type Work<A, E, R> = (connection: Connection) => Effect.Effect<A, E, R>

type Failed<E> = Exclude<E, SqlError> | StoreUnavailable | OutcomeUnknown

export class Writer extends Context.Tag("daybook/sql/Writer")<
  Writer,
  {
    /** Appends in the transaction of the next group. */
    readonly append: (call: AppendGroup.AppendCall) => Effect.Effect<AppendResult, AppendError>
    /**
     * Runs the work in a transaction of its own, which its failure rolls back. Everything that writes waits meanwhile, so
     * keep it short; call no method of this service in it (it dies, since it would wait for itself), and fork no fiber that
     * outlives it. Statements of a `SqlClient` in it run in the transaction.
     */
    readonly transact: <A, E, R>(work: Work<A, E, R>) => Effect.Effect<A, Failed<E>, R>
    /**
     * Runs the work in the transaction of the next group, without a commit of its own. When it fails, it alone is undone.
     * `characters` is about how much it writes.
     */
    readonly ride: <E, R>(characters: number, work: Work<unknown, E, R>) => Effect.Effect<void, Failed<E>, R>
    /** See `EventStore.commits`. */
    readonly commits: Stream.Stream<void>
  }
>() {}

// biome-ignore lint/suspicious/noExplicitAny: one queue holds calls of every type.
type Done = (answer: Effect.Effect<any, any>) => void

/** A call in the queue. What `done` gets after the commit is what the method that queued it promises. */
interface Waiting {
  readonly rows: number
  readonly characters: number
  readonly done: Done
}
interface AppendJob extends Waiting {
  readonly _tag: "Append"
  readonly call: AppendGroup.AppendCall
}
interface WorkJob extends Waiting {
  readonly _tag: "Ride" | "Transact"
  readonly work: Work<unknown, unknown, never>
}
type Job = AppendJob | WorkJob

/** How much a call writes. */
const sizeOf = ({ requests }: AppendGroup.AppendCall): { readonly rows: number; readonly characters: number } => {
  let rows = 0
  let characters = 0
  for (const { commands } of requests) {
    for (const { events } of commands) {
      rows += 1 + events.length
      for (const { data } of events) characters += data.length
    }
  }
  return { rows, characters }
}

/** Cuts the jobs into transactions, in order: `Transact` alone, the others together up to the bounds of a group. */
const groupsOf = (jobs: Iterable<Job>): ReadonlyArray<ReadonlyArray<Job>> => {
  const groups: Array<Array<Job>> = []
  let rows = 0
  let characters = 0
  for (const job of jobs) {
    const group = groups.at(-1)
    rows += job.rows
    characters += job.characters
    const fits = rows <= Limits.group.rows && characters <= Limits.group.characters
    if (group !== undefined && fits && job._tag !== "Transact" && group[0]?._tag !== "Transact") {
      group.push(job)
    } else {
      groups.push([job])
      rows = job.rows
      characters = job.characters
    }
  }
  return groups
}

const unavailable = (cause: unknown) => new StoreUnavailable({ operation: "append", cause: innermost(cause) })

/** The fault of the database behind an error, if it is one. */
const asFault = <E>(error: E): Failed<E> => (error instanceof SqlError ? unavailable(error) : (error as Failed<E>))

const run = (connection: Connection, sql: string) => connection.executeRaw(sql, [])

/** A part of a transaction that fails alone. */
const ride = (connection: Connection, work: WorkJob["work"]) =>
  Effect.gen(function* () {
    yield* run(connection, "SAVEPOINT ride")
    // PostgreSQL refuses the release when a statement failed, even if the work went on.
    const exit = yield* Effect.exit(Effect.zipLeft(work(connection), run(connection, "RELEASE ride")))
    if (Exit.isFailure(exit)) {
      yield* run(connection, "ROLLBACK TO ride")
      yield* run(connection, "RELEASE ride")
    }
    return Exit.mapError(exit, asFault)
  })

/** Writes a group. What each job is answered after the commit is in their order. */
const writeTogether = Effect.fnUntraced(function* (
  connection: Connection,
  log: LogStatements,
  jobs: ReadonlyArray<Job>
) {
  const calls = jobs.flatMap((job) => (job._tag === "Append" ? [job.call] : []))
  const { results, eventCount } = yield* AppendGroup.write(connection, log, calls)
  const answers: Array<Effect.Effect<unknown, unknown>> = []
  let planned = 0
  for (const job of jobs) {
    answers.push(
      job._tag === "Append" ? (results[planned++] ?? Effect.dieMessage("unplanned")) : yield* ride(connection, job.work)
    )
  }
  return { answers, eventCount }
})

const make = Effect.fnUntraced(function* ({ lockTimeout, queueCapacity }: WriterLimits) {
  const { assertDurable, dialect, log, writeClient } = yield* SqlDatabase
  const commits = yield* PubSub.sliding<void>(1)

  /** Why it stopped for good. */
  let stopped: StoreUnavailable | undefined
  /** The connection, once it was used. */
  let open: Connection | undefined
  let reachable = true
  let provenDurable = false

  const stop = (why: string) =>
    Effect.suspend(() => {
      stopped = unavailable(new Error(`${why}; restart the process`))
      return Effect.logFatal(`The store takes no more writes: ${why}; restart the process.`)
    })

  /** Logs once when the database cannot be written and once when it can again. Messages quote no data. */
  const report = (fault: StoreUnavailable | OutcomeUnknown | undefined) => {
    if (reachable === (fault === undefined)) return Effect.void
    reachable = fault === undefined
    return fault === undefined
      ? Effect.logInfo("The store takes writes again.")
      : Effect.logWarning(`The store takes no writes at present: ${String(fault.cause)}`)
  }

  const rollBack = (connection: Connection) =>
    Effect.catchAll(dialect.rollBack(connection), (error) =>
      stop(`a transaction could not be ended (${String(innermost(error))})`)
    )

  const commit = (connection: Connection, hasEvents: boolean) =>
    dialect.commit(connection, hasEvents).pipe(
      Effect.zipRight(
        provenDurable ? Effect.void : Effect.tapError(assertDurable(connection), (error) => stop(error.message))
      ),
      Effect.catchAll((error) => {
        const fault = new OutcomeUnknown({ cause: innermost(error) })
        return rollBack(connection).pipe(Effect.zipRight(report(fault)), Effect.zipRight(fault))
      })
    )

  /**
   * Runs the body between BEGIN and COMMIT. Fails with its error after ROLLBACK, or with what befell the transaction.
   * `hasEvents` tells of what the body gave whether it stored any.
   */
  const transaction = <A, E>(
    client: SqlClient.SqlClient,
    body: Work<A, E, never>,
    hasEvents: (result: A) => boolean = () => true
  ) =>
    Effect.scoped(
      Effect.gen(function* () {
        if (stopped !== undefined) return yield* stopped
        const connection = dialect.adapt(
          yield* client.reserve.pipe(Effect.mapError(unavailable), Effect.tapError(report))
        )
        open = connection
        yield* dialect.begin(connection, lockTimeout).pipe(Effect.mapError(unavailable), Effect.tapError(report))
        const result = yield* Effect.onError(Effect.interruptible(body(connection)), () => rollBack(connection))
        yield* commit(connection, hasEvents(result))
        provenDurable = true
        yield* report(undefined)
        return result
      })
    )

  const alone = (client: SqlClient.SqlClient, { work, done }: WorkJob) =>
    Effect.map(Effect.exit(transaction(client, work)), done)

  const together = (client: SqlClient.SqlClient, jobs: ReadonlyArray<Job>, again = false): Effect.Effect<unknown> =>
    transaction(
      client,
      (connection) => writeTogether(connection, log, jobs),
      ({ eventCount }) => eventCount > 0
    ).pipe(
      Effect.matchCauseEffect({
        onSuccess: ({ answers, eventCount }) => {
          jobs.forEach(({ done }, index) => {
            done(answers[index] ?? Effect.void)
          })
          return eventCount > 0 ? commits.publish() : Effect.void
        },
        onFailure: (cause) => {
          const error = Option.getOrUndefined(Cause.failureOption(cause))
          // A row that cannot be written: each call is planned anew and alone, so that only the one at fault fails.
          if (dialect.isConstraint(error) && !again) {
            return Effect.forEach(jobs, (job) => Effect.zipLeft(together(client, [job], true), turn))
          }
          const failed = Exit.failCause(Cause.map(cause, asFault))
          for (const { done } of jobs) done(failed)
          return error instanceof SqlError ? report(unavailable(error)) : Effect.void
        }
      })
    )

  /** Accepted and not begun. */
  let queue: Array<Job> = []
  /** Those that wait for room in the queue, the first to come first. */
  const blocked = new Set<Job>()
  let ended = writeClient === null
  let wake: (() => void) | undefined

  const accept = (job: Job): void => {
    queue.push(job)
    wake?.()
    wake = undefined
  }
  const takeAll = (): ReadonlyArray<Job> => {
    const jobs = queue
    queue = []
    for (const job of blocked) {
      if (queue.length === queueCapacity) break
      blocked.delete(job)
      queue.push(job)
    }
    return jobs
  }
  const closed = Effect.suspend(() => stopped ?? unavailable(new Error("the store is closed")))
  const end = Effect.sync(() => {
    ended = true
    for (const { done } of blocked) done(closed)
    // They were told that nothing is written, so nothing may be.
    blocked.clear()
    wake?.()
  })

  const waitForWork = Effect.async<void>((resume) => {
    if (queue.length > 0 || ended) resume(Effect.void)
    else wake = () => resume(Effect.void)
  })
  const loop = (client: SqlClient.SqlClient) =>
    Effect.gen(function* () {
      while (queue.length > 0 || !ended) {
        yield* waitForWork
        // Who was answered by the last group gets into this one; and sockets and timers are served in between.
        yield* turn
        for (const jobs of groupsOf(takeAll())) {
          const [only] = jobs
          yield* only?._tag === "Transact" ? alone(client, only) : together(client, jobs)
          yield* turn
        }
      }
    })

  if (writeClient === null) stopped = unavailable(new Error("the database is open read only"))
  else {
    // Ends by itself when the queue has ended and is empty.
    yield* Effect.acquireRelease(Effect.forkDaemon(Effect.uninterruptible(loop(writeClient))), (fiber) =>
      Effect.zipRight(end, Fiber.await(fiber))
    )
  }

  /** Waits for a place in the queue and then for the answer. An interruption ends the wait: what is queued is done. */
  const submit = <A, E>(context: Context.Context<never>, make: (done: Done) => Job): Effect.Effect<A, E> => {
    const within = Context.getOption(context, SqlClient.TransactionConnection)
    if (Option.isSome(within) && within.value[0] === open) {
      return Effect.die(
        new Error("the writer was called within one of its own transactions, and would wait for itself")
      )
    }
    return Effect.async((resume) => {
      const job = make(resume)
      if (ended) resume(closed as Effect.Effect<never, E>)
      else if (queue.length < queueCapacity) accept(job)
      else {
        blocked.add(job)
        return Effect.sync(() => blocked.delete(job))
      }
    })
  }

  const submitWork = <A, E, R>(
    _tag: WorkJob["_tag"],
    characters: number,
    work: Work<A, E, R>
  ): Effect.Effect<A, Failed<E>, R> =>
    Effect.contextWithEffect((context: Context.Context<R>) => {
      const within: WorkJob["work"] = (connection) =>
        work(connection).pipe(
          Effect.mapError(asFault),
          Effect.provide(Context.add(context, SqlClient.TransactionConnection, [connection, 0]))
        )
      return submit(context as Context.Context<never>, (done) => ({ _tag, work: within, rows: 1, characters, done }))
    })

  return Writer.of({
    append: (call) =>
      Effect.contextWithEffect((context: Context.Context<never>) => {
        const { characters, rows } = sizeOf(call)
        return submit(context, (done) => ({ _tag: "Append", call, rows, characters, done }))
      }),
    transact: (work) => submitWork("Transact", 0, work),
    ride: (characters, work) => Effect.asVoid(submitWork("Ride", characters, work)),
    commits: Stream.fromPubSub(commits)
  })
})

export const layer = (options: WriterOptions = {}): Layer.Layer<Writer, never, SqlDatabase> =>
  Layer.scoped(Writer, make(limitsOf(options)))
