/**
 * `Places` says which actors are in memory. There is room for a bounded number; what is idle for longest leaves for the
 * next one, and where nothing is idle the next one waits for a place.
 *
 * An actor that was only read is a guest: it leaves before any actor that had a command, and never makes one of those
 * leave. So reading many ids, known or not, does not cost working actors their places. Where all places are taken, a
 * few guests run without one and leave once they have answered; a guest whose stream has no event always does.
 *
 * An actor leaves only while nothing waits for it, in one step without a pause, so no command is lost between two
 * lives.
 */
import type { Actor } from "./Actor.ts"
import type { ActorLimits } from "./ActorConfig.ts"
import * as ActorMetrics from "./ActorMetrics.ts"
import type { StreamId } from "./StreamId.ts"

export class Places {
  private readonly limits: Pick<ActorLimits, "maxLiveActors" | "maxWaitingActors" | "maxRecoveries">
  private readonly actors = new Map<StreamId, Actor>()
  /** Those with nothing to do, the one that is idle for longest first. */
  private readonly idle = new Map<StreamId, Actor>()
  private readonly idleGuests = new Map<StreamId, Actor>()
  /** Those without a place yet, the first to come first. The first kind holds commands already. */
  private readonly queue = new Set<Actor>()
  private readonly guestQueue = new Set<Actor>()
  /** With a place: all of them, and the guests among them. */
  private live = 0
  private guests = 0

  constructor(limits: Pick<ActorLimits, "maxLiveActors" | "maxWaitingActors" | "maxRecoveries">) {
    this.limits = limits
  }

  get(streamId: StreamId): Actor | undefined {
    return this.actors.get(streamId)
  }

  /** Those with a place and those that wait for one. */
  get all(): Iterable<Actor> {
    return this.actors.values()
  }

  get liveCount(): number {
    return this.live
  }

  /** Starts a new actor, or has it wait for a place; false when as many wait as may. */
  admit(actor: Actor): boolean {
    const isAdmitted = actor.isGuest ? this.admitGuest(actor) : this.admitWorker(actor)
    if (isAdmitted && !actor.isLive) this.actors.set(actor.streamId, actor)
    return isAdmitted
  }

  /** An actor gets its first command; false when it has no place and cannot wait for one. */
  promote(actor: Actor): boolean {
    actor.isGuest = false
    if (actor.isLive) {
      this.guests--
      if (this.idleGuests.delete(actor.streamId)) this.idle.set(actor.streamId, actor)
      // It may be running without a place.
      const isOver = this.live > this.limits.maxLiveActors
      if (isOver && !this.idle.has(actor.streamId)) this.free(this.idleGuests, this.idle)
      return true
    }
    this.guestQueue.delete(actor)
    if (this.admitWorker(actor)) return true
    actor.isGuest = true
    this.guestQueue.add(actor)
    return false
  }

  /** Leaves memory if nothing waits for it. Returns whether it did. */
  leave(actor: Actor): boolean {
    const isIdle = this.idle.has(actor.streamId) || this.idleGuests.has(actor.streamId)
    if (isIdle) this.passivate(actor)
    return isIdle
  }

  /** All that were idle before that time leave. */
  leaveIdle(before: number): void {
    for (const actors of [this.idleGuests, this.idle]) {
      for (const actor of actors.values()) {
        if (actor.idleSince > before) break
        this.passivate(actor)
      }
    }
  }

  /** Those that are never idle would keep their places from those that wait. */
  claim(): void {
    let wanted = this.queue.size
    if (wanted === 0) return
    for (const actor of this.actors.values()) {
      if (!actor.isLive || actor.isGuest) continue
      actor.mustYield = true
      if (--wanted === 0) return
    }
  }

  becameIdle(actor: Actor): void {
    const idle = actor.isGuest ? this.idleGuests : this.idle
    idle.set(actor.streamId, actor)
    const next = this.next(this.queue) ?? (actor.isGuest ? this.next(this.guestQueue) : undefined)
    const isOver = actor.isGuest && (actor.isEmpty || this.live > this.limits.maxLiveActors)
    if (next === undefined && !isOver) return
    this.passivate(actor)
    if (next !== undefined) this.start(next)
  }

  becameBusy(actor: Actor): void {
    const idle = actor.isGuest ? this.idleGuests : this.idle
    idle.delete(actor.streamId)
  }

  /** Gives the actor's place to one that waits for a place, if any does; the actor waits for its next one. */
  yieldPlace(actor: Actor): boolean {
    const next = this.next(this.queue)
    if (next === undefined) return false
    this.live--
    ActorMetrics.passivated()
    actor.passivate()
    this.queue.add(actor)
    this.start(next)
    return true
  }

  private admitWorker(actor: Actor): boolean {
    if (this.live < this.limits.maxLiveActors || this.free(this.idleGuests, this.idle)) this.start(actor)
    else if (this.queue.size < this.limits.maxWaitingActors) this.queue.add(actor)
    else return false
    return true
  }

  private admitGuest(actor: Actor): boolean {
    const hasRoom = this.live < this.limits.maxLiveActors || this.free(this.idleGuests)
    // As many as may recover at once: more of them would only wait for each other.
    if (hasRoom || this.guests < this.limits.maxRecoveries) this.start(actor)
    else if (this.guestQueue.size < this.limits.maxWaitingActors) this.guestQueue.add(actor)
    else return false
    return true
  }

  /** Makes an idle actor leave, if there is one: the new actor takes its place. */
  private free(...kinds: ReadonlyArray<ReadonlyMap<StreamId, Actor>>): boolean {
    for (const kind of kinds) {
      for (const oldest of kind.values()) {
        this.passivate(oldest)
        return true
      }
    }
    return false
  }

  private next(queue: Set<Actor>): Actor | undefined {
    for (const actor of queue) {
      queue.delete(actor)
      return actor
    }
    return undefined
  }

  private passivate(actor: Actor): void {
    this.idle.delete(actor.streamId)
    this.idleGuests.delete(actor.streamId)
    this.actors.delete(actor.streamId)
    this.live--
    if (actor.isGuest) this.guests--
    ActorMetrics.passivated()
    actor.passivate()
  }

  private start(actor: Actor): void {
    this.live++
    if (actor.isGuest) this.guests++
    // In the order of their start: the first has had its place for longest.
    this.actors.delete(actor.streamId)
    this.actors.set(actor.streamId, actor)
    actor.start()
  }
}
