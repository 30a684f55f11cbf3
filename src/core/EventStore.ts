/**
 * `EventStore` is the port between actors and storage: append what commands decided, and read it back in order.
 *
 * Guarantees every implementation keeps (checked by `EventStoreConformance` in `testing/Suites.ts`):
 *
 * - a command is stored whole or not at all, and each command of an append has a verdict of its own; an append to
 *   several streams is all or nothing, over all of them;
 * - of two appends that expect the same version one succeeds, the other is a `VersionConflict`; so is one that expects
 *   another event at that version;
 * - a command id has one effect in the whole log: its answer is stored with its events and given again;
 * - an event that is not what was appended is never returned: the reader gets those before it, and then
 *   `StreamDamaged`;
 * - each success and each kept refusal is one entry of the journal, written with its events: see `Journal.ts`;
 * - versions have no holes; positions increase along the log, and so does `recordedAt` or stays, as `RecordedAt.ts`
 *   says.
 *
 * The rules of an append are in `AppendPlan.ts`, for every store alike. The memory store is `EventStoreMemory.ts`.
 */
import { Context, Effect, type Exit, type Stream } from "effect"
import type { EncodedEvent } from "./EventCodec.ts"
import type { JournalEntry, JournalHead, LogIdentity, ProposedOperation } from "./Journal.ts"
import type * as LogShape from "./LogShape.ts"
import type { Statements } from "./Statements.ts"
import type { StoredEvent } from "./StoredEvent.ts"
import {
  type AnswerFailed,
  type CommandIdReused,
  type EntryDamaged,
  type InvalidArgument,
  type OutcomeUnknown,
  type StoreUnavailable,
  type StreamDamaged,
  type VersionConflict,
  WithinTransaction
} from "./StoreError.ts"
import type { StreamId } from "./StreamId.ts"

/** A version the stream must have (0: no events yet), or what must hold of it. */
export type ExpectedVersion = number | "any" | "noStream" | "exists"

/** What one command decided: its events, or none when it changed nothing or was refused. */
export interface ProposedCommand {
  /** See `CommandId.fits`. */
  readonly commandId: string
  /** Whether the id was made for this command, so that nothing can be stored under it: this spares a look-up. */
  readonly isNew: boolean
  /** The command's name in its aggregate. */
  readonly command: string
  /**
   * Says what the same command is: the same id with another fingerprint, or for another stream, is `CommandIdReused`.
   */
  readonly fingerprint: string
  /** Whether a stored fingerprint that differs was made of this command by an earlier rule. Default: none was. */
  readonly recognizes?: ((fingerprint: string) => boolean) | undefined
  readonly correlationId: string
  readonly causationId: string | null
  readonly traceparent: string | null
  /** Who sent it. Default: unknown. */
  readonly principal?: string | null | undefined
  /** Whether it is `CommandIdReused` where the id is stored of another principal; see `Principal.ts`. Default: no. */
  readonly isPersonal?: boolean | undefined
  /** JSON text of what its sender wants noted. Default: nothing. */
  readonly metadata?: string | null | undefined
  readonly events: ReadonlyArray<EncodedEvent>
  /** `unstored`: is not stored, but its id is looked up. */
  readonly outcome: "success" | "refusal" | "unstored"
  /** What is kept of its payload beside its entry, as `KeptPayload` writes it. Default: nothing. */
  readonly payload?: string | undefined
  /** What its sender writes with it, where the store takes that. Default: nothing. */
  readonly statements?: Statements | undefined
  /**
   * The answer to keep. Pure: called within the transaction, where version and position are known. When it throws, the
   * command is refused with `AnswerFailed`; with `InvalidArgument` when its text is over 1 MiB.
   */
  readonly answer: (at: { readonly version: number; readonly position: number }) => KeptAnswer
}

/** An answer as it is stored. */
export interface KeptAnswer {
  /** JSON text of its stored form. */
  readonly text: string
  /** Version of that form, from 1. */
  readonly version: number
}

/** Commands decided one after the other on one stream. Without commands it only checks the version. */
export interface AppendRequest {
  readonly streamId: StreamId
  readonly expectedVersion: ExpectedVersion
  /**
   * Hash of the last event that the writer knows, where it expects a certain version: another event in its place, for
   * example after a stream was cut and rewritten, is a `VersionConflict` too. `AppendPlan.noHead`'s at version 0.
   * Default: any.
   */
  readonly expectedHash?: string
  readonly commands: ReadonlyArray<ProposedCommand>
}

