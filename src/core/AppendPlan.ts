/**
 * The rules of an append, free of any store: what is checked, in which order, and which rows follow. A store calls
 * `plan` inside its transaction with the facts it has read there, and writes the rows.
 *
 * Each command gets a verdict of its own in one pass. Order: its texts, then its id, then the stream's version, then
 * its answer; so a retry is answered even where the stream has moved on. What rests on the events of a command that is
 * not written is not written either: behind the first such command of a stream, the others were decided on a state that
 * does not exist.
 */
import * as EventHash from "./EventHash.ts"
import type {
  AppendRequest,
  AppendResult,
  CommandRefusal,
  ExpectedVersion,
  Head,
  ProposedCommand,
  StoredCommand,
  StreamResult,
  Verdict
} from "./EventStore.ts"
import * as Journal from "./Journal.ts"
import * as KeptPayload from "./KeptPayload.ts"
import * as Principal from "./Principal.ts"
import type { StoredEvent } from "./StoredEvent.ts"
import * as StoredText from "./StoredText.ts"
import { AnswerFailed, CommandIdReused, EntryDamaged, InvalidArgument, VersionConflict } from "./StoreError.ts"
import { isStreamId, type StreamId } from "./StreamId.ts"

export const noHead: Head = { version: 0, position: 0, hash: EventHash.genesis }

/** What the store knows, read in the transaction that writes. */
export interface LogState {
  readonly head: (streamId: StreamId) => Head
  /**
   * What is stored under the id: a command, or that its entry is not what was stored, or that an operation has taken
   * it.
   */
  readonly command: (commandId: string) => StoredCommand | EntryDamaged | "operation" | undefined
  readonly lastPosition: number
  /** The journal's last entry. */
  readonly end: Journal.JournalEnd
  /** See `RecordedAt.next`. */
  readonly recordedAt: number
}

export interface AppendPlan {
  readonly result: AppendResult
  readonly events: ReadonlyArray<StoredEvent>
  /** One for each command that is stored, in their order. */
  readonly entries: ReadonlyArray<Journal.JournalEntry>
  /** What is kept of the payloads of these. */
  readonly payloads: ReadonlyArray<KeptPayload.Row>
}

/** Commands that cannot be stored, each with the reason. Nothing may be asked of a store about them. */
export type Misfits = ReadonlyMap<ProposedCommand, CommandRefusal>

const none: Misfits = new Map()
const invalid = (argument: string, reason: string) => new InvalidArgument({ argument, reason })

/**
 * What is wrong with the requests as a whole, or with some of their commands. Needs no store: call it before the
 * transaction.
 */
export const check = (requests: ReadonlyArray<AppendRequest>): InvalidArgument | Misfits => {
  let misfits: Map<ProposedCommand, CommandRefusal> | undefined
  // Most appends hold one command, and one command cannot be a duplicate.
  const ids = requests.length === 1 && (requests[0]?.commands.length ?? 0) < 2 ? undefined : new Set<string>()
  for (const { streamId, expectedVersion, expectedHash, commands } of requests) {
    // A cast can forge the brand, and the hash relies on what it promises.
    if (!isStreamId(streamId)) return invalid("streamId", "is not 1 to 512 well-formed characters without U+0000")
    if (typeof expectedVersion === "number" && !(Number.isSafeInteger(expectedVersion) && expectedVersion >= 0)) {
      return invalid("expectedVersion", `${expectedVersion} is not a version; give 0 or a positive integer`)
    }
    if (expectedHash !== undefined && typeof expectedVersion !== "number") {
      return invalid("expectedHash", "stands without the version that it is the hash of")
    }
    for (const command of commands) {
      const { commandId } = command
      let wrong = ids?.has(commandId) ? invalid("commandId", "stands twice in one append") : StoredText.wrongIn(command)
      ids?.add(commandId)
      for (const event of command.events) wrong ??= StoredText.wrongEvent(event)
      if (wrong === undefined) continue
      misfits ??= new Map()
      misfits.set(command, wrong)
    }
  }
  return misfits ?? none
}

const asExpected = (expected: ExpectedVersion, actual: number): boolean =>
  expected === "any" ||
  (expected === "noStream" ? actual === 0 : expected === "exists" ? actual > 0 : actual === expected)

const dropped: Verdict = { _tag: "Dropped" }
const unstored: Verdict = { _tag: "Unstored" }

/** The verdict that follows from the id alone, whatever the command decided now; none where the id is new. */
const byId = (
  command: ProposedCommand,
  streamId: StreamId,
  stored: ReturnType<LogState["command"]>
): Verdict | undefined => {
  if (stored === undefined) return undefined
  const { commandId, fingerprint, recognizes } = command
  if (stored === "operation") return { _tag: "Refused", error: new CommandIdReused({ commandId }) }
  if (stored instanceof EntryDamaged) return { _tag: "Refused", error: stored }
  // An earlier rule took a fingerprint of the caller's own, which says nothing of the stream.
  const isSame =
    stored.streamId === streamId &&
    !Principal.isForeign(command, stored.principal) &&
    (stored.fingerprint === fingerprint || recognizes?.(stored.fingerprint) === true)
  return isSame
    ? { _tag: "StoredBefore", command: stored }
    : { _tag: "Refused", error: new CommandIdReused({ commandId }) }
}

