/**
 * `ImportFormat` is a kind of file whose lines become commands of an application. `daybook import FILE --format NAME`
 * reads the file, and the format says what each line does.
 */
import type { Effect, Stream } from "effect"

export interface Line {
  /** From 1. */
  readonly number: number
  readonly text: string
}

/** How many rows ended how. */
export interface Tally {
  applied: number
  replayed: number
  refused: number
}

/** A row that was refused. */
export interface Refused extends Line {
  /** The tag of the error, such as `InsufficientFunds`. */
  readonly kind: string
  readonly replayed: boolean
}

export interface ImportSource {
  /** As errors name it. */
  readonly file: string
  /** Lines that are not empty, in order; fails where they cannot be read. */
  readonly lines: Stream.Stream<Line, Error>
  /** Counted up as rows are done. */
  readonly tally: Tally
  /** Gets each row that its aggregate refused, also when it had done so before. */
  readonly onRefused: (refused: Refused) => void
}

/** What the command line gave for the options of the format. */
export type Given = Readonly<Record<string, string>>

export interface ImportFormat<out R> {
  readonly name: string
  /** Options of its own, given as `--NAME TEXT`. */
  readonly options: Readonly<Record<string, { readonly default: string; readonly description: string }>>
  /** What is wrong with the options, before anything is opened; undefined where nothing is. */
  readonly refusalOf?: (given: Given) => string | undefined
  /** Applies all lines; fails at one that is wrong once those before it are applied. */
  readonly run: (source: ImportSource, given: Given) => Effect.Effect<void, Error, R>
}
