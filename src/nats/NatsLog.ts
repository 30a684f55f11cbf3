/**
 * `NatsLog` keeps a log on JetStream and its local file together. What a transaction of the file's writer adds to the
 * log is stored in the stream before the file commits it, as one batch behind the last message that the file has
 * followed to: where the stream has gone on, another process wrote: then nothing is written, and the transaction is
 * done again behind that.
 *
 * Guarantees:
 *
 * - the stream never lacks what the file holds, and what is answered is in the stream;
 * - a batch whose confirmation is lost may be stored or not: the file does not hold it, and the next transaction finds
 *   out;
 * - a reader that asks for it sees everything that was acknowledged before, by whichever process.
 */
import type { Connection } from "@effect/sql/SqlConnection"
import type { SqlError } from "@effect/sql/SqlError"
import { Context, Effect, PubSub, type Scope, Stream } from "effect"
import type { LogIdentity } from "../core/Journal.ts"
import type { LogStatements } from "../sql/LogStatements.ts"
import { type Dialect, innermost } from "../sql/SqlDatabase.ts"
import * as JetStream from "./JetStream.ts"
import * as LocalLog from "./LocalLog.ts"
import * as LogMessage from "./LogMessage.ts"
import * as LogUpload from "./LogUpload.ts"
import type { NatsConnection } from "./NatsConnection.ts"
import { NatsFault } from "./NatsFault.ts"
import * as StreamConfig from "./StreamConfig.ts"

export interface NatsLogOptions {
  readonly nats: NatsConnection
  readonly stream: string
  readonly noted: StreamConfig.Noted
  /** Most messages of a batch. */
  readonly maxBatch: number
  readonly isReadOnly: boolean
  /** Of the local file. */
  readonly dialect: Dialect
  readonly log: LogStatements
  /**
   * Checks the whole log in the file, within a transaction, once a copied one is there; undefined where it is sound.
   */
  readonly check: (connection: Connection) => Effect.Effect<string | undefined, SqlError>
}

export interface Asked {
  readonly nats: NatsConnection
  readonly stream: string
  readonly isReadOnly: boolean
  /** Asks the stream's leader how far it is. Gives whether the file is behind. */
  readonly look: Effect.Effect<boolean, NatsFault>
  /** Wakes its reader when another process says that it wrote. */
  readonly woken: Stream.Stream<void>
}

/** What the event store asks of the log that its database follows. */
export class NatsLog extends Context.Tag("daybook/nats/NatsLog")<NatsLog, Asked>() {}

/** Most pages of other processes' messages that one transaction takes in before it does its own work. */
const pagesAtOnce = 16

const faultOf = (error: unknown): NatsFault | undefined => {
  const cause = innermost(error)
  return cause instanceof NatsFault ? cause : undefined
}

const committed = (cause: unknown) =>
  LocalLog.asSqlError(new NatsFault("ackLost", "it is in the stream, and its local file could not be written", cause))

