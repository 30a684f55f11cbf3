/**
 * `ConsoleWords` is what an application tells the console about itself: what its things are called, which parts of a
 * state are numbers worth a chart or a column, and which pages of its own API belong to a thing. All of it is data, and
 * the console knows no more of any application.
 */

/** A part of a state by its path, as `balance` or `lines.0.amount`, and how it is called. */
export interface Part {
  readonly path: string
  readonly title: string
  /**
   * Path of the part that says how many decimals a whole number has: 1250 with 2 of them is shown as 12.50. Default:
   * none.
   */
  readonly decimals?: string
}

/** A document of the application's own API about one thing. */
export interface Page {
  readonly title: string
  /** `{id}` stands for the thing's id, and `{from}` and `{to}` for days. */
  readonly path: string
  /**
   * Where in it a list of rows stands, and which parts of each row are shown. Default: each list with all that its rows
   * have.
   */
  readonly rows?: string
  readonly columns?: ReadonlyArray<Part>
}

export interface AggregateWords {
  /** Of one, as `Order`. Default: the aggregate's name. */
  readonly title?: string
  /** Of several, as `Orders`. */
  readonly plural?: string
  /** Numbers that are worth a chart over the versions. */
  readonly numbers?: ReadonlyArray<Part>
  /** What a list shows of each. */
  readonly columns?: ReadonlyArray<Part>
  readonly pages?: ReadonlyArray<Page>
}

export interface ConsoleWords {
  /** How the application is called. Default: its name. */
  readonly title?: string
  /** By the aggregates' names. */
  readonly aggregates?: Readonly<Record<string, AggregateWords>>
}
