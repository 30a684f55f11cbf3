/**
 * `Recording` is what clients sent to a release and what it answered, through each door: HTTP, `daybook import`, and the actors of a
 * program. `record` makes one beside its database; the checks send all of it again to a later release on that database.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import * as Cli from "../cli/Cli.ts"
import * as Serve from "../http/Serve.ts"
import { type Answer, ask } from "../http/Service.ts"
import * as Asks from "./Asks.ts"
import * as HeldSteps from "./HeldSteps.ts"
import * as Releases from "./Releases.ts"
import * as Requests from "./Requests.ts"
import * as Rows from "./Rows.ts"

/** Header fields of an answer that are the same when it is given again. */
const headerNames = ["location", "etag", "daybook-position"] as const

/** A request as it went out, and its answer. */
export interface Exchange {
  readonly key: string
  readonly path: string
  readonly body?: string
  readonly ifMatch?: string
  readonly status: number
  readonly text: string
  readonly headers: Readonly<Record<string, string | null>>
}

export interface Recording {
  readonly exchanges: ReadonlyArray<Exchange>
  readonly rows: ReadonlyArray<Rows.Row>
  readonly asks: ReadonlyArray<{ readonly ask: Asks.Ask; readonly answer: object }>
}

export const size = ({ asks, exchanges, rows }: Recording): number => asks.length + exchanges.length + rows.length

const send = (url: string, { body, ifMatch, key, path }: Pick<Exchange, "body" | "ifMatch" | "key" | "path">) =>
  ask(`${url}${path}`, {
    method: "POST",
    key,
    ...(body !== undefined && { raw: body }),
    ...(ifMatch !== undefined && { headers: { "if-match": ifMatch } })
  })

const headersOf = ({ headers }: Answer) => Object.fromEntries(headerNames.map((name) => [name, headers.get(name)]))

/** A service of this build; it is stopped in order when its scope closes. */
export const serve = (dist: string, db: string) =>
  Effect.gen(function* () {
    const running = yield* Serve.start(Releases.programOf(dist), ["--db", db])
    yield* Effect.addFinalizer(() => {
      running.process.kill("SIGTERM")
      return running.ended
    })
    return running
  })

/** Sends it for the first time. */
const first = (url: string, { matches = false, refusal, ...request }: Requests.Request) =>
  Effect.gen(function* () {
    const account = `${url}${request.path.split("/").slice(0, 3).join("/")}`
    const ifMatch = matches ? ((yield* ask(account)).headers.get("etag") ?? "") : undefined
    const sent = { ...request, ...(ifMatch !== undefined && { ifMatch }) }
    const answer = yield* send(url, sent)
    if (refusal === undefined) assert.oneOf(answer.status, [200, 201], `${request.path} ${request.body} ${answer.text}`)
    else assert.deepStrictEqual([answer.status, answer.json.code], [409, refusal], `${request.path} ${request.body}`)
    return { ...sent, status: answer.status, text: answer.text, headers: headersOf(answer) } satisfies Exchange
  })

/** What is refused while a transfer is under way, for which its credit is held back until then. */
const recordPending = (url: string, db: string, name: string) =>
  Effect.gen(function* () {
    const { before, during, from, transfer } = Requests.pending(name)
    const opened = yield* Effect.forEach(before, (request) => first(url, request))
    yield* HeldSteps.hold(db, "TransferCredited")
    yield* Effect.fork(send(url, transfer))
    const isDebited = Effect.map(ask(`${url}/accounts/${from}`), ({ json }) => json.version === 2)
    yield* Effect.repeat(isDebited, { until: Boolean })
    const refused = yield* Effect.forEach(during, (request) => first(url, request))
    yield* HeldSteps.release(db)
    const hasEnded = Effect.map(send(url, transfer), ({ status }) => status === 201)
    yield* Effect.repeat(hasEnded, { until: Boolean })
    return [...opened, ...refused, yield* first(url, transfer)]
  })

/** What a program gets that sends these commands to the actors in its own process, on this database. */
export const askAll = (dist: string, db: string, asks: ReadonlyArray<Asks.Ask>) =>
  Effect.gen(function* () {
    const stdin = asks.map((ask) => `${JSON.stringify(ask)}\n`).join("")
    const program = [process.execPath, join(import.meta.dirname, "asking.mjs"), dist] as const
    const { code, stderr, stdout } = yield* Cli.run([db], { program, stdin })
    assert.strictEqual(code, 0, stderr)
    return stdout
      .trim()
      .split("\n")
      .map((line): { readonly replayed?: boolean; readonly error?: string } => JSON.parse(line))
  })

/** What `daybook import` of this build says of these rows. */
export const importRows = (dist: string, db: string, rows: ReadonlyArray<Rows.Row>) =>
  Effect.gen(function* () {
    const args = ["import", "-", "--format", "commands", "--db", db, "--json"]
    const program = Releases.programOf(dist)
    const { code, stderr, stdout } = yield* Cli.run(args, { program, stdin: Rows.linesOf(rows) })
    assert.strictEqual(code, 0, stderr)
    return JSON.parse(stdout)
  })