export const make = (options: NatsLogOptions): Effect.Effect<Asked & Following, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { check, dialect, isReadOnly, log, maxBatch, nats, noted, stream } = options
    const applied = yield* PubSub.sliding<void>(1)
    const woken = yield* PubSub.sliding<void>(1)
    let { logId } = noted
    /** The stream has come so far, as far as is known. */
    let target = 0
    /** The file has come so far. */
    let known = 0
    /** Why the stream no longer serves as this log, as was last seen. */
    let unfit: NatsFault | undefined

    /** What the open transaction is: where it began, what it adds to the log, and whether that is a whole log. */
    let mark = 0
    let events = new Map<number, LogMessage.Rows["events"][number]>()
    let entries = new Map<number, LogMessage.Rows["entries"][number]>()
    let payloads = new Map<number, LogMessage.Rows["payloads"][number]>()
    let copied: LogIdentity | undefined
    const forget = () => {
      events = new Map()
      entries = new Map()
      payloads = new Map()
      copied = undefined
    }

    const oldestPayload = Effect.map(
      JetStream.firstSubject(nats, stream, StreamConfig.payloadSubjects(stream)),
      (subject) => (subject === undefined ? Number.MAX_SAFE_INTEGER : StreamConfig.payloadSequence(subject))
    )

    /** Takes the next groups in; false where the server does not come to have them. */
    const takePage = Effect.fnUntraced(function* (connection: Connection) {
      const groups = new LocalLog.Groups()
      let from = mark + 1
      for (;;) {
        const page = yield* Effect.mapError(JetStream.readThere(nats, stream, from), LocalLog.asSqlError)
        const last = page.at(-1)
        if (last === undefined) return false
        const complete = yield* Effect.try({
          try: () => groups.take(page),
          catch: (cause) => LocalLog.asSqlError(cause as NatsFault)
        })
        from = last.sequence + 1
        const end = complete.at(-1)?.end
        if (end === undefined) continue
        yield* LocalLog.apply(connection, log, complete, { logId, restored: noted.restored, oldestPayload })
        if (mark < noted.restored && end >= noted.restored) {
          const wrong = yield* check(connection)
          if (wrong !== undefined) return yield* Effect.fail(LocalLog.asSqlError(new NatsFault("damaged", wrong)))
        }
        mark = end
        return true
      }
    })

    /** Follows the stream to the target, or by this many pages. */
    const catchUp = Effect.fnUntraced(function* (connection: Connection) {
      for (let pages = 0; mark < target && pages < pagesAtOnce; pages++) {
        if (yield* takePage(connection)) continue
        const why = `the server has ${mark} of the ${target} messages of the stream`
        // A leader may have counted what was lost with it. The next question finds out again how far the stream is.
        target = known
        return yield* Effect.fail(LocalLog.asSqlError(new NatsFault("unreachable", why)))
      }
    })

    const followed = (end: number) => {
      known = Math.max(known, end)
      target = Math.max(target, end)
    }

    /** Tells readers of what a transaction took in, once it is committed. */
    const tookIn = Effect.suspend(() => {
      const isNew = mark > known
      followed(mark)
      return isNew ? applied.publish() : Effect.void
    })

    /**
     * Begins behind what others wrote, which a transaction of its own takes in: within one that is overtaken it would
     * be undone each time, and a process that is far behind would never get to the end.
     */
    const begin: Dialect["begin"] = (connection, lockTimeout) => {
      const enter = Effect.zipRight(
        dialect.begin(connection, lockTimeout),
        Effect.map(LocalLog.markOf(connection), (found = 0) => {
          forget()
          mark = found
        })
      )
      const takeIn = Effect.zipRight(catchUp(connection), dialect.commit(connection, true))
      return enter.pipe(
        Effect.flatMap(() => (mark < target ? Effect.zipRight(Effect.zipRight(takeIn, tookIn), enter) : Effect.void)),
        Effect.tapError(() => Effect.orDie(dialect.rollBack(connection)))
      )
    }

    /**
     * The rows that the transaction adds, without what it has taken back; the end of its journal shows which these are.
     */
    const added = Effect.fnUntraced(function* (connection: Connection) {
      const { sequence: last } = yield* log.selectEnd(connection, undefined)
      const isLeft = ({ sequence }: { readonly sequence: number }) => sequence <= last
      return {
        events: [...events.values()].filter(isLeft),
        entries: [...entries.values()].filter(isLeft),
        payloads: [...payloads.values()].filter(isLeft)
      }
    })

    /** Stores what the transaction adds in the stream. Returns where the stream then ends. */
    const store = Effect.fnUntraced(function* (connection: Connection) {
      if (isReadOnly) return yield* Effect.fail(LocalLog.asSqlError(new NatsFault("readOnly", "it was opened to read")))
      if (unfit !== undefined) return yield* Effect.fail(LocalLog.asSqlError(unfit))
      if (copied !== undefined) {
        const end = yield* LogUpload.run(nats, stream, connection, dialect, copied)
        logId = copied.logId
        yield* LocalLog.setMark(connection, end)
        return end
      }
      const parts = LogMessage.partsOf(yield* added(connection))
      const end = mark + parts.length
      if (parts.length > maxBatch) {
        const reason = `an append of ${parts.length} messages is over the ${maxBatch} that the server takes at once`
        return yield* Effect.fail(
          LocalLog.asSqlError(new NatsFault("refused", `${reason}; raise jetstream.limits.batch.max_msgs`))
        )
      }
      yield* LocalLog.setMark(connection, end)
      const messages = parts.map((part) => StreamConfig.message(stream, part, end))
      yield* JetStream.append(nats, mark, messages).pipe(
        Effect.tapError((fault) =>
          Effect.sync(() => {
            // How much further, the next look tells.
            if (fault.kind === "overtaken") target = Math.max(target, mark + 1)
          })
        ),
        Effect.mapError(LocalLog.asSqlError)
      )
      return end
    })

    const commit: Dialect["commit"] = (connection, hasEvents) =>
      Effect.suspend(() => {
        if (entries.size === 0 && copied === undefined) {
          return Effect.zipLeft(dialect.commit(connection, hasEvents), tookIn)
        }
        return Effect.flatMap(store(connection), (end) =>
          Effect.mapBoth(dialect.commit(connection, hasEvents), {
            onFailure: committed,
            onSuccess: () => {
              followed(end)
              if (nats.isConnected()) nats.client.publish(StreamConfig.wakeSubject(stream), String(end))
            }
          })
        )
      }).pipe(Effect.ensuring(Effect.sync(forget)))

    const look = Effect.suspend(() => {
      // Meanwhile this process may write.
      const acknowledged = known
      return Effect.flatMap(JetStream.info(nats, stream), (info) => {
        if (info === undefined) return Effect.fail(new NatsFault("damaged", `the stream ${stream} is gone`))
        unfit = copied === undefined ? StreamConfig.unfit(info.config, logId) : undefined
        if (unfit !== undefined) return Effect.fail(unfit)
        if (info.lastSequence < acknowledged) {
          const reason = `the stream ${stream} ends at ${info.lastSequence} and had acknowledged ${acknowledged}`
          return Effect.fail(new NatsFault("damaged", `${reason}: it has lost what came behind`))
        }
        target = Math.max(target, info.lastSequence)
        return Effect.succeed(known < target)
      })
    })

    const subscription = nats.client.subscribe(StreamConfig.wakeSubject(stream), () => {
      Effect.runSync(woken.publish())
    })
    yield* Effect.addFinalizer(() => Effect.sync(() => subscription.unsubscribe()))

    return {
      nats,
      stream,
      isReadOnly,
      look,
      woken: Stream.fromPubSub(woken),
      applied: Stream.fromPubSub(applied),
      dialect: {
        ...dialect,
        begin,
        commit,
        isOvertaken: (error) => faultOf(error)?.kind === "overtaken",
        isUndone: (error) => {
          const fault = faultOf(error)
          return fault === undefined ? dialect.isUndone(error) : fault.kind !== "ackLost"
        },
        isFault: (error) => faultOf(error) !== undefined || dialect.isFault(error),
        isMistake: (error) => faultOf(error) === undefined && dialect.isMistake(error)
      },
      log: {
        ...log,
        selectEnd: (connection) =>
          Effect.map(log.selectEnd(connection, undefined), (end) => ({ ...end, lastPosition: mark })),
        insert: (connection, names, rows) =>
          Effect.tap(log.insert(connection, names, rows), () => {
            // A whole log is read from the file when it is stored.
            if (copied !== undefined) return
            for (const event of rows.events) events.set(event.position, event)
            for (const entry of rows.entries) entries.set(entry.sequence, entry)
            for (const payload of rows.payloads ?? []) payloads.set(payload.sequence, payload)
          }),
        setIdentity: (connection, identity) =>
          Effect.tap(log.setIdentity(connection, identity), () => {
            // In a log that has entries it raises the epoch; in an empty one a whole log follows.
            if (identity.logId !== logId || (mark === 0 && entries.size === 0)) copied = identity
          })
      }
    }
  })

/** What becomes of the database that follows. */
export interface Following {
  /** Wakes its reader after what other processes wrote was taken in. */
  readonly applied: Stream.Stream<void>
  readonly dialect: Dialect
  readonly log: LogStatements
}
