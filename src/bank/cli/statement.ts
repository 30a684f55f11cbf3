/** `daybook statement ACCOUNT`: what was booked on an account in a period, for people, as JSON or as CSV. */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Effect, Option } from "effect"
import * as Database from "../../cli/Database.ts"
import * as Output from "../../cli/Output.ts"
import { Finding, UsageError } from "../../cli/UsageError.ts"
import * as Verb from "../../cli/Verb.ts"
import * as Statement from "../account/Statement.ts"

const columns = [
  "day",
  "version",
  "type",
  "amount",
  "balance",
  "reference",
  "transferId",
  "other",
  "commandId"
] as const

/**
 * RFC 4180. A text that a spreadsheet would take for a formula has a quote before it, which says that it is text;
 * amounts are numbers and stay.
 */
const csv = (value: string | number | null): string => {
  const text = Output.plain(String(value ?? ""))
  const plain = /^[=+@]|^-(?![\d.]+$)/.test(text) ? `'${text}` : text
  return /[",]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain
}

const describeLine = ({ amount, balance, day, other, reference, type }: Statement.Line): string => {
  const more = [reference, other === null ? null : `with ${other}`].filter((each) => each !== null).join(", ")
  return `${day}  ${type.padEnd(17)} ${amount.padStart(15)} ${balance.padStart(15)}  ${Output.plain(more)}`.trimEnd()
}

const options = {
  db: Database.databaseOption,
  json: Output.jsonOption,
  account: Args.text({ name: "ACCOUNT" }),
  from: Options.text("from").pipe(Options.optional, Options.withDescription("first day, as 2026-01-01")),
  to: Options.text("to").pipe(Options.optional, Options.withDescription("last day")),
  csv: Options.boolean("csv").pipe(Options.withDescription("lines of comma-separated values, with a head"))
}

const command = Command.make("statement", options, ({ account, csv: isCsv, db, from, json, to }) =>
  Effect.gen(function* () {
    if (isCsv && json) return yield* new UsageError({ reason: "give --json or --csv, not both" })
    const period = { from: Option.getOrUndefined(from), to: Option.getOrUndefined(to) }
    const page = (after: number) =>
      Effect.filterOrFail(
        Statement.make(account, { ...period, after }),
        (found) => found !== undefined,
        () => new Finding({ reason: `there is no account ${Output.plain(account)}` })
      )
    const first = yield* page(0)
    const { accountId, closingBalance, currency, holds, openingBalance, owner } = first
    if (json) {
      const { lines: _, next: __, ...head } = first
      yield* Output.write(`${JSON.stringify(head).slice(0, -1)},"lines":[`)
    } else if (isCsv) yield* Output.line(columns.join(","))
    else {
      const days = `${first.from ?? "the beginning"} to ${first.to ?? "the end"}`
      yield* Output.line(Output.plain(`${accountId}, ${owner}, ${currency}: ${days}`))
      yield* Output.line(`opening balance ${openingBalance.padStart(46)}`)
    }
    let isFirst = true
    for (let found: Statement.Statement = first; ; ) {
      for (const line of found.lines) {
        if (json) yield* Output.write(`${isFirst ? "" : ","}${JSON.stringify(line)}`)
        else yield* Output.line(isCsv ? columns.map((name) => csv(line[name])).join(",") : describeLine(line))
        isFirst = false
      }
      if (found.next === null) break
      found = yield* page(found.next)
    }
    if (json) yield* Output.line("]}")
    else if (!isCsv) {
      yield* Output.line(`closing balance ${closingBalance.padStart(46)}`)
      for (const { amount, holdId } of holds) yield* Output.line(`held for ${Output.plain(holdId)}: ${amount}`)
    }
  }).pipe(Effect.provide(Database.layer(db, "readOnly")))
).pipe(Command.withDescription("Print what was booked on an account, day by day, with its balance."))

export const verb = Verb.make(command)
