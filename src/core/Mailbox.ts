/**
 * `Mailbox` holds what an actor accepted and has not answered: the commands that wait, the batch that is in flight, and the
 * readers of its state.
 *
 * - Commands leave in the order in which they came; those that are decided again go before those that came later.
 * - Nothing is in two of its places at once, so each command is answered once.
 *
 * First of the four rooms of an actor; what becomes of a batch is decided in `Decisions.ts`.
 */
import type { Effect } from "effect"
import type { RuntimeError } from "./ActorError.ts"
import type { Answer, Ask } from "./ActorSystem.ts"
import type { Committed } from "./Definition.ts"

export type Resume = (answer: Effect.Effect<Answer, RuntimeError>) => void

/** A command that was accepted and waits for its answer. */
export interface Pending {
  readonly ask: Ask
  readonly resume: Resume
  /** How often another writer came before a batch that it was in. */
  conflicts: number
}

export type Reader = (state: Effect.Effect<Committed<unknown>, RuntimeError>) => void

export class Mailbox {
  private waiting: Array<Pending> = []
  /** The batch that is being decided or appended. */
  private current: ReadonlyArray<Pending> = []
  private readers: Array<Reader> = []
  /** Commands to take one at a time, after a batch was refused without saying for which of them. */
  private single = 0

  /** Commands that were accepted and not answered. */
  get accepted(): number {
    return this.waiting.length + this.current.length
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

  add(pending: Pending): void {
    this.waiting.push(pending)
  }

  addReader(reader: Reader): void {
    this.readers.push(reader)
  }

  /** The next batch, of `most` commands at most. It is in flight from now on. */
  take(most: number): ReadonlyArray<Pending> {
    const size = this.single > 0 ? 1 : most
    if (this.single > 0) this.single--
    if (this.waiting.length <= size) {
      this.current = this.waiting
      this.waiting = []
    } else {
      this.current = this.waiting.splice(0, size)
    }
    return this.current
  }

  /** The next commands are taken one at a time. */
  takeSingly(commands: number): void {
    this.single = commands
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
