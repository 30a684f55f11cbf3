/**
 * `Flood` bounds what an outage writes into the log. The first of each kind are logged one by one, with all that is
 * known; those that follow within the window are counted, and logged as one number when it is over.
 */
interface Kind {
  told: number
  untold: number
  since: number
  /** The mark of the last one that was reported. */
  mark: string
}

export interface Summary {
  readonly kind: string
  /** What was given with the last one that was told. */
  readonly mark: string
  /** How many were not told. */
  readonly count: number
  readonly seconds: number
}

export interface FloodOptions {
  /** How many of a kind are told one by one in a window. */
  readonly burst: number
  readonly windowMs: number
}

/** What was counted and not yet told. */
const summaryOf = (kind: string, { mark, since, untold }: Kind, now: number): Summary => ({
  kind,
  mark,
  count: untold,
  seconds: Math.round((now - since) / 1_000)
})

/**
 * Most kinds that are told apart; beyond that, all others are one kind. Kinds that come from the code are few; this
 * bounds the others.
 */
const maxKinds = 256
const others = "others"

export class Flood {
  private readonly options: FloodOptions
  private readonly kinds = new Map<string, Kind>()

  constructor(options: FloodOptions) {
    this.options = options
  }

  /** The kind that this one is counted under. */
  private find(kind: string, now: number): Kind {
    const name = this.kinds.has(kind) || this.kinds.size < maxKinds ? kind : others
    const known = this.kinds.get(name)
    if (known !== undefined) return known
    const made = { told: 0, untold: 0, since: now, mark: "" }
    this.kinds.set(name, made)
    return made
  }

  /**
   * Undefined when it is to be logged. Otherwise it was counted, and this is the mark of the last one that was logged.
   */
  note(kind: string, mark: string, now: number): string | undefined {
    const found = this.find(kind, now)
    if (found.told >= this.options.burst) {
      found.untold++
      return found.mark
    }
    found.told++
    found.mark = mark
    return undefined
  }

  /** Kinds whose window is over; what was counted in it, where anything was. To be asked now and then. */
  due(now: number): ReadonlyArray<Summary> {
    const due: Array<Summary> = []
    for (const [kind, found] of this.kinds) {
      if (now - found.since < this.options.windowMs) continue
      if (found.untold === 0) {
        this.kinds.delete(kind)
        continue
      }
      due.push(summaryOf(kind, found, now))
      // It goes on: what comes in the next window is counted from its first on.
      this.kinds.set(kind, { told: this.options.burst, untold: 0, since: now, mark: found.mark })
    }
    return due
  }

  /**
   * Everything that was counted and not logged, whether its window is over or not: for the end of the process, after
   * which nothing asks.
   */
  rest(now: number): ReadonlyArray<Summary> {
    const rest = [...this.kinds].flatMap(([kind, found]) => (found.untold === 0 ? [] : [summaryOf(kind, found, now)]))
    this.kinds.clear()
    return rest
  }
}