export interface StoredCommand {
  readonly commandId: string
  readonly streamId: StreamId
  /** The command's name; null where an earlier release stored it, which did not keep it. */
  readonly command: string | null
  readonly fingerprint: string
  readonly outcome: "success" | "refusal"
  readonly answer: string
  /** Version of the answer's stored form, from 1. */
  readonly answerVersion: number
  /** Version and position of its last event; of the stream's head where it has none. */
  readonly version: number
  readonly position: number
  /** Who sent it. A log of before the journal does not know. */
  readonly principal?: string | null | undefined
}

/** The last event of a stream. */
export interface Head {
  readonly version: number
  readonly position: number
  readonly hash: string
}

/**
 * Why a command of an append was not written, where that is its own fault or its row's. The others are judged without
 * it.
 */
export type CommandRefusal = CommandIdReused | InvalidArgument | AnswerFailed | EntryDamaged | StoreUnavailable

/**
 * What became of one command of an append.
 *
 * - `Stored`: it is written, with its events.
 * - `StoredBefore`: an earlier append has written it. Its answer is the stored one, whatever was decided now.
 * - `Unstored`: it has nothing to store, its id was not stored before, and what it was decided on is what is stored.
 * - `Refused`: it is not written, for a reason of its own.
 * - `Dropped`: it is not written, though nothing is wrong with it. It was decided on what is not stored: on another
 *   version of the stream, or on events of a command before it that is not written now. Decide it again.
 */
export type Verdict =
  | { readonly _tag: "Stored"; readonly command: StoredCommand }
  | { readonly _tag: "StoredBefore"; readonly command: StoredCommand }
  | { readonly _tag: "Unstored" }
  | { readonly _tag: "Refused"; readonly error: CommandRefusal }
  | { readonly _tag: "Dropped" }

/** What became of one request of an append. */
export interface StreamResult {
  /** One for each command, in the order of the request. */
  readonly verdicts: ReadonlyArray<Verdict>
  /** The stream's last event after it. */
  readonly head: Head
  /** The stream is not as was expected: of this request nothing is written. */
  readonly conflict: VersionConflict | undefined
}

/** One for each request, in their order. */
export type AppendResult = ReadonlyArray<StreamResult>

/** Why nothing of an append was written, or why that is not known. */
export type AppendError = InvalidArgument | StoreUnavailable | OutcomeUnknown

/**
 * The first reason why something of an append is not written. For an append of one command that is all there is to
 * know.
 */
export const failureOf = (result: AppendResult): VersionConflict | CommandRefusal | undefined => {
  for (const { conflict, verdicts } of result) {
    for (const verdict of verdicts) if (verdict._tag === "Refused") return verdict.error
    // All that it asked for may have been stored before.
    const isConcerned = verdicts.length === 0 || verdicts.some(({ _tag }) => _tag === "Dropped")
    if (conflict !== undefined && isConcerned) return conflict
  }
  return undefined
}

/** Appends, and fails with `failureOf` where something is not written. What is written stays. */
export const appendOrFail = (store: EventStore["Type"], requests: ReadonlyArray<AppendRequest>) =>
  Effect.flatMap(
    store.append(requests),
    (result): Effect.Effect<AppendResult, VersionConflict | CommandRefusal> =>
      failureOf(result) ?? Effect.succeed(result)
  )

/** The commands of an append that are stored, now or before, in their order. */
export const storedOf = (result: AppendResult): ReadonlyArray<StoredCommand> =>
  result.flatMap(({ verdicts }) =>
    verdicts.flatMap((verdict) =>
      verdict._tag === "Stored" || verdict._tag === "StoredBefore" ? [verdict.command] : []
    )
  )

/** Errors of questions that return no event. */
export type LookupError = InvalidArgument | StoreUnavailable
export type ReadError = LookupError | StreamDamaged
export type RecordError = InvalidArgument | StoreUnavailable | OutcomeUnknown
/** Why an operation is not done: its key is that of another operation or of a command, or its entry is damaged. */
export type OperationError = CommandIdReused | EntryDamaged

/** The entry of an operation. */
export interface Operated {
  readonly entry: JournalEntry
  /** Whether it was there before, under the same key: then nothing was done now. */
  readonly replayed: boolean
}

/** The place of an append that waits for its turn, for a caller that may give it up. */
export interface QueuePlace {
  /**
   * Set by a store in which appends wait. Takes the append out of its queue and gives whether it was in time: then
   * nothing of it is written. Otherwise it has begun, and is done.
   */
  leave?: () => boolean
}

