/**
 * `EventRing` holds the newest events of the log that were read: all between two positions, oldest first. It is bounded
 * by events and by bytes, and lets go of the oldest.
 */
import * as Page from "../core/Page.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"

export interface Bounds {
  readonly events: number
  /** The last event is kept whatever its size. */
  readonly bytes: number
}

/** What an event takes beside its data, roughly: its fields, and the row that holds them. */
const overhead = 512

/** Twice: text that is not ASCII takes two bytes a character, and the feed keeps its message beside an event. */
const bytesOf = ({ data }: StoredEvent): number => overhead + 2 * data.length

export class EventRing {
  /** It has every event of the log above this position and up to `end`; both are below 0 before anything was read. */
  start = -1
  end = -1
  /** Those before `head` were let go. */
  private events: Array<StoredEvent> = []
  private head = 0
  private bytes = 0

  private readonly bounds: Bounds

  constructor(bounds: Bounds) {
    this.bounds = bounds
  }

  /** Starts again after a position, without an event. */
  reset(position: number): void {
    this.events = []
    this.head = 0
    this.bytes = 0
    this.start = position
    this.end = position
  }

  /** Takes the events that follow `end`. */
  push(page: ReadonlyArray<StoredEvent>): void {
    for (const event of page) {
      this.events.push(event)
      this.bytes += bytesOf(event)
      this.end = event.position
    }
    while (this.length > this.bounds.events || (this.bytes > this.bounds.bytes && this.length > 1)) {
      const gone = this.events[this.head++] as StoredEvent
      this.bytes -= bytesOf(gone)
      this.start = gone.position
    }
    // As much as is held: each event is moved once at most for each that comes.
    if (this.head > this.length) {
      this.events = this.events.slice(this.head)
      this.head = 0
    }
  }

  get length(): number {
    return this.events.length - this.head
  }

  get last(): StoredEvent | undefined {
    return this.length === 0 ? undefined : this.events[this.events.length - 1]
  }

  /** Whether it has all that follows the position, as far as the log was read. */
  covers(after: number): boolean {
    return after >= this.start && after <= this.end && this.end >= 0
  }

  /** The index of the first event above the position. */
  private indexAfter(after: number): number {
    let low = this.head
    let high = this.events.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.events[middle] as StoredEvent).position > after) high = middle
      else low = middle + 1
    }
    return low
  }

  /** The events above a position that it covers. */
  after(after: number): ReadonlyArray<StoredEvent> {
    return this.events.slice(this.indexAfter(after))
  }

  /** The first of them, at most `limit`, in a page that is bounded in bytes as those of the store are. */
  page(after: number, limit: number): ReadonlyArray<StoredEvent> {
    const from = this.indexAfter(after)
    const count = Math.min(limit, this.events.length - from)
    const fitting = Page.fittingTexts(count, (index) => (this.events[from + index] as StoredEvent).data)
    return this.events.slice(from, from + fitting)
  }
}
