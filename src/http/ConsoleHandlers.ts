/** The answers to the console: its files, and what it asks beside what every client may ask. */
import { Buffer } from "node:buffer"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Duration, Effect } from "effect"
import { EventStore } from "../core/EventStore.ts"
import * as Journal from "../core/Journal.ts"
import * as StreamId from "../core/StreamId.ts"
import * as Verified from "../core/Verified.ts"
import type { Application } from "../projection/Application.ts"
import { defaultLimit } from "./ApiParts.ts"
import * as Console from "./Console.ts"
import type { EntryView } from "./ConsoleViews.ts"
import * as Documents from "./Documents.ts"
import * as Failures from "./Failures.ts"
import * as HttpConfig from "./HttpConfig.ts"
import * as Overview from "./Overview.ts"
import { Problem } from "./Problem.ts"
import * as ProtectiveHeaders from "./ProtectiveHeaders.ts"
import * as Search from "./Search.ts"
import { ServiceApi } from "./ServiceApi.ts"
import { ServiceFacts } from "./ServiceFacts.ts"

/** Entries at the end of the journal that are checked when somebody looks at the head. */
const checked = 1_000

const viewOf = (app: Application, entry: Journal.JournalEntry): EntryView => ({
  sequence: entry.sequence,
  kind: entry.kind,
  name: entry.command,
  ...Search.subjectOf(app, entry.streamId),
  streamId: entry.streamId,
  outcome: entry.outcome,
  version: entry.version,
  position: entry.position,
  events: entry.events,
  commandId: entry.commandId,
  correlationId: entry.correlationId ?? entry.commandId,
  causationId: entry.causationId,
  principal: entry.principal,
  recordedAt: new Date(entry.recordedAt).toISOString(),
  hash: entry.hash
})

/** What is wrong with the entries after this one, each of which follows the one before. */
const damageOf = (entries: ReadonlyArray<Journal.JournalEntry>): string | undefined => {
  let last: Journal.JournalEnd | undefined
  for (const entry of entries) {
    const end = last ?? { sequence: entry.sequence - 1, hash: entry.previousHash }
    const wrong = Journal.damage(end, entry)
    if (wrong !== undefined) return `entry ${entry.sequence}: ${wrong}`
    last = entry
  }
  return undefined
}

/** A limit as people write it. */
const shown = (value: unknown): string =>
  Duration.isDuration(value) ? Duration.format(value) : value === HttpConfig.unlimited ? "none" : String(value)

const limitsOf = (limits: HttpConfig.HttpLimits) =>
  Object.entries(limits).map(([name, value]: [string, unknown]) => {
    const standard = shown(HttpConfig.defaults[name as keyof HttpConfig.HttpLimits])
    return { name, value: shown(value), isDefault: shown(value) === standard }
  })

/** The console's files, each made once for all readers. */
const filesOf = (load: Effect.Effect<Console.Files>) =>
  Effect.map(Effect.cached(load), (files) => {
    const documents = new Map<string, ReturnType<typeof Documents.make>>()
    return (name: string) =>
      Effect.gen(function* () {
        const file = (yield* files).get(name)
        if (file === undefined) return yield* Effect.fail(new Problem("route-not-found"))
        const known = documents.get(name)
        if (known !== undefined) return yield* known
        const made = Documents.make(
          file.contentType,
          Effect.succeed(Buffer.from(file.bytes)),
          ProtectiveHeaders.ofConsole
        )
        documents.set(name, made)
        return yield* made
      })
  })

