/**
 * `StatePath` says by a state's schema which paths it may have in its stored form, so that a misspelt path is told from
 * one where nothing stands yet. Where the schema leaves open what stands there, any path will do.
 */
import type { SchemaAST } from "effect"

/** Most names of one place that are told. */
const maxNames = 20

/** A part of the schema, and where in the path its keys begin; beyond the path's end where it has been found. */
type Place = readonly [part: SchemaAST.AST, at: number]

/** A key may hold dots itself: each way to end it, as the places behind. */
const endsOf = (path: string, at: number): ReadonlyArray<number> => {
  const ends: Array<number> = []
  for (let dot = path.indexOf(".", at); dot !== -1; dot = path.indexOf(".", dot + 1)) ends.push(dot + 1)
  return [...ends, path.length + 1]
}

const startsWithKey = (path: string, key: string, at: number): boolean =>
  path.startsWith(key, at) && (at + key.length === path.length || path[at + key.length] === ".")

interface Within {
  readonly next: ReadonlyArray<Place>
  /** Whether it holds anything, which no schema names. */
  readonly isOpen?: boolean
  /** What the keys may be. */
  readonly names?: ReadonlyArray<string>
}

const within = (part: SchemaAST.AST, path: string, at: number): Within => {
  switch (part._tag) {
    case "TypeLiteral": {
      const fields = part.propertySignatures.map(({ name, type }) => ({ key: String(name), type }))
      const named = fields.filter(({ key }) => startsWithKey(path, key, at))
      return {
        next: [
          ...named.map(({ key, type }): Place => [type, at + key.length + 1]),
          ...part.indexSignatures.flatMap(({ type }) => endsOf(path, at).map((end): Place => [type, end]))
        ],
        names: fields.map(({ key }) => key)
      }
    }
    case "TupleType": {
      const end = endsOf(path, at)[0] ?? path.length + 1
      const key = path.slice(at, end - 1)
      if (!/^(0|[1-9]\d{0,8})$/.test(key)) return { next: [], names: ["0"] }
      const element = part.elements[Number(key)]
      const types = element === undefined ? part.rest : [element]
      return { next: types.map(({ type }): Place => [type, end]), names: part.elements.map((_, index) => `${index}`) }
    }
    case "Union":
      return { next: part.types.map((type): Place => [type, at]) }
    case "Suspend":
      return { next: [[part.f(), at]] }
    case "Refinement":
    case "Transformation":
      return { next: [[part.from, at]] }
    case "UnknownKeyword":
    case "AnyKeyword":
    case "ObjectKeyword":
    case "Declaration":
      return { next: [], isOpen: true }
    default:
      return { next: [] }
  }
}

/** Why no state of this schema has the path; undefined where one may. The empty path is the whole state. */
export const misfit = (schema: SchemaAST.AST, path: string): string | undefined => {
  if (path === "") return undefined
  const places: Array<Place> = [[schema, 0]]
  const seen = new Map<SchemaAST.AST, Set<number>>()
  let furthest = 0
  let names = new Set<string>()
  for (let place = places.pop(); place !== undefined; place = places.pop()) {
    const [part, at] = place
    if (at > path.length) return undefined
    const before = seen.get(part) ?? new Set()
    if (before.has(at)) continue
    seen.set(part, before.add(at))
    const found = within(part, path, at)
    if (found.isOpen === true) return undefined
    if (at > furthest) [furthest, names] = [at, new Set()]
    if (at === furthest) for (const name of found.names ?? []) names.add(name)
    places.push(...found.next)
  }
  const where = furthest === 0 ? "the state" : path.slice(0, furthest - 1)
  const told = [...names].slice(0, maxNames).join(", ")
  const more = names.size > maxNames ? ` and ${names.size - maxNames} more` : ""
  return `names nothing in ${where}, which has ${told === "" ? "no fields" : `${told}${more}`}`
}