/** Has the release of this build write a database, through each door. */
export const record = (dist: string, db: string, rounds: number, { holds = 0 } = {}) =>
  Effect.gen(function* () {
    const exchanges = yield* Effect.scoped(
      Effect.gen(function* () {
        const { url } = yield* serve(dist, db)
        const names = Array.from({ length: rounds }, (_, index) => `r${index}`)
        const all = names.flatMap((name, index) => Requests.round(name, { holds: index === 0 ? holds : 0 }))
        return [...(yield* Effect.forEach(all, (each) => first(url, each))), ...(yield* recordPending(url, db, "p"))]
      })
    )
    const rows = Rows.story("row")
    assert.deepStrictEqual(yield* importRows(dist, db, rows), {
      applied: rows.length - Rows.refusals,
      replayed: 0,
      refused: Rows.refusals
    })
    const asks = Asks.story("ask")
    const answers = yield* askAll(dist, db, asks)
    const recorded = asks.flatMap((ask, index) => {
      const answer = answers[index]
      assert.deepInclude(answer, { replayed: false }, JSON.stringify(ask))
      return answer === undefined ? [] : [{ ask, answer }]
    })
    return { exchanges, rows, asks: recorded } satisfies Recording
  })

/** One line for each command, so that a recording can be read and compared. */
export const write = (file: string, { asks, exchanges, rows }: Recording): void => {
  const lines = [...exchanges.map((exchange) => ({ exchange })), ...rows.map((row) => ({ row })), ...asks]
  writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(""))
}

export const read = (file: string): Recording => {
  const lines = readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
  return {
    exchanges: lines.flatMap(({ exchange = [] }) => exchange),
    rows: lines.flatMap(({ row = [] }) => row),
    asks: lines.filter(({ ask }) => ask !== undefined)
  }
}

/** Each request comes again, as it was and written in another way, and gets its first answer to the byte. */
const checkHttp = (url: string, { exchanges }: Recording) =>
  Effect.forEach(
    exchanges,
    (exchange) =>
      Effect.gen(function* () {
        const { headers, status, text } = exchange
        for (const again of [exchange, { ...exchange, ...Requests.rewritten(exchange) }]) {
          const answer = yield* send(url, again)
          const about = `${again.key}: ${again.path} ${again.body}`
          assert.deepStrictEqual([answer.status, answer.text], [status, text], about)
          // A field may have come since; none goes or changes.
          const had = Object.entries(headers).filter(([, value]) => value !== null)
          assert.deepInclude(headersOf(answer), Object.fromEntries(had), about)
          // The refusal of a transfer whose id is taken is given again without this mark.
          if (answer.json.code !== "transfer-exists") {
            assert.strictEqual(answer.headers.get("idempotency-replayed"), "true", about)
          }
        }
      }),
    { discard: true }
  )

/** What is another command is refused, whatever the release that took its key, and changes nothing. */
const checkDifferent = (url: string, { exchanges }: Recording) =>
  Effect.gen(function* () {
    // The bank's own timers, which a service schedules for what an earlier release left open, are no answer to anybody.
    const isAsked = ({ streamId }: { readonly streamId: string }) => !streamId.startsWith("timer-")
    const end = Effect.map(ask(`${url}/events?limit=1000`), ({ json }) => json.events.filter(isAsked).length)
    const before = yield* end
    const cases = exchanges.flatMap((exchange) => Requests.different(exchange))
    for (const request of cases) {
      const { json, status } = yield* send(url, request)
      const about = `${request.key}: ${request.path} ${request.body}`
      assert.deepStrictEqual([status, json.code], [422, "idempotency-key-reused"], about)
    }
    assert.strictEqual(yield* end, before)
    return cases.length
  })

/** The rows that were imported are known, in whatever order their fields stand. */
const checkRows = (dist: string, db: string, { rows }: Recording) =>
  Effect.gen(function* () {
    const tally = yield* importRows(dist, db, [...rows, ...Rows.rewritten(rows)])
    assert.deepStrictEqual(tally, { applied: 0, replayed: 2 * rows.length, refused: 0 })
  })

/** Programs get their answers again; what is another command is refused. */
const checkAsks = (dist: string, db: string, recording: Recording) =>
  Effect.gen(function* () {
    const asks = recording.asks.map(({ ask }) => ask)
    const different = Asks.different(asks)
    const answers = yield* askAll(dist, db, [...asks, ...Asks.rewritten(asks), ...different])
    for (const [index, { answer, ask }] of [...recording.asks, ...recording.asks].entries()) {
      assert.deepStrictEqual<object | undefined>(answers[index], { ...answer, replayed: true }, JSON.stringify(ask))
    }
    const refused = different.map(() => ({ error: "CommandIdReused" }))
    assert.deepStrictEqual<ReadonlyArray<object>>(answers.slice(2 * asks.length), refused)
  })

/** Checks the requests of a recording against a service of this build. */
const checkService = (dist: string, db: string, recording: Recording) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { url } = yield* serve(dist, db)
      yield* checkHttp(url, recording)
      yield* checkDifferent(url, recording)
    })
  )

/** Each door, and what it checks of a recording against a build on the recording's database. */
export const doors = { "embedded actors": checkAsks, import: checkRows, HTTP: checkService }

/** All of it, through all doors. */
export const check = (dist: string, db: string, recording: Recording) =>
  Effect.forEach(Object.values(doors), (door) => door(dist, db, recording), { discard: true })