export const layer = (app: Application) =>
  HttpApiBuilder.group(ServiceApi, "console", (handlers) =>
    Effect.gen(function* () {
      const store = yield* EventStore
      const facts = yield* ServiceFacts
      const limits = yield* HttpConfig.HttpConfig
      const load = yield* Console.Console
      const overview = yield* Overview.make(app.name)
      const search = yield* Search.make(app)
      const lastVerify = yield* Verified.last
      const files = load === null ? () => Effect.fail(new Problem("route-not-found")) : yield* filesOf(load)
      const parts = new Map(app.aggregates.map((part) => [part.published.name, part]))

      return handlers
        .handle("page", () => files(Console.indexName))
        .handle("asset", ({ path: { file } }) => files(file))
        .handle("overview", () => overview)
        .handle("search", ({ urlParams: { before, q } }) => search(q, before))
        .handle("application", () =>
          Effect.succeed({
            name: app.name,
            description: app.description,
            release: facts.release,
            aggregates: app.aggregates.map(({ published: { commands, name } }) => ({
              name,
              prefix: StreamId.prefixOf(name).slice(0, -1),
              commands: [...commands.keys()],
              words: app.console.aggregates?.[name] ?? {}
            })),
            projections: app.projections.map(({ name }) => name),
            reactions: app.reactions.map(({ name }) => name),
            words: app.console
          })
        )
        .handle("aggregates", ({ path: { name }, urlParams: { after, limit = defaultLimit, prefix = "" } }) =>
          Effect.gen(function* () {
            const definition = parts.get(name)?.definition
            if (definition === undefined) return yield* Effect.fail(new Problem("route-not-found"))
            const { more, streams } = yield* store
              .listStreams({
                prefix: definition.streamId(prefix),
                limit,
                ...(after !== undefined && { after: definition.streamId(after) })
              })
              .pipe(Effect.mapError(Failures.ofLookup))
            const aggregates = streams.map(({ streamId, version }) => ({
              id: streamId.slice(StreamId.prefixOf(name).length),
              streamId,
              version
            }))
            return { aggregates, next: more ? (aggregates.at(-1)?.id ?? null) : null }
          })
        )
        .handle("journal", ({ urlParams: { after = 0, limit = defaultLimit } }) =>
          Effect.gen(function* () {
            const { entries, more } = yield* Effect.mapError(store.readJournal(after, limit), Failures.ofLookup)
            const wrong = damageOf(entries)
            if (wrong !== undefined) return yield* Effect.fail(new Problem("data-damaged", { detail: wrong }))
            const next = more ? (entries.at(-1)?.sequence ?? null) : null
            return { entries: entries.map((entry) => viewOf(app, entry)), next }
          })
        )
        .handle("head", () =>
          Effect.gen(function* () {
            const head = yield* store.journalHead
            const from = Math.max(head.sequence - checked, 0)
            const entries: Array<Journal.JournalEntry> = []
            for (let at = from; at < head.sequence; ) {
              const page = yield* store.readJournal(at, head.sequence - at)
              const last = page.entries.at(-1)
              if (last === undefined) break
              entries.push(...page.entries)
              at = last.sequence
            }
            const last = entries.at(-1)
            const wrong =
              damageOf(entries) ??
              (head.sequence > 0 && last?.hash !== head.hash ? `entry ${head.sequence} is missing` : undefined)
            return {
              head: { ...head, recordedAt: head.recordedAt === 0 ? null : new Date(head.recordedAt).toISOString() },
              check: {
                from: from + 1,
                to: head.sequence,
                ok: wrong === undefined,
                detail: wrong ?? `${entries.length} entries are what was stored`
              }
            }
          }).pipe(Effect.mapError(Failures.ofLookup))
        )
        .handle("store", () =>
          Effect.gen(function* () {
            const sizes = yield* Effect.mapError(facts.sizes, Failures.storeUnavailable)
            const verified = yield* Effect.mapError(lastVerify, Failures.ofLookup)
            return {
              backend: facts.backend,
              database: facts.database,
              release: facts.release,
              sizes,
              lastVerify:
                verified === null ? null : { ...verified, recordedAt: new Date(verified.recordedAt).toISOString() },
              configuration: facts.settings,
              limits: limitsOf(limits)
            }
          })
        )
        .handle("nodes", () =>
          Effect.map(Effect.mapError(facts.nodes, Failures.storeUnavailable), (nodes) => ({
            clustered: facts.self !== null,
            self: facts.self,
            nodes: nodes.map((node) => ({ ...node, lastHeartbeat: new Date(node.lastHeartbeat).toISOString() }))
          }))
        )
    })
  )