/** An append as a call. */
export interface DirectAppend {
  readonly requests: ReadonlyArray<AppendRequest>
  readonly place: QueuePlace
  /** Milliseconds since 1970-01-01 UTC, by the clock of the caller. */
  readonly now: number
}

export interface Append {
  (requests: ReadonlyArray<AppendRequest>, place?: QueuePlace): Effect.Effect<AppendResult, AppendError>
  /**
   * The same without a fiber, for a caller that has neither a fiber nor a transaction: calls back once with the answer.
   * A store whose appends are effects by nature leaves it out, and so does one that wraps another store's append.
   */
  readonly direct?: (append: DirectAppend, answered: (answer: Exit.Exit<AppendResult, AppendError>) => void) => void
}

export interface ReadStreamOptions {
  /** First and last version, both included. Default: from 1, to the end. */
  readonly from?: number
  readonly to?: number
  /** At most this many events, 0 to `maxPage`. Default `maxPage`. */
  readonly limit?: number
  readonly direction?: "forwards" | "backwards"
}

/** A part of a stream or of the log. */
export interface EventPage {
  readonly events: ReadonlyArray<StoredEvent>
  /** Whether more follow in the range that was asked for. How many were given does not say it: see `maxPageBytes`. */
  readonly more: boolean
}

/** Where an event is, by what is stored of it. */
export interface EventPlace {
  readonly streamId: string
  readonly version: number
  readonly position: number
}

export interface ListStreamsOptions {
  /** Only streams whose id begins so, taken literally. Default: all. */
  readonly prefix?: string
  /** Only streams after this id. Default: from the first. */
  readonly after?: string
  /** At most this many, 0 to `maxPage`. Default `maxPage`. */
  readonly limit?: number
}

export interface StreamHead {
  readonly streamId: StreamId
  /** Version of its last event. */
  readonly version: number
}

/** A part of the journal; `more` as in `EventPage`. */
export interface JournalPage {
  readonly entries: ReadonlyArray<JournalEntry>
  readonly more: boolean
}

/** A command as the journal has it, and what is kept of its payload: null where nothing ever was, or no longer is. */
export interface Decided {
  readonly entry: JournalEntry
  readonly payload: string | null
}

/** A part of what was decided on one stream; `more` as in `EventPage`. */
export interface DecidedPage {
  readonly decided: ReadonlyArray<Decided>
  readonly more: boolean
}

/** A part of the list of streams; `more` as in `EventPage`. */
export interface StreamPage {
  readonly streams: ReadonlyArray<StreamHead>
  readonly more: boolean
}

/** Most events in one page: small enough that other fibers run between two pages. */
export const maxPage = 1_000

/**
 * Most data in one page, in bytes of UTF-8, of its events or of the answers of its entries: what one reader has in
 * memory at once. A page ends before the row that would exceed it; the first row comes however large it is.
 */
export const maxPageBytes = 4 * 1_048_576

/** Most entries with their payloads in one page: each payload may be as long as `KeptPayload.maxLength`. */
export const maxDecided = 200