/** What becomes of each command of requests that `check` found sound, and what to write. */
export const plan = (requests: ReadonlyArray<AppendRequest>, misfits: Misfits, state: LogState): AppendPlan => {
  // Most appends are to one stream, whose head no other request of them needs.
  const heads = requests.length > 1 ? new Map<StreamId, Head>() : undefined
  const result: Array<StreamResult> = []
  const rows: Array<StoredEvent> = []
  const entries: Array<Journal.JournalEntry> = []
  const payloads: Array<KeptPayload.Row> = []
  let { hash: previousHash, sequence } = state.end
  const { recordedAt } = state
  let position = state.lastPosition
  for (const { streamId, expectedVersion, expectedHash = null, commands } of requests) {
    let head = heads?.get(streamId) ?? state.head(streamId)
    const isExpected = asExpected(expectedVersion, head.version) && (expectedHash ?? head.hash) === head.hash
    const conflict =
      expectedVersion === "any" || isExpected
        ? undefined
        : new VersionConflict({ streamId, expected: expectedVersion, actual: head.version })
    let drops = conflict !== undefined

    /** Takes the command's rows into the plan, or nothing of it. */
    const write = (command: ProposedCommand): Verdict => {
      const { answer, causationId, commandId, correlationId, events, fingerprint, outcome, traceparent } = command
      const { metadata = null, payload, principal = null } = command
      if (outcome === "unstored") return unstored
      let last = head
      const count = rows.length
      for (const { type, schemaVersion, data } of events) {
        const event = {
          position: position + rows.length - count + 1,
          streamId,
          version: last.version + 1,
          type,
          schemaVersion,
          data,
          commandId,
          correlationId,
          causationId,
          traceparent,
          recordedAt,
          previousHash: last.hash,
          hash: "",
          sequence: sequence + 1,
          principal
        }
        event.hash = EventHash.compute(event)
        rows.push(event)
        last = event
      }
      const { version, position: at } = last
      let error: CommandRefusal | undefined
      try {
        const { text, version: answerVersion } = answer({ version, position: at })
        error = StoredText.wrongAnswer(text)
        if (error === undefined) {
          const kept: StoredCommand = {
            commandId,
            streamId,
            command: command.command,
            fingerprint,
            outcome,
            answer: text,
            answerVersion,
            version,
            position: at,
            principal
          }
          const entry = Journal.ofCommand(kept, {
            rule: Journal.rules.decided,
            sequence: sequence + 1,
            eventHash: last.hash,
            events: events.length,
            correlationId,
            causationId,
            traceparent,
            principal,
            metadata,
            payloadDigest: payload === undefined ? null : KeptPayload.digest(payload),
            recordedAt,
            previousHash
          })
          sequence++
          if (payload !== undefined) payloads.push({ sequence, text: payload })
          position += events.length
          previousHash = entry.hash
          entries.push(entry)
          head = last
          return { _tag: "Stored", command: kept }
        }
      } catch (cause) {
        error = new AnswerFailed({ commandId, cause })
      }
      rows.length = count
      return { _tag: "Refused", error }
    }

    const verdicts: Array<Verdict> = []
    for (const command of commands) {
      const misfit = misfits.get(command)
      const verdict: Verdict =
        misfit !== undefined
          ? { _tag: "Refused", error: misfit }
          : (byId(command, streamId, state.command(command.commandId)) ?? (drops ? dropped : write(command)))
      // Those behind it were decided on its events.
      if (verdict._tag !== "Stored" && command.events.length > 0) drops = true
      verdicts.push(verdict)
    }
    heads?.set(streamId, head)
    result.push({ verdicts, head, conflict })
  }
  return requests.length > 1 && !result.every(isWritten)
    ? {
        result: result.map((one, index) => nothingOf(one, requests[index], state)),
        events: [],
        entries: [],
        payloads: []
      }
    : { result, events: rows, entries, payloads }
}

/** Whether all of a stream's commands hold, and each that has something to store is stored now. */
const isWritten = ({ conflict, verdicts }: StreamResult): boolean =>
  conflict === undefined && verdicts.every(({ _tag }) => _tag === "Stored" || _tag === "Unstored")

/** The result of a request that is not written since another one of its append cannot be. */
const nothingOf = (
  { conflict, verdicts }: StreamResult,
  request: AppendRequest | undefined,
  { head }: LogState
): StreamResult => ({
  verdicts: verdicts.map((verdict) => (verdict._tag === "Stored" || verdict._tag === "Unstored" ? dropped : verdict)),
  head: request === undefined ? noHead : head(request.streamId),
  conflict
})
