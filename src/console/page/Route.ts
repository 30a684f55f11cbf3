/**
 * `Route` is the place in the console that the address names, behind its `#`: `#/aggregate/Order/4711?version=3`. Each
 * view has one, so that it can be kept, sent to somebody and gone back to.
 */
import { useLayoutEffect, useState } from "preact/hooks"

export interface Route {
  readonly path: ReadonlyArray<string>
  readonly query: Readonly<Record<string, string>>
}

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    // Somebody typed it: a per cent sign of its own.
    return text
  }
}

export const parse = (hash: string): Route => {
  const [path = "", query = ""] = hash.replace(/^#?\/?/, "").split("?", 2)
  return {
    path: path
      .split("/")
      .filter((part) => part !== "")
      .map(decoded),
    query: Object.fromEntries(new URLSearchParams(query))
  }
}

export type Query = Readonly<Record<string, string | number | undefined>>

/** Parameters without those that are undefined or empty. */
export const queryOf = (query: Query): string => {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== "")
  return given.length === 0 ? "" : `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}`
}

export const format = (path: ReadonlyArray<string>, query: Query = {}): string =>
  `#/${path.map(encodeURIComponent).join("/")}${queryOf(query)}`

export const go = (path: ReadonlyArray<string>, query: Query = {}): void => {
  location.hash = format(path, query)
}

/** The same place with these parameters, without a step of its own to go back to. */
export const amend = (changed: Query): void => {
  const { path, query } = parse(location.hash)
  history.replaceState(null, "", format(path, { ...query, ...changed }))
  dispatchEvent(new HashChangeEvent("hashchange"))
}

export const useRoute = (): Route => {
  const [hash, setHash] = useState(location.hash)
  useLayoutEffect(() => {
    const changed = () => setHash(location.hash)
    addEventListener("hashchange", changed)
    return () => removeEventListener("hashchange", changed)
  }, [])
  return parse(hash)
}
