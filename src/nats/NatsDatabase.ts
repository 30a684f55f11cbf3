/**
 * `NatsDatabase` opens a log on JetStream: it asserts the servers and the stream, opens the local file, and follows the
 * stream to its end. What it gives is the database of the local file whose log is kept in the stream; see `NatsLog.ts`.
 */
import { Context, Effect, Either, Layer } from "effect"
import * as Platform from "../core/Platform.ts"
import * as RecordedAt from "../core/RecordedAt.ts"
import { DatabaseError, type Problem } from "../sql/DatabaseError.ts"
import * as LogCopy from "../sql/LogCopy.ts"
import { innermost, SqlDatabase } from "../sql/SqlDatabase.ts"
import * as SqliteDatabase from "../sql/SqliteDatabase.ts"
import * as JetStream from "./JetStream.ts"
import * as LocalLog from "./LocalLog.ts"
import type { NatsAddress } from "./NatsAddress.ts"
import * as NatsConnection from "./NatsConnection.ts"
import { type Kind, NatsFault } from "./NatsFault.ts"
import { make as makeLog, NatsLog } from "./NatsLog.ts"
import * as StreamCheck from "./StreamCheck.ts"
import * as StreamConfig from "./StreamConfig.ts"

export interface NatsOptions extends RecordedAt.ClockOptions {
  readonly address: NatsAddress
  /**
   * `create` (default): makes the stream where it is missing. `readOnly`: stores nothing; its local file still follows.
   */
  readonly mode?: "create" | "existing" | "readOnly"
  /**
   * `full` (default): what is acknowledged is on the disk of the servers, which must say that they sync always.
   * `normal`: it may be lost with the power.
   */
  readonly durability?: "full" | "normal"
}

/** The stream's settings; it is made where it may be. */
const openStream = Effect.fnUntraced(function* (
  nats: NatsConnection.NatsConnection,
  { replicas, stream }: NatsAddress,
  mode: NatsOptions["mode"]
) {
  const found = yield* JetStream.info(nats, stream)
  if (found !== undefined) return found
  if (mode !== "create") return undefined
  const logId = Platform.toHex(crypto.getRandomValues(new Uint8Array(16)))
  // Where another process makes it meanwhile, its log is the one.
  const made = JetStream.configure(nats, "CREATE", StreamConfig.make(stream, replicas, logId))
  const answer = yield* Effect.either(made)
  const info = yield* JetStream.info(nats, stream)
  if (info === undefined && Either.isLeft(answer)) return yield* Effect.fail(answer.left)
  return info
})

/** What a fault means when a log is opened. */
const problemOf: Readonly<Partial<Record<Kind, Problem>>> = { damaged: "damaged", refused: "unopenable" }

const open = ({ address, durability = "full", mode = "create", ...clock }: NatsOptions) => {
  const fail = (problem: Problem, cause?: unknown) =>
    Effect.fail(new DatabaseError({ filename: address.name, problem, ...(cause !== undefined && { cause }) }))
  const asDatabaseError = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.mapError(effect, (error) => {
      if (error instanceof DatabaseError) return error
      const cause = innermost(error)
      const problem: Problem = cause instanceof NatsFault ? (problemOf[cause.kind] ?? "unreachable") : "unopenable"
      return new DatabaseError({ filename: address.name, problem, cause })
    })

  return Effect.gen(function* () {
    const { stream } = address
    const nats = yield* NatsConnection.open(address)
    const maxBatch = yield* StreamConfig.assertServers(nats, address, durability)
    const info = yield* openStream(nats, address, mode)
    if (info === undefined) return yield* fail("missing")
    const wrong = StreamConfig.problemOf(info.config)
    if (wrong !== undefined) return yield* fail(...wrong)
    const noted = StreamConfig.notedIn(info.config)

    // What is in the file is in the stream: a power failure may cost its last commits.
    const local = SqliteDatabase.layer({ filename: address.local, mode: "create", durability: "normal" })
    const file = Context.get(yield* Layer.build(local), SqlDatabase)
    const { dialect, log, writeClient } = file
    if (writeClient === null) return yield* fail("unopenable")
    const maxClockLead = RecordedAt.maxClockLeadOf(clock)
    const followed = yield* makeLog({
      nats,
      stream,
      noted,
      maxBatch,
      isReadOnly: mode === "readOnly",
      dialect,
      log,
      check: (connection) =>
        Effect.gen(function* () {
          const { epoch, logId } = yield* log.selectEnd(connection, undefined)
          const query = (sql: string, params: ReadonlyArray<unknown>) => connection.executeValues(sql, params)
          const found = yield* LogCopy.firstProblem(query, { logId, epoch }, maxClockLead, file)
          return found?.problem
        })
    })

    const connection = yield* Effect.scoped(writeClient.reserve)
    // What failed is returned, and the connection is closed with it: whether it could be rolled back changes nothing.
    const transact = <A, E>(
      begin: Effect.Effect<unknown, E>,
      work: Effect.Effect<A, E>,
      end: Effect.Effect<unknown, E>
    ) =>
      Effect.zipLeft(
        Effect.tapError(Effect.zipRight(begin, work), () => Effect.ignore(dialect.rollBack(connection))),
        end
      )
    const logId = yield* transact(
      dialect.begin(connection, "30 seconds"),
      LocalLog.prepare(connection, log, { logId: noted.logId, stream }),
      dialect.commit(connection, false)
    )
    if (logId !== undefined && logId !== noted.logId) return yield* fail("otherLog", new Error(file.name))
    const end = yield* LocalLog.endOf(connection)
    // A process that shares the file may have gone on since the stream was looked at.
    const now = end.mark > info.lastSequence ? yield* JetStream.info(nats, stream) : info
    if (end.mark > (now?.lastSequence ?? 0)) return yield* fail("behindFile", new Error(file.name))
    const hasMore = yield* StreamCheck.assertSame(nats, stream, end, (sql, params) =>
      connection.executeValues(sql, params)
    )
    if (hasMore) return yield* fail("behindFile", new Error(file.name))
    // As the writer will: each transaction takes in a part.
    while (yield* followed.look) {
      yield* followed.dialect.begin(connection, "30 seconds")
      yield* followed.dialect.commit(connection, false)
    }

    const database = SqlDatabase.of({
      ...file,
      name: address.name,
      file: file.name,
      dialect: followed.dialect,
      log: followed.log,
      groupRows: Math.floor(maxBatch / 2),
      commitsElsewhere: followed.applied,
      damagesElsewhere: StreamCheck.damages(nats, stream, file.read)
    })
    return Context.make(SqlDatabase, database).pipe(Context.add(NatsLog, followed))
  }).pipe(asDatabaseError)
}

export const layer = (options: NatsOptions): Layer.Layer<SqlDatabase | NatsLog, DatabaseError> =>
  Layer.scopedContext(open(options))
