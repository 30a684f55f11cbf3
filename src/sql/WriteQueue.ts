/**
 * `WriteQueue` holds the calls that wait for the writer: in order, bounded, and cut into the groups that share a
 * transaction. A call that finds no room waits beside the queue until there is some.
 */
import type { Connection } from "@effect/sql/SqlConnection"
import type { Effect, Exit } from "effect"
import * as Limits from "../core/Limits.ts"
import type { AppendCall } from "./AppendGroup.ts"

// biome-ignore lint/suspicious/noExplicitAny: one queue holds calls of every type.
type Done = (answer: Exit.Exit<any, any>) => void

/**
 * A call in the queue. What `done` gets after the commit is what the method that queued it promises; only the first
 * counts.
 */
interface Waiting {
  readonly rows: number
  readonly characters: number
  readonly done: Done
  /** `begun`: it may be written, whatever happens then. `left`: its caller took it back before, and it was answered. */
  phase: "waiting" | "begun" | "left"
}
export interface AppendJob extends Waiting {
  readonly _tag: "Append"
  readonly call: AppendCall
  /** Whether a command of it brings statements of the application. */
  readonly hasStatements: boolean
}
export interface WorkJob extends Waiting {
  readonly _tag: "Ride" | "Transact"
  readonly work: (connection: Connection) => Effect.Effect<unknown, unknown>
}
export type Job = AppendJob | WorkJob

export const append = (call: AppendCall, done: Done): AppendJob => {
  let rows = 0
  let characters = 0
  let hasStatements = false
  for (const { commands } of call.requests) {
    for (const { events, statements } of commands) {
      hasStatements ||= statements !== undefined
      rows += 1 + events.length
      for (const { data } of events) characters += data.length
    }
  }
  return { _tag: "Append", call, hasStatements, rows, characters, done, phase: "waiting" }
}

export const work = (_tag: WorkJob["_tag"], characters: number, work: WorkJob["work"], done: Done): WorkJob => ({
  _tag,
  work,
  rows: 1,
  characters,
  done,
  phase: "waiting"
})

/** Whether the call is to be written: from now on its caller cannot take it back. */
export const begin = (job: Job): boolean => {
  if (job.phase === "waiting") job.phase = "begun"
  return job.phase === "begun"
}

/** An application's work in a transaction is not undone with its neighbours', and theirs is not undone with it. */
const isAlone = (job: Job): boolean => job._tag === "Transact" || (job._tag === "Append" && job.hasStatements)

/**
 * Cuts the jobs into transactions, in order: `Transact` and appends with statements alone, the others together up to
 * the bounds of a group.
 */
export const groupsOf = (
  jobs: Iterable<Job>,
  mostRows: number = Limits.group.rows
): ReadonlyArray<ReadonlyArray<Job>> => {
  const groups: Array<Array<Job>> = []
  let rows = 0
  let characters = 0
  for (const job of jobs) {
    const group = groups.at(-1)
    rows += job.rows
    characters += job.characters
    const fits = rows <= mostRows && characters <= Limits.group.characters
    if (group?.[0] !== undefined && fits && !isAlone(job) && !isAlone(group[0])) {
      group.push(job)
    } else {
      groups.push([job])
      rows = job.rows
      characters = job.characters
    }
  }
  return groups
}

export class WriteQueue {
  private readonly capacity: number
  private waiting: Array<Job> = []
  /** Those that wait for room, the first to come first. */
  private readonly blocked = new Set<Job>()
  /** Taken, answered or not: if the fiber that took them dies, they would wait for ever. */
  private taken: ReadonlyArray<Job> = []
  private wake: (() => void) | undefined

  constructor(capacity: number) {
    this.capacity = capacity
  }

  get isEmpty(): boolean {
    return this.waiting.length === 0
  }

  /** Returns what ends a wait for room, where there was none. */
  offer(job: Job): (() => void) | undefined {
    if (this.waiting.length >= this.capacity) {
      this.blocked.add(job)
      return () => this.blocked.delete(job)
    }
    this.waiting.push(job)
    this.wakeUp()
    return undefined
  }

  /** Calls back once there is something to take, or when `wakeUp` is called. */
  onWork(callback: () => void): void {
    if (this.isEmpty) this.wake = callback
    else callback()
  }

  wakeUp(): void {
    const { wake } = this
    this.wake = undefined
    wake?.()
  }

  takeAll(): ReadonlyArray<Job> {
    this.taken = this.waiting
    this.waiting = []
    this.refill()
    return this.taken
  }

  /** All that was taken has its answer. */
  finish(): void {
    this.taken = []
  }

  /** Drops a call that has not begun, and answers it with this. Returns whether it had not begun. */
  leave(job: Job, answer: Exit.Exit<never, unknown>): boolean {
    if (job.phase === "waiting") {
      job.phase = "left"
      this.blocked.delete(job)
      this.waiting = this.waiting.filter((other) => other !== job)
      this.refill()
      job.done(answer)
    }
    return job.phase === "left"
  }

  /** Answers those that found no room: they were not accepted, so nothing of them may be written. */
  refuseBlocked(answer: Exit.Exit<never, unknown>): void {
    const refused = [...this.blocked]
    this.blocked.clear()
    for (const { done } of refused) done(answer)
  }

  /** Answers all calls without an answer, depending on how far each had come. */
  abandon(answer: (job: Job) => Exit.Exit<never, unknown>): void {
    const all = [...this.taken, ...this.waiting, ...this.blocked]
    this.taken = []
    this.waiting = []
    this.blocked.clear()
    for (const job of all) job.done(answer(job))
  }

  private refill(): void {
    for (const job of this.blocked) {
      if (this.waiting.length === this.capacity) break
      this.blocked.delete(job)
      this.waiting.push(job)
    }
    if (!this.isEmpty) this.wakeUp()
  }
}
