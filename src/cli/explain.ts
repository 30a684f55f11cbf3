/**
 * `daybook explain STREAM`: how a state came to be, event by event. `daybook explain --command ID`: what became of a
 * command, and of a refused one why, and after which event it would have passed.
 */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Effect, Option } from "effect"
import * as Explain from "../core/Explain.ts"
import type * as ExplainCommand from "../core/ExplainCommand.ts"
import type * as StateTree from "../core/StateTree.ts"
import type { When } from "../core/TimeTravel.ts"
import * as UtcTimeText from "../core/UtcTimeText.ts"
import type { Application } from "../projection/Application.ts"
import type { Sent } from "../projection/Conversation.ts"
import * as Explanation from "../projection/Explanation.ts"
import * as Database from "./Database.ts"
import * as Output from "./Output.ts"
import * as Stream from "./Stream.ts"
import { Finding, UsageError } from "./UsageError.ts"
import * as WholeNumber from "./WholeNumber.ts"

const asText = (value: unknown): string => Output.plain(JSON.stringify(value) ?? "nothing")

const describeChange = ({ after, before, path }: StateTree.Change): string =>
  `    ${Output.plain(path === "" ? "state" : path)}: ${before === undefined ? "" : asText(before)} → ${after === undefined ? "gone" : asText(after)}`

const describeSent = (how: string, { by, command, commandId, events, outcome, streamId, version }: Sent): string => {
  const what = outcome === "refusal" ? "refused" : events === 0 ? "no event" : `version ${version}`
  const sent = `${command ?? "a command"} to ${streamId}: ${what}`
  return `    ${how} ${Output.plain(by)} sent ${Output.plain(`${sent}  (${commandId})`)}`
}

const describeEvent = (event: Explanation.History["events"][number]): ReadonlyArray<string> => {
  const { cause, changes, commandId, current, moreChanges, principal, recordedAt, sequence, stored, version } = event
  const types = current.map(({ type }) => type).join(", ") || `${stored?.type} (retired)`
  const by = principal === null ? "" : `  by ${principal}`
  const command = `${event.command ?? "command"} ${commandId}`
  return [
    `${version}  ${Output.plain(`${types}  ${recordedAt}${by}  ${command}`)}  entry ${sequence}`,
    ...current.map(({ data }) => `    event  ${asText(data)}`),
    ...(stored === null
      ? []
      : [`    stored as ${Output.plain(stored.type)} v${stored.schemaVersion}  ${asText(stored.data)}`]),
    ...changes.map(describeChange),
    ...(moreChanges === 0 ? [] : [`    and ${moreChanges} changes more`]),
    ...(event.field === undefined
      ? []
      : [
          `    = ${asText(event.field.after)}${event.field.contribution === null ? "" : `  (${event.field.contribution})`}`
        ]),
    ...(cause === null ? [] : [`    because of ${Output.plain(cause.streamId)} version ${cause.version}`]),
    ...event.sent.map((sent) => describeSent("so", sent)),
    ...event.beside.map((sent) => describeSent("beside,", sent))
  ]
}

const reasons: Readonly<Record<ExplainCommand.NotComputed, string>> = {
  "payload-not-kept": "its payload is not kept, or no longer",
  "payload-damaged": "its payload is not the one that its entry vouches for",
  "payload-unreadable": "this program does not read its payload",
  "command-unknown": "this program has no such command, or its name was not noted",
  "decision-is-an-effect": "its decision is an effect, which is not run",
  "decision-threw": "its decision threw"
}

const describePass = (would: ExplainCommand.WouldPass): string => {
  switch (would._tag) {
    case "After":
      return would.type === null
        ? "this program would let it pass on that very state"
        : `it would have passed after version ${would.version}, ${Output.plain(would.type)}`
    case "Never":
      return `it would have been refused up to version ${would.upTo}${would.isEnd ? ", the last one" : "; later ones were not tried"}`
    case "NotComputed":
      return `when it would have passed is not computed: ${reasons[would.reason]}`
  }
}

