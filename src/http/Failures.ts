/**
 * Turns what the lower floors answer into a `Problem`. Their errors have no status, and their messages, which may hold
 * a path or SQL, are not sent.
 */
import { type NoSuchVersion, RecoveryFailed, type RuntimeError } from "../core/ActorError.ts"
import { FutureVersion, UnknownEvent } from "../core/EventError.ts"
import type { LookupError, ReadError } from "../core/EventStore.ts"
import type * as Replay from "../core/Replay.ts"
import {
  type EntryDamaged,
  type InvalidArgument,
  type OutcomeUnknown,
  StoreUnavailable,
  StreamDamaged
} from "../core/StoreError.ts"
import * as StoreFault from "../core/StoreFault.ts"
import type { ViewBehind } from "../projection/ProjectionError.ts"
import { Problem } from "./Problem.ts"

/** A field that does not fit. */
export const invalid = (path: string, reason: string) =>
  new Problem("invalid-request", { detail: `${path} ${reason}`, errors: [{ path, reason }] })

/** The caller's own mistake: 400, with what does not fit. */
export const invalidArgument = ({ argument, reason }: InvalidArgument) => invalid(argument, reason)

/** Damage is not an outage: waiting does not end it. */
export const storeUnavailable = (cause: StoreUnavailable) => {
  const fault = StoreFault.of(cause)
  if (fault === "damaged") return new Problem("data-damaged", { detail: StoreFault.faults.damaged, cause })
  return new Problem("store-unavailable", {
    ...(fault !== undefined && { detail: `${StoreFault.faults[fault]}; nothing was done` }),
    cause
  })
}

/** The command may have been stored: 503, to be asked again under its id. */
export const outcomeUnknown = (cause: OutcomeUnknown) => new Problem("outcome-unknown", { cause })

/**
 * Errors that say that events are sound but unknown to this code. By name: from another node of a cluster only the name
 * comes.
 */
const unknownHere: ReadonlySet<string> = new Set([FutureVersion.name, UnknownEvent.name])

const newerRelease = (cause: Error) => {
  if (!(cause instanceof FutureVersion || cause instanceof UnknownEvent)) return new Problem("newer-release", { cause })
  const { position, streamId, version } = cause
  const detail = `${streamId} version ${version} (position ${position}) is of a newer release`
  return new Problem("newer-release", { detail, cause })
}

/**
 * Events that are not what was stored, or that a newer release stored: reading them again gives the same. Says which,
 * and nothing of what is stored.
 */
export const damaged = (cause: unknown) => {
  const damage = cause instanceof RecoveryFailed ? cause.cause : cause
  if (damage instanceof Error && unknownHere.has(damage.name)) return newerRelease(damage)
  if (!(damage instanceof StreamDamaged)) return new Problem("data-damaged", { cause })
  const { position, streamId, version } = damage
  const detail = `${streamId} version ${version} is damaged${position === null ? "" : `, at position ${position}`}`
  return new Problem("data-damaged", { detail, cause })
}

type Folding = Replay.ReplayError | LookupError | EntryDamaged

/** What folding a stream answers. */
export const ofReplay = (error: Folding) => {
  switch (error._tag) {
    case "StoreUnavailable":
      return storeUnavailable(error)
    case "InvalidArgument":
      return invalidArgument(error)
    default:
      return damaged(error)
  }
}

/** The same for a stream as it was. `missing` is the problem of one that has no event. */
export const ofPast =
  <P>(missing: () => P) =>
  (error: Folding | NoSuchVersion) =>
    error._tag !== "NoSuchVersion" ? ofReplay(error) : error.head === 0 ? missing() : new Problem("version-not-found")

const recoveryFailed = (error: RecoveryFailed) =>
  error.cause instanceof StoreUnavailable ? storeUnavailable(error.cause) : damaged(error)

/** What the actor runtime's answer becomes, where a command was sent. */
export const ofCommand = (error: RuntimeError) => {
  switch (error._tag) {
    case "MailboxFull":
    case "TooManyActors":
    case "VersionConflict":
      return new Problem("aggregate-busy", { cause: error })
    case "WrongExpectedVersion":
      return new Problem("version-mismatch", { detail: `it is at version ${error.actual}` })
    case "RecoveryFailed":
      return recoveryFailed(error)
    case "EntryDamaged":
      return damaged(error)
    case "UnreadableAnswer":
      return new Problem("answer-unreadable", { cause: error })
    case "ShuttingDown":
      return new Problem("shutting-down")
    case "CommandIdReused":
      return new Problem("idempotency-key-reused")
    case "InvalidArgument":
      return invalidArgument(error)
    case "UnencodableEvent":
    case "LimitExceeded":
    case "DecisionTimedOut":
      return new Problem("internal", { cause: error })
    case "StoreUnavailable":
      return storeUnavailable(error)
    case "OutcomeUnknown":
      return outcomeUnknown(error)
  }
}

/** The same where the request gives no occasion for some problems. */
export const without =
  <P extends Problem, const C extends P["code"]>(of: (error: RuntimeError) => P, ...codes: ReadonlyArray<C>) =>
  (error: RuntimeError): Exclude<P, Problem<C>> | Problem<"internal"> => {
    const problem = of(error)
    return codes.some((code) => code === problem.code)
      ? new Problem("internal", { cause: error })
      : (problem as Exclude<P, Problem<C>>)
  }

/** Problems that cannot come where only state is read. */
export const notOfState = [
  "version-mismatch",
  "idempotency-key-reused",
  "outcome-unknown",
  "answer-unreadable"
] as const
export const ofState = without(ofCommand, ...notOfState)

/** What a question to the log answers that gives no event. */
export const ofLookup = (error: LookupError) =>
  error._tag === "StoreUnavailable" ? storeUnavailable(error) : invalidArgument(error)

/** What reading the log answers. */
export const ofReading = (error: ReadError | EntryDamaged) =>
  error._tag === "StreamDamaged" || error._tag === "EntryDamaged" ? damaged(error) : ofLookup(error)

/** What asking a read model answers. */
export const ofQuery = (error: ViewBehind | LookupError) =>
  error._tag === "ViewBehind" ? new Problem("view-behind", { detail: error.message }) : ofLookup(error)
