/**
 * OP10: `docs/operate/configuration.md` is made from the code: options of `serve` with default and variable, and every
 * limit with its default and what its own comment says. `UPDATE=1 npx vitest run test/configuration.test.ts` writes it.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import * as CliConfig from "@effect/cli/CliConfig"
import * as Options from "@effect/cli/Options"
import * as NodeContext from "@effect/platform-node/NodeContext"
import { ConfigProvider, Duration, Effect, Option } from "effect"
import { assert, describe, it } from "vitest"
import { application } from "../src/bank/Bank.ts"
import * as Facts from "../src/cli/Facts.ts"
import * as Help from "../src/cli/Help.ts"
import * as serve from "../src/cli/serve.ts"
import * as ActorConfig from "../src/core/ActorConfig.ts"
import * as HttpConfig from "../src/http/HttpConfig.ts"
import { unlimited } from "../src/http/HttpConfig.ts"
import * as ProjectionConfig from "../src/projection/ProjectionConfig.ts"

const root = join(import.meta.dirname, "..")
const page = join(root, "docs/operate/configuration.md")

/** A limit, as people write it. */
const shown = (value: unknown): string => {
  if (Duration.isDuration(value)) return Duration.format(value)
  if (value === unlimited) return "none"
  return typeof value === "number" ? value.toLocaleString("en-US") : String(value)
}

/** What the comment above each field of an interface says. Fields below one comment share it. */
const commentsOf = (file: string): ReadonlyMap<string, string> => {
  const text = readFileSync(join(root, file), "utf8")
  const found = new Map<string, string>()
  let last: string | undefined
  for (const [, comment, name = ""] of text.matchAll(/(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*)?readonly (\w+)[?]?:/g)) {
    if (comment !== undefined) last = comment.replace(/\s*\n\s*\*?\s*/g, " ").trim()
    if (last !== undefined && !found.has(name)) found.set(name, last)
  }
  return found
}

const cell = (text: string): string => text.replaceAll("|", "\\|")
const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [head, head.map(() => "---"), ...rows].map((row) => `| ${row.map(cell).join(" | ")} |`).join("\n")

const limitsOf = (title: string, file: string, defaults: object) => {
  const comments = commentsOf(file)
  const rows = Object.entries(defaults).map(([name, value]) => {
    assert.isDefined(comments.get(name), `${file}: ${name} has no comment`)
    return [`\`${name}\``, shown(value), comments.get(name) ?? ""]
  })
  return `## ${title}\n\n${table(["limit", "default", "what it is, and what happens at it"], rows)}`
}

/** An option's description, apart: what it does, its default, its variable. */
const factsOf = (description: string) => {
  const [, what = "", standard = "", variable = "none"] =
    /^(.*?) \[default: (.*?)(?:; variable: (\w+))?\]$/.exec(description) ?? []
  assert.notStrictEqual(what, "", `an option without its default: ${description}`)
  return { what, standard, variable }
}

const serveOptions = Help.optionsOf(serve.command(application).descriptor)

const make = (): string =>
  [
    "# Configuration\n\nMade from the code, and compared with it by a test: do not edit it by hand.",
    `## Options of \`daybook serve\`\n\nThe option comes before the variable, and the variable before the default.\n\n${table(
      ["option", "variable", "default", "what it is"],
      serveOptions.map(([name, description]) => {
        const { standard, variable, what } = factsOf(description)
        return [`\`${name}\``, `\`${variable}\``, standard, what]
      })
    )}`,
    "`--log-format` (`DAYBOOK_LOG_FORMAT`) is pretty or json, `OTEL_EXPORTER_OTLP_ENDPOINT` and `OTEL_SERVICE_NAME` name a [collector](otlp.md). All else is set in code, by the layer that the title names; a value out of range is refused where the layer is made.",
    limitsOf("`HttpConfig.layer`", "src/http/HttpConfig.ts", HttpConfig.defaults),
    limitsOf("`ActorConfig.layer`", "src/core/ActorConfig.ts", ActorConfig.defaults),
    limitsOf("`ProjectionConfig.layer`", "src/projection/ProjectionConfig.ts", ProjectionConfig.defaults)
  ]
    .join("\n\n")
    .concat("\n")

describe("the page of settings", () => {
  it("says of every setting what the code says (OP10)", () => {
    const text = make()
    if (process.env.UPDATE !== undefined) writeFileSync(page, text)
    assert.strictEqual(readFileSync(page, "utf8"), text)
  })

  it("has the defaults that hold where nothing is given (OP10)", async () => {
    for (const [name, option] of Object.entries(serve.options)) {
      const [error, , value] = await Effect.runPromise(
        Options.processCommandLine(option as Options.Options<unknown>, [], CliConfig.make({})).pipe(
          Effect.withConfigProvider(ConfigProvider.fromMap(new Map())),
          Effect.provide(NodeContext.layer)
        )
      )
      assert.isTrue(Option.isNone(error), name)
      // Two options make one place.
      const parts =
        name === "db"
          ? { db: Reflect.get(Object(value), "address"), prefix: Reflect.get(Object(value), "prefix") }
          : { [name]: value }
      for (const [name, value] of Object.entries(parts)) {
        const dashed = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
        const [, description = ""] = serveOptions.find(([term]) => term.split(" ")[0] === `--${dashed}`) ?? []
        const { standard } = factsOf(description)
        if (Option.isOption(value)) assert.isTrue(Option.isNone(value), name)
        else assert.strictEqual(String(value), standard, name)
      }
    }
  })

  it("names each option of serve, its flag and its variable by the rule that the console tells them by", () => {
    const told = new Map(serveOptions.map(([name, what]) => [name.split(" ")[0], factsOf(what).variable]))
    for (const name of [...Object.keys(serve.options), "prefix"]) {
      assert.strictEqual(told.get(Facts.flagOf(name)), Facts.variableOf(name), name)
    }
  })
})