const describeCommand = (told: Explanation.Told): ReadonlyArray<string> => {
  const { command, commandId, decidedOn, outcome, recordedAt, sequence, streamId, version, wouldPass } = told
  const by = told.principal === null ? "" : `  by ${told.principal}`
  const head = `${command ?? "command"} ${commandId}  to ${streamId}  ${recordedAt}${by}`
  return [
    `${Output.plain(head)}  entry ${sequence}`,
    `    payload  ${told.payload === null ? "not kept, or empty" : asText(told.payload)}`,
    ...(outcome === "success"
      ? [`    done: ${told.events} events, version ${version}`, `    answer  ${asText(told.answer)}`]
      : [
          `    refused  ${asText(told.answer)}`,
          `    decided on version ${version}  ${asText(decidedOn)}`,
          ...(wouldPass === null ? [] : [`    ${describePass(wouldPass)}`])
        ])
  ]
}

const options = {
  db: Database.databaseOption,
  json: Output.jsonOption,
  stream: Args.text({ name: "STREAM" }).pipe(Args.optional),
  command: Options.text("command").pipe(
    Options.optional,
    Options.withDescription("the id of a command, in place of STREAM: what became of it, and why it was refused")
  ),
  field: Options.text("field").pipe(
    Options.optional,
    Options.withDescription("a path of the state, as balance: its value after each event and what the event added")
  ),
  at: Options.text("at").pipe(Options.optional, Options.withDescription("up to this version, or this time")),
  after: WholeNumber.option("after", { least: 0 }).pipe(
    Options.withDefault(0),
    Options.withDescription("only events after this version")
  ),
  limit: WholeNumber.option("limit", { least: 1, most: Explain.maxSteps }).pipe(
    Options.withDefault(100),
    Options.withDescription("at most this many events")
  )
}

const momentOf = (text: string): Effect.Effect<When, UsageError> => {
  if (/^\d{1,15}$/.test(text)) return Effect.succeed({ version: Number(text) })
  if (UtcTimeText.isTime(text)) return Effect.succeed({ at: new Date(text) })
  return new UsageError({ reason: `--at is neither a version nor ${UtcTimeText.expected}` })
}

export const command = (app: Application) =>
  Command.make("explain", options, ({ after, at, command: asked, db, field, json, limit, stream }) =>
    Effect.gen(function* () {
      const { command, history } = Explanation.make(app)
      if (Option.isSome(asked) === Option.isSome(stream)) {
        return yield* new UsageError({ reason: "give either a STREAM, or a command with --command ID" })
      }
      if (Option.isSome(asked)) {
        const told = yield* command(asked.value)
        if (told !== undefined) return yield* Output.result(json, told, describeCommand(told))
        const why = "a refusal that may fare better later is not kept, nor is one that came without an id"
        return yield* new Finding({ reason: `no command ${Output.plain(asked.value)} is stored; ${why}` })
      }
      const { definition, id } = yield* Stream.find(
        app,
        Option.getOrElse(stream, () => "")
      )
      const to = Option.isSome(at) ? yield* momentOf(at.value) : undefined
      const found = yield* history(definition, id, {
        after,
        limit,
        ...Option.match(field, { onNone: () => ({}), onSome: (path) => ({ field: path }) }),
        ...(to !== undefined && { to })
      })
      const rest = found.next === null ? [] : [`more: --after ${found.next}`]
      const none = found.events.length === 0 && after > 0 ? [`no events after version ${after}`] : []
      const text = [...found.events.flatMap(describeEvent), ...none, ...rest]
      yield* Output.result(json, found, text.length === 0 ? ["no events up to then"] : text)
    }).pipe(Effect.provide(Database.layer(db, "readOnly")))
  ).pipe(Command.withDescription("Tell how a state came to be, or why a command was refused."))
