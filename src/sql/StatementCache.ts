/**
 * `StatementCache` keeps what is made from a statement's text. It is bounded: tables of read models are named after
 * their generations, so a process that lives long sees ever more texts. When it is full, the least recently used entry
 * goes.
 */
export class StatementCache<A> {
  private readonly capacity: number
  private readonly make: (sql: string) => A
  /** The least recently used first. */
  private readonly made = new Map<string, A>()

  constructor(capacity: number, make: (sql: string) => A) {
    this.capacity = capacity
    this.make = make
  }

  get(sql: string): A {
    const known = this.made.get(sql)
    const one = known ?? this.make(sql)
    if (known !== undefined) this.made.delete(sql)
    else if (this.made.size >= this.capacity) for (const [oldest] of this.made) if (this.made.delete(oldest)) break
    this.made.set(sql, one)
    return one
  }
}