/** The log of events and its journal: what a store must do for actors and readers. */
export class EventStore extends Context.Tag("daybook/core/EventStore")<
  EventStore,
  {
    /**
     * Appends to one stream: each command as its verdict says, in one transaction. To several streams: all of it, or
     * nothing where anything of it cannot be written.
     */
    readonly append: Append
    /**
     * Adds the entry of an operation to the journal; an entry of an epoch raises the log's. Under one key it is done
     * once, as with `operate`.
     */
    readonly record: (operation: ProposedOperation) => Effect.Effect<JournalEntry, RecordError | OperationError>
    /**
     * Does what an operator asked for and adds the operation's entry, in one transaction: both or neither. `work` gives
     * the entry's detail, JSON text of what was asked and what was found. Where the key has the entry of the same
     * operation by now, gives that one and does nothing. The work writes through the ports of the store that the log is
     * in, and waits for nothing else: everything that writes waits for it.
     */
    readonly operate: <E, R>(
      operation: ProposedOperation,
      work: Effect.Effect<string, E, R>
    ) => Effect.Effect<Operated, E | RecordError | OperationError, R>
    /**
     * One page of what operators did, and of epochs: entries of these kinds with a sequence above `after`, unverified.
     */
    readonly readOperations: (after: number, limit?: number) => Effect.Effect<JournalPage, LookupError>
    /**
     * Whether a fiber with this context runs within a transaction of this store, where an append would wait for that
     * transaction to end, and it for the append. Left out by a store whose callers have no transactions.
     */
    readonly isWithin?: (context: Context.Context<never>) => boolean
    /** Whether it runs the statements of a command in the transaction that stores it. Default: no. */
    readonly takesStatements?: boolean
    /** See `RecordedAt.ts`. In milliseconds. */
    readonly maxClockLead: number
    /**
     * One page of a stream. Empty when there are none. Forwards it begins with `from`: where that event is not there
     * and a later one is, the stream is damaged.
     */
    readonly readStream: (streamId: StreamId, options?: ReadStreamOptions) => Effect.Effect<EventPage, ReadError>
    /** One page of the log: events with a position above `after`, oldest first. */
    readonly readAll: (after: number, limit?: number) => Effect.Effect<EventPage, ReadError>
    /**
     * The stream's last event; `AppendPlan.noHead` when it has none. As it is stored and not verified: to compare with
     * what one has read, which only a stream that is the same can be.
     */
    readonly head: (streamId: StreamId) => Effect.Effect<Head, LookupError>
    /**
     * Whether anything but the event itself shows that it belongs at this place, however damaged it is: then its damage
     * concerns its stream alone. False where the store has no such witness.
     */
    readonly vouches: (place: EventPlace) => Effect.Effect<boolean, LookupError>
    /** One page of the streams that have events, in the order of `StreamId.compare`. */
    readonly listStreams: (options?: ListStreamsOptions) => Effect.Effect<StreamPage, LookupError>
    /**
     * One page of the journal: entries with a sequence above `after`, in their order. Unverified: see `Journal.damage`.
     */
    readonly readJournal: (after: number, limit?: number) => Effect.Effect<JournalPage, LookupError>
    /**
     * The last entry of the stream, found by one seek; undefined where it has none. Where its version or its event's
     * hash is not that of the stream's last event, events are missing at the end of the stream, or are others.
     */
    readonly lastEntry: (streamId: StreamId) => Effect.Effect<JournalEntry | undefined, LookupError>
    /**
     * The command with this id. Unverified: see `Journal.isIntact` and `KeptPayload.read`. Undefined where none is
     * stored.
     */
    readonly findDecided: (commandId: string) => Effect.Effect<Decided | undefined, LookupError>
    /**
     * One page of what was decided on a stream: its entries with a sequence above `after`, in their order. `maxDecided`
     * at most, which is the default. Unverified likewise.
     */
    readonly readDecided: (streamId: StreamId, after: number, limit?: number) => Effect.Effect<DecidedPage, LookupError>
    /**
     * Removes the payloads of entries that were recorded before this time, the oldest first and at most `most`, and
     * adds the entry of that operation in the same transaction. Returns how many; for none there is no entry.
     */
    readonly removePayloads: (before: number, most: number) => Effect.Effect<number, RecordError | OperationError>
    /** Sums over the next events after a position, at most `most`, for `LogShape.ts`. Unverified. */
    readonly shapeOf: (after: number, most: number, top: number) => Effect.Effect<LogShape.Part, LookupError>
    /**
     * The newest snapshots of streams after this id, in the order of ids, at most `most`. None where it keeps no
     * snapshots.
     */
    readonly snapshotDistances: (
      after: string,
      most: number
    ) => Effect.Effect<ReadonlyArray<LogShape.SnapshotDistance>, LookupError>
    /** Which log it is. */
    readonly identity: Effect.Effect<LogIdentity, LookupError>
    /** Where the log ends, in one state of it. */
    readonly journalHead: Effect.Effect<JournalHead, LookupError>
    /** Position of the log's last event, 0 when it has none. */
    readonly lastPosition: Effect.Effect<number, LookupError>
    /**
     * The same where the log is written through this store: it was read after it was asked for, and an event beyond it
     * does not exist. Undefined where the store only follows a log, of whose end it may not have heard.
     */
    readonly writtenEnd: Effect.Effect<number | undefined, LookupError>
    /**
     * Wakes its reader after commits of this process that stored events: once for all that happened while it was busy.
     * It carries no data and misses other processes, so its reader polls slowly too.
     */
    readonly commits: Stream.Stream<void>
  }
>() {}

/**
 * A question to an aggregate, which dies at once where its caller is within a transaction of the store. The store
 * cannot see that by itself, since an actor's append does not run in the caller's fiber.
 */
export const outsideTransaction = <A, E, R>(
  store: EventStore["Type"],
  question: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.withFiberRuntime((fiber) =>
    store.isWithin?.(fiber.currentContext as Context.Context<never>) === true
      ? Effect.die(new WithinTransaction({ asked: "an aggregate" }))
      : question
  )
