/**
 * `Mailbox` holds what an actor accepted and has not answered: the commands that wait, the batch that is in flight, and
 * the readers of its state.
 *
 * - Commands leave in the order in which they came; those that are decided again go before those that came later.
 * - Nothing is in two of its places at once, so each command is answered once.
 * - One id is one command: a second one with the id of one that waits or is in flight joins it, and never stands beside
 *   it.
 *
 * First of the five rooms of an actor; what becomes of a batch is decided in `Decisions.ts`.
 */
import type { Effect } from "effect"
import type { RuntimeError } from "./ActorError.ts"
import type { Answer, Ask } from "./ActorSystem.ts"
import type { Committed } from "./Definition.ts"
import * as Principal from "./Principal.ts"

export type Resume = (answer: Effect.Effect<Answer, RuntimeError>) => void

/** A command that was accepted and waits for its answer. */
export interface Pending {
  readonly ask: Ask
  readonly resume: Resume
  /** How often another writer came before a batch that it was in. */
  conflicts: number
  /** It was decided on what was not stored then, and is decided again. */
  isAgain: boolean
  /** Those of its id that came later and get its answer. */
  joined: Array<Pending> | undefined
}

export const pendingOf = (ask: Ask, resume: Resume): Pending => ({
  ask,
  resume,
  conflicts: 0,
  isAgain: false,
  joined: undefined
})

export type Reader = (state: Effect.Effect<Committed<unknown>, RuntimeError>) => void

export class Mailbox {
  private waiting: Array<Pending> = []
  /** The batch that is being decided or appended. */
  private current: ReadonlyArray<Pending> = []
  private readers: Array<Reader> = []
  /** Commands with ids that their callers chose; an id that was made for its command has no twin. */
  private named: Map<string, Pending> | undefined
  private joinedCount = 0

  /** Commands that were accepted and not answered. */
  get accepted(): number {
    return this.waiting.length + this.current.length + this.joinedCount
  }

  get hasCommands(): boolean {
    return this.waiting.length > 0
  }

  get readerCount(): number {
    return this.readers.length
  }

  get inFlight(): ReadonlyArray<Pending> {
    return this.current
  }

  /** Accepts a command. False where its id is that of another command here. */
  add(pending: Pending): boolean {
    const { commandId, fingerprint, retryable } = pending.ask
    if (retryable) {
      this.named ??= new Map()
      const twin = this.named.get(commandId)
      if (twin !== undefined) {
        if (twin.ask.fingerprint !== fingerprint || Principal.isForeign(pending.ask, twin.ask.principal)) return false
        twin.joined ??= []
        twin.joined.push(pending)
        this.joinedCount++
        return true
      }
      this.named.set(commandId, pending)
    }
    this.waiting.push(pending)
    return true
  }

  /** The command has its answer. Returns those that joined it, which it no longer holds. */
  forget(pending: Pending): ReadonlyArray<Pending> {
    if (!pending.ask.retryable) return none
    this.named?.delete(pending.ask.commandId)
    const { joined } = pending
    if (joined === undefined) return none
    this.joinedCount -= joined.length
    return joined
  }

  addReader(reader: Reader): void {
    this.readers.push(reader)
  }

  /** The next batch, of `most` commands at most. It is in flight from now on. */
  take(most: number): ReadonlyArray<Pending> {
    if (this.waiting.length <= most) {
      this.current = this.waiting
      this.waiting = []
    } else {
      this.current = this.waiting.splice(0, most)
    }
    return this.current
  }

  /** Only the first of the batch stay in flight. */
  keep(count: number): void {
    const { current } = this
    this.putBack(current.slice(count))
    this.current = current.slice(0, count)
  }

  /** The batch is no longer in flight; these of its commands are decided again, before those that came later. */
  putBack(again: ReadonlyArray<Pending>): void {
    this.current = []
    if (again.length > 0) this.waiting = [...again, ...this.waiting]
  }

  /** Returns what is in flight, which it is no longer. */
  takeInFlight(): ReadonlyArray<Pending> {
    const { current } = this
    this.current = []
    return current
  }

  /** Returns all that waits, which it does no longer. */
  takeWaiting(): ReadonlyArray<Pending> {
    const { waiting } = this
    this.waiting = []
    return waiting
  }

  takeReaders(): ReadonlyArray<Reader> {
    const { readers } = this
    this.readers = []
    return readers
  }
}

/** Most commands have no twin. */
const none: ReadonlyArray<never> = []
