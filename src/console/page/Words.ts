/** `Words` are how the application calls its things, as it told the service. The page knows none of them itself. */
import { createContext } from "preact"
import { useContext } from "preact/hooks"
import { valueAt } from "../../core/StateTree.ts"
import type { AggregateWords, ConsoleWords, Part as Named } from "../../projection/ConsoleWords.ts"
import * as Format from "./Format.ts"

export interface Part {
  readonly name: string
  readonly prefix: string
  readonly commands: ReadonlyArray<string>
  readonly words: AggregateWords
}

export interface ApplicationView {
  readonly name: string
  readonly description: string
  readonly release: string | null
  readonly aggregates: ReadonlyArray<Part>
  readonly projections: ReadonlyArray<string>
  readonly reactions: ReadonlyArray<string>
  readonly words: ConsoleWords
}

export const Application = createContext<ApplicationView>({
  name: "",
  description: "",
  release: null,
  aggregates: [],
  projections: [],
  reactions: [],
  words: {}
})

export const useApplication = (): ApplicationView => useContext(Application)

export const titleOf = ({ name, words }: Part): string => words.title ?? name
export const pluralOf = ({ name, words }: Part): string => words.plural ?? name

/** The aggregate of a stream and the id within it; none of a stream that is of no aggregate. */
export const subjectOf = (app: ApplicationView, streamId: string): { aggregate: string; id: string } | null => {
  const hyphen = streamId.indexOf("-")
  const part = app.aggregates.find(({ prefix }) => prefix === streamId.slice(0, hyphen))
  return part === undefined ? null : { aggregate: part.name, id: streamId.slice(hyphen + 1) }
}

const placesIn = (state: unknown, decimals: string | undefined): number => {
  const places = decimals === undefined ? 0 : Number(valueAt(state, decimals))
  return Number.isInteger(places) && places >= 0 ? places : 0
}

/** Decimals that a number has at this path of a state, as the application said. */
export const decimalsOf = ({ words: { columns = [], numbers = [] } }: Part, state: unknown, path: string): number =>
  placesIn(state, [...numbers, ...columns].find((each) => each.path === path)?.decimals)

/** A part of a state as it is shown. */
export const written = (state: unknown, { decimals, path }: Named): string => {
  const value = valueAt(state, path)
  return value === undefined || value === null ? "–" : Format.scaled(value, placesIn(state, decimals))
}
