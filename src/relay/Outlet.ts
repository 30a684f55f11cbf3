/**
 * `Outlet` is the port to a destination of a relay. A session with it begins with what is committed there and ends with
 * its first fault: then the relay opens another one, and learns there what became of what it had sent.
 *
 * Guarantees every implementation keeps (checked by `test/relay`):
 *
 * - events of one stream arrive in the order in which they are sent;
 * - `send` succeeds when all of it is committed there, and fails otherwise, whether or not some of it is;
 * - one that keeps the progress (`committed` is not undefined) commits it together with the messages, all or nothing,
 *   and a session that another one of the same relay has followed commits nothing more.
 */
import { type Effect, Schema, type Scope } from "effect"
import type { LogIdentity } from "../core/Journal.ts"
import type { Message } from "./CloudEvent.ts"

/** How far a relay is. */
export interface Progress {
  /** Position of the last event that is sent or passed over; 0 before the first. */
  readonly position: number
  /** Hash of that event; null where it cannot be read. */
  readonly hash: string | null
  /**
   * Streams that wait for an operator, as far as they changed: the version of the event at which one waits, or null for
   * one that goes on.
   */
  readonly parked: ReadonlyMap<string, number | null>
}

/** What is committed at the destination. */
export interface Committed {
  readonly position: number
  readonly hash: string | null
  readonly parked: ReadonlyMap<string, number>
}

export interface Session {
  /** Null: nothing yet. Undefined: the destination keeps none, and the checkpoint in the database counts. */
  readonly committed: Committed | null | undefined
  readonly send: (messages: ReadonlyArray<Message>, progress: Progress) => Effect.Effect<void, OutletError>
}

/** Whose session it is. */
export interface Sender extends LogIdentity {
  readonly relay: string
  /** Counts the rewinds, from 1. */
  readonly generation: number
}

export interface Outlet {
  /** For people: without a password. */
  readonly name: string
  readonly open: (sender: Sender) => Effect.Effect<Session, OutletError, Scope.Scope>
}

/** The destination does not answer, or does not do what it must. It is tried again for ever. */
export class OutletUnavailable extends Schema.TaggedError<OutletUnavailable>()("OutletUnavailable", {
  outlet: Schema.String,
  reason: Schema.String,
  cause: Schema.optional(Schema.Defect)
}) {
  override get message() {
    return `${this.outlet}: ${this.reason}`
  }
}

/** The destination refuses what it was sent, and would again: one of the messages is too large. */
export class MessageRefused extends Schema.TaggedError<MessageRefused>()("MessageRefused", {
  outlet: Schema.String,
  reason: Schema.String
}) {
  override get message() {
    return `${this.outlet} does not take it: ${this.reason}`
  }
}

/** Another relay of the same name writes there now. What this one sent last is not committed. */
export class RelayFenced extends Schema.TaggedError<RelayFenced>()("RelayFenced", {
  outlet: Schema.String,
  relay: Schema.String
}) {
  override get message() {
    return `${this.outlet}: another relay ${this.relay} of this log writes there now; run one of them, or give one another name`
  }
}

export type OutletError = OutletUnavailable | MessageRefused | RelayFenced
