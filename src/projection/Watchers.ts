/**
 * `Watchers` are followers that wait for an event, by what they wait for: an event finds those that it concerns, at a
 * cost that does not grow with the others. A follower that was called is no longer in it.
 */
import type { StoredEvent } from "../core/StoredEvent.ts"
import type { Wanted } from "./EventFilter.ts"

export interface Watcher {
  readonly wanted: Wanted
  /** Nothing up to here concerns it: it looks for what comes after. */
  readonly after: number
  /** Called at most once, and synchronously: it must not read then. */
  readonly tell: (event: StoredEvent | undefined) => void
}

/** Those who take any type are under this one, which no event has. */
const anyType = ""

export class Watchers {
  private readonly waiting = new Set<Watcher>()
  /** By the beginning of the stream's id, and then by type. */
  private readonly byPrefix = new Map<string, Map<string, Set<Watcher>>>()
  /** How many beginnings there are of each length: an event is looked up once for each. */
  private readonly lengths = new Map<number, number>()

  get size(): number {
    return this.waiting.size
  }

  add(watcher: Watcher): void {
    this.waiting.add(watcher)
    const { prefixes, types } = watcher.wanted
    for (const prefix of prefixes) {
      let byType = this.byPrefix.get(prefix)
      if (byType === undefined) {
        byType = new Map()
        this.byPrefix.set(prefix, byType)
        this.lengths.set(prefix.length, (this.lengths.get(prefix.length) ?? 0) + 1)
      }
      for (const type of types ?? [anyType]) {
        const known = byType.get(type)
        if (known === undefined) byType.set(type, new Set([watcher]))
        else known.add(watcher)
      }
    }
  }

  remove(watcher: Watcher): void {
    if (!this.waiting.delete(watcher)) return
    const { prefixes, types } = watcher.wanted
    for (const prefix of prefixes) {
      const byType = this.byPrefix.get(prefix)
      if (byType === undefined) continue
      for (const type of types ?? [anyType]) {
        const known = byType.get(type)
        known?.delete(watcher)
        if (known?.size === 0) byType.delete(type)
      }
      if (byType.size > 0) continue
      this.byPrefix.delete(prefix)
      const left = (this.lengths.get(prefix.length) ?? 1) - 1
      if (left === 0) this.lengths.delete(prefix.length)
      else this.lengths.set(prefix.length, left)
    }
  }

  /** Calls those that the event concerns. */
  tell(event: StoredEvent): void {
    for (const length of this.lengths.keys()) {
      const byType = this.byPrefix.get(event.streamId.slice(0, length))
      if (byType === undefined) continue
      for (const type of [event.type, anyType]) {
        for (const watcher of byType.get(type) ?? []) {
          if (event.position > watcher.after) this.done(watcher, event)
        }
      }
    }
  }

  /** Makes all look for themselves, or only those before this position: what follows it is not known here. */
  tellAll(below = Number.POSITIVE_INFINITY): void {
    for (const watcher of this.waiting) if (watcher.after < below) this.done(watcher, undefined)
  }

  /** The lowest position that anyone waits at; infinity where nobody waits. */
  get least(): number {
    let least = Number.POSITIVE_INFINITY
    for (const { after } of this.waiting) least = Math.min(least, after)
    return least
  }

  private done(watcher: Watcher, event: StoredEvent | undefined): void {
    this.remove(watcher)
    watcher.tell(event)
  }
}
