/**
 * `Help` is what people read about the verbs, all of it made from the commands themselves: the pages of `--help`, in
 * the width of the terminal, and the manual page.
 */
import * as CliConfig from "@effect/cli/CliConfig"
import * as Descriptor from "@effect/cli/CommandDescriptor"
import type * as HelpDoc from "@effect/cli/HelpDoc"
import * as Usage from "@effect/cli/Usage"
import { Predicate } from "effect"
import * as Text from "./Text.ts"

/** Said of each option by the parser, and of no use. */
const fluff =
  /^(?:A user-defined piece of text\.|A true or false value\.|One of the following: .*|This setting is optional\.|This option can be set from environment variables\.)$/

/** What the parser answers itself stands once, on the page of the program. */
const config = CliConfig.make({ showBuiltIns: false })

type Block =
  | { readonly _tag: "Header"; readonly text: string }
  | { readonly _tag: "Line"; readonly text: string; readonly depth: number; readonly isTerm: boolean }

const spanText = (span: (HelpDoc.HelpDoc & { _tag: "Paragraph" })["value"]): string => {
  if (span._tag === "Sequence") return spanText(span.left) + spanText(span.right)
  return typeof span.value === "string" ? span.value : spanText(span.value)
}

const blocksOf = (doc: HelpDoc.HelpDoc, depth = 1): ReadonlyArray<Block> => {
  switch (doc._tag) {
    case "Empty":
      return []
    case "Header":
      return [{ _tag: "Header", text: spanText(doc.value) }]
    case "Paragraph": {
      const text = spanText(doc.value)
      return text === "" || fluff.test(text) ? [] : [{ _tag: "Line", text, depth, isTerm: false }]
    }
    case "Sequence":
      return [...blocksOf(doc.left, depth), ...blocksOf(doc.right, depth)]
    case "Enumeration":
      return doc.elements.flatMap((element) => blocksOf(element, depth))
    case "DescriptionList":
      return doc.definitions.flatMap(([term, definition]) => [
        { _tag: "Line" as const, text: spanText(term), depth, isTerm: true },
        ...blocksOf(definition, depth + 1)
      ])
  }
}

type AnyCommand = Descriptor.Command<unknown>

/** A verb, as `projections retry`, and what it is. */
export interface Verb {
  readonly path: ReadonlyArray<string>
  readonly command: AnyCommand
}

/**
 * The commands below one, in their order. The parser's own look-up goes one level deep and forgets the order; a command
 * that maps what another one parses has that one's.
 */
const childrenOf = (command: unknown): ReadonlyArray<AnyCommand> => {
  if (Predicate.hasProperty(command, "children") && Array.isArray(command.children)) return command.children
  return Predicate.hasProperty(command, "command") ? childrenOf(command.command) : []
}

/** The verbs below a command, by their names. */
export const verbsOf = (command: AnyCommand): ReadonlyMap<string, AnyCommand> =>
  new Map(childrenOf(command).flatMap((child) => [...Descriptor.getNames(child)].map((name) => [name, child] as const)))

/** All verbs in their order, each before those below it. */
export const allVerbs = (root: AnyCommand): ReadonlyArray<Verb> => {
  const visit = (command: AnyCommand, path: ReadonlyArray<string>): ReadonlyArray<Verb> =>
    [...verbsOf(command)].flatMap(([name, found]) => {
      const verb = { path: [...path, name], command: found }
      return [verb, ...visit(found, verb.path)]
    })
  return visit(root, [])
}

const sectionsOf = (command: AnyCommand): ReadonlyArray<Block> => blocksOf(Descriptor.getHelp(command, config))

/** What one verb does, in one line. */
export const summaryOf = (command: AnyCommand): string => {
  const found = sectionsOf(command).find((block) => block._tag === "Line")
  return found?._tag === "Line" ? found.text : ""
}

/** How a verb is called. For one with verbs below it the parser returns those too. */
const usageOf = ({ command, path }: Verb, program: string): string => {
  const [first] = Usage.enumerate(Descriptor.getUsage(command), config)
  const own = first === undefined ? "" : spanText(first).replace(/^\S+ ?/, "")
  return [program, ...path, own].join(" ").trim()
}

/** Sections of a verb's page, without the verbs below it, which have pages of their own. */
const pageOf = (verb: Verb): ReadonlyArray<Block> => {
  const blocks = sectionsOf(verb.command)
  const commands = blocks.findIndex((block) => block._tag === "Header" && block.text === "COMMANDS")
  return commands === -1 ? blocks : blocks.slice(0, commands)
}

export interface Page {
  readonly program: string
  readonly version: string
  readonly columns: number
  /** Makes a heading or a term stand out. */
  readonly strong: (text: string) => string
}

