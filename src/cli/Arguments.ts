/**
 * `Arguments` brings the arguments of the program into the order that the parser takes: an option may stand anywhere, and belongs to
 * the verb that is asked for, which takes it or refuses it. Those of the program itself are taken out.
 */
import type * as Descriptor from "@effect/cli/CommandDescriptor"
import { Effect } from "effect"
import * as Help from "./Help.ts"
import { UsageError } from "./UsageError.ts"

/** Options that take the argument after them, and may stand before a verb. */
const withValue: ReadonlySet<string> = new Set(["--db", "--prefix"])

/** Answers of the parser itself, about the whole program. */
const ofProgram = /^--(?:version|completions|wizard|log-level)(?:=|$)/

/** Takes an option of the program out: what it was given, and the arguments without it. */
export const take = (given: ReadonlyArray<string>, name: string, what: string) =>
  Effect.gen(function* () {
    const end = given.indexOf("--")
    const at = given.findIndex(
      (each, index) => (each === name || each.startsWith(`${name}=`)) && (end === -1 || index < end)
    )
    if (at === -1) return { rest: given, value: undefined }
    const inline = given[at]?.startsWith(`${name}=`) === true
    const value = inline ? given[at]?.slice(name.length + 1) : given[at + 1]
    if (value === undefined || value === "") return yield* new UsageError({ reason: `${name} is ${what}` })
    return { rest: given.toSpliced(at, inline ? 1 : 2), value }
  })

/** The word that names the verb; undefined where there is none, or where the program itself is asked. */
export const verbIn = (given: ReadonlyArray<string>): string | undefined => {
  for (let at = 0; at < given.length; at++) {
    const each = given[at] ?? ""
    if (each === "--" || ofProgram.test(each)) return undefined
    if (!each.startsWith("-")) return each
    if (withValue.has(each)) at++
  }
  return undefined
}

export interface Arranged {
  /** The verb that is asked for, as far as the arguments name one. */
  readonly path: ReadonlyArray<string>
  readonly command: Descriptor.Command<unknown>
  readonly arguments: ReadonlyArray<string>
  readonly isHelp: boolean
}

/** The verb, then all options and arguments in their order. */
export const arrange = (root: Descriptor.Command<unknown>, given: ReadonlyArray<string>): Arranged => {
  const path: Array<string> = []
  const before: Array<string> = []
  let command = root
  let at = 0
  while (at < given.length) {
    const each = given[at] ?? ""
    if (each === "--" || ofProgram.test(each)) break
    if (each.startsWith("-")) {
      before.push(each)
      if (withValue.has(each)) before.push(...given.slice(at + 1, ++at + 1))
    } else {
      const below = Help.verbsOf(command).get(each)
      if (below === undefined) break
      command = below
      path.push(each)
    }
    at++
  }
  const rest = [...before, ...given.slice(at)]
  const end = rest.indexOf("--")
  const isHelp = rest.slice(0, end === -1 ? undefined : end).some((each) => each === "--help" || each === "-h")
  return { path, command, arguments: [...path, ...rest], isHelp }
}

/** The names of an option, as `--out` of `(-o, --out text)`. */
const names = /(?<![\w-])--?[A-Za-z][\w-]*/g

/** The first option that the verb does not take: where the parser finds room for an argument, it takes it for that. */
export const unknownIn = ({ arguments: given, command, path }: Arranged): string | undefined => {
  if (path.length === 0) return undefined
  const hasValue = new Map(
    Help.optionsOf(command).flatMap(([term]) => {
      const isValued = /\w/.test(term.replaceAll(names, ""))
      return (term.match(names) ?? []).map((name) => [name, isValued] as const)
    })
  )
  for (let at = path.length; at < given.length; at++) {
    const each = given[at] ?? ""
    if (each === "--" || ofProgram.test(each)) return undefined
    if (!/^--?[A-Za-z]/.test(each)) continue
    const [name = ""] = each.split("=")
    const isValued = hasValue.get(name)
    if (isValued === undefined) return name
    if (isValued && name === each) at++
  }
  return undefined
}