const paragraph = (text: string, depth: number, columns: number, strong = (line: string) => line): string =>
  Text.wrap(`${"  ".repeat(depth)}${text}`, columns)
    .map(strong)
    .join("\n")

/** The page of a verb. */
export const verbPage = (verb: Verb, { columns, program, strong }: Page): string => {
  const lines = [strong("USAGE"), paragraph(usageOf(verb, program), 1, columns), ""]
  for (const block of pageOf(verb)) {
    if (block._tag === "Header") lines.push("", strong(block.text))
    else lines.push(paragraph(block.text, block.depth, columns, block.isTerm ? strong : undefined))
  }
  const below = allVerbs(verb.command)
  if (below.length > 0) lines.push("", strong("VERBS"))
  for (const { command, path } of below)
    lines.push(paragraph(`${[...verb.path, ...path].join(" ")}: ${summaryOf(command)}`, 1, columns))
  return `${lines
    .join("\n")
    .replace(/\n{3,}/g, "\n\n")
    .trim()}\n`
}

/** The page of the program. `options` are those of every verb. */
export const programPage = (
  verbs: ReadonlyArray<Verb>,
  description: string,
  options: ReadonlyArray<readonly [name: string, what: string]>,
  { columns, program, strong, version }: Page
): string => {
  const lines = [`${program} ${version}`, "", ...Text.wrap(description, columns), ""]
  lines.push(
    strong("USAGE"),
    `  ${program} VERB [OPTION…] [ARGUMENT…]`,
    `  ${program} VERB --help`,
    "",
    strong("VERBS")
  )
  const names = verbs.map(({ path }) => path.join(" "))
  const width = Math.max(...names.map((name) => name.length)) + 2
  const isWide = columns >= width + 40
  for (const [index, { command }] of verbs.entries()) {
    const name = names[index] ?? ""
    if (!isWide) lines.push(paragraph(name, 1, columns, strong), paragraph(summaryOf(command), 2, columns))
    else {
      const [first = "", ...more] = Text.wrap(summaryOf(command), columns - width - 2)
      lines.push(`  ${strong(name)}${" ".repeat(width - name.length)}${first}`)
      for (const line of more) lines.push(`${" ".repeat(width + 2)}${line.trim()}`)
    }
  }
  lines.push("", strong("OPTIONS OF EVERY VERB"))
  for (const [name, what] of options) lines.push(paragraph(name, 1, columns, strong), paragraph(what, 2, columns))
  lines.push(
    "",
    strong("EXIT CODES"),
    "  0 all is well",
    "  1 something was found, or failed",
    "  2 it was called wrongly"
  )
  return `${lines.join("\n")}\n`
}

/** A text for `man`: a line that begins with a dot or a quote would be an instruction. */
const roff = (text: string): string =>
  text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replace(/^([.'])/gm, "\\&$1")

/** The manual page, in the language of `man`. */
export const manual = (
  verbs: ReadonlyArray<Verb>,
  description: string,
  options: ReadonlyArray<readonly [name: string, what: string]>,
  { program, version }: Pick<Page, "program" | "version">
): string => {
  const lines = [`.TH ${program.toUpperCase()} 1 "" "${program} ${version}"`]
  lines.push(".SH NAME", `${roff(program)} \\- ${roff(description)}`)
  lines.push(".SH SYNOPSIS", `.B ${roff(program)}`, roff("VERB [OPTION...] [ARGUMENT...]"))
  lines.push(".SH OPTIONS OF EVERY VERB")
  for (const [name, what] of options) lines.push(".TP", `.B ${roff(name)}`, roff(what))
  lines.push(".SH VERBS")
  for (const verb of verbs) {
    lines.push(`.SS ${roff(verb.path.join(" "))}`, `.B ${roff(usageOf(verb, program))}`, ".PP")
    for (const block of pageOf(verb)) {
      if (block._tag === "Header") continue
      if (block.isTerm) lines.push(".TP", `.B ${roff(block.text)}`)
      else lines.push(roff(block.text), ...(block.depth > 1 ? [] : [".PP"]))
    }
  }
  lines.push(".SH EXIT STATUS", "0 all is well, 1 something was found or failed, 2 it was called wrongly.")
  return `${lines.join("\n")}\n`
}

/** Options of a verb with what is said of each: for the page of settings. */
export const optionsOf = (command: AnyCommand): ReadonlyArray<readonly [name: string, what: string]> => {
  const found: Array<readonly [string, string]> = []
  for (const block of sectionsOf(command)) {
    if (block._tag === "Header") continue
    const last = found.at(-1)
    if (block.isTerm) found.push([block.text, ""])
    else if (last !== undefined) found[found.length - 1] = [last[0], `${last[1]} ${block.text}`.trim()]
  }
  // With another name beside it, it stands in brackets.
  return found.filter(([name]) => /^\(?-/.test(name))
}
