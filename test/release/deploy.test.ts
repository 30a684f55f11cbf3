/**
 * A deploy in the middle of things: a service of the release before is killed while one of its transfers is under way,
 * and the next release, whose commands have other fields in another order, takes over. What a caller never said is not
 * part of what it said, so that retries from before stay retries, of clients and of reactions.
 */
import { copyFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { inject } from "vitest"
import { ask, tryAsk } from "../http/Service.ts"
import { isLong } from "../Random.ts"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"
import * as HeldSteps from "./HeldSteps.ts"
import * as Recording from "./Recording.ts"
import * as Releases from "./Releases.ts"

const fixture = join(import.meta.dirname, "../fixtures/databases/0006-keyed-commands")
const file = "bank/account/AccountSchemas.ts"

/** An optional field that older releases do not know, and one that has a default where it is left out. */
const optional = "  memo: optional(Schema.String),\n"
const defaulted = '  memo: Schema.optionalWith(Schema.String, { default: () => "" }),\n'

/** The struct of this name with its fields as they are written, one a line, in another order. */
const fields = (name: string, from: ReadonlyArray<string>, to: string): Releases.Edit => ({
  file,
  from: `export const ${name} = Schema.Struct({\n${from.join("")}})`,
  to: `export const ${name} = Schema.Struct({\n${to}})`
})

const leg = [
  "  transferId: TransferId,\n",
  "  account: AccountId,\n",
  "  currency: Currency,\n",
  "  amount: Amount,\n",
  "  reference: optional(Reference)\n"
]
const request = [
  "  from: AccountId,\n",
  "  to: AccountId,\n",
  "  /** That of the source, in which the amount is. */\n  currency: Currency,\n",
  "  amount: Amount,\n",
  "  reference: optional(Reference)\n"
]
const booking = ["  amount: Amount,\n", "  reference: optional(Reference),\n", "  bookedOn: optional(BookedOn)\n"]
const opening = ["  owner: Owner,\n", "  currency: Currency,\n", "  overdraftLimit: optional(OverdraftLimit)\n"]
const reservation = [
  "  holdId: HoldId,\n",
  "  amount: Amount,\n",
  "  reference: optional(Reference),\n",
  "  expiresAt: optional(Time)\n"
]

/** The fields the other way round. */
const reversed = (lines: ReadonlyArray<string>): string =>
  [...lines]
    .reverse()
    .map((line) => line.replace(/,?\n$/, ",\n"))
    .join("")

/** All payloads at once: the fields in another order, an optional one more, and one with a default. */
const everything = [
  fields("Leg", leg, `${reversed(leg)}${optional}`),
  fields("Request", request, `${defaulted}${reversed(request)}`),
  fields("Booking", booking, `${reversed(booking)}${defaulted}`),
  fields("Opening", opening, `${optional}${reversed(opening)}`),
  fields("Reservation", reservation, `${reversed(reservation)}${defaulted}`),
  {
    file,
    from: "Schema.Struct({ holdId: HoldId, amount: optional(Amount) })",
    to: `Schema.Struct({\n${defaulted}  amount: optional(Amount),\n  holdId: HoldId })`
  }
]

const accounts = { from: "anna", to: "bert" }
const transfer = { transferId: "rent-7", ...accounts, amount: "5.5", reference: "rent" }
const open = (url: string, accountId: string) =>
  ask(`${url}/accounts`, { body: { accountId, owner: "A", currency: "EUR" } })
/** Balance and version of an account. */
const placeOf = (url: string, accountId: string) =>
  Effect.map(ask(`${url}/accounts/${accountId}`), ({ json }) => `${json.balance} at ${json.version}`)

/** Where a transfer stands when its service is killed, and how it must end. */
interface Scenario {
  /** The step that is not stored before the kill. */
  readonly held: HeldSteps.Step
  /** What becomes of its target before it is requested. */
  readonly prepare?: (url: string) => Effect.Effect<unknown>
  /** The account, and where it is when the step before has been stored. */
  readonly reached: readonly [accountId: string, place: string]
  /** What happens then, still before the kill. */
  readonly meanwhile?: (url: string) => Effect.Effect<unknown>
  /** Status and code of the client's answer in the end. */
  readonly end: readonly [number, string]
  readonly balances: readonly [from: string, to: string]
  readonly legs: ReadonlyArray<string>
}

const completed = {
  prepare: (url: string) => open(url, "bert"),
  end: [201, "completed"],
  balances: ["14.50", "5.50"],
  legs: ["TransferDebited", "TransferCredited"]
} as const
const refunded = {
  end: [409, "transfer-refused"],
  balances: ["20.00", "0.00"],
  legs: ["TransferDebited", "TransferRefunded"]
} as const

const scenarios = {
  "after its debit": { ...completed, held: "TransferCredited", reached: ["anna", "14.50 at 3"] },
  "after its credit": { ...completed, held: "TransferCompleted", reached: ["bert", "5.50 at 2"] },
  "before its refund": {
    ...refunded,
    prepare: (url) => Effect.zipRight(open(url, "bert"), ask(`${url}/accounts/bert/close`, { method: "POST" })),
    held: "TransferRefunded",
    reached: ["anna", "14.50 at 3"]
  },
  // By the time that the next release asks its target again, that would take the money.
  "after its refund": {
    ...refunded,
    held: "SourceRefunded",
    reached: ["anna", "20.00 at 4"],
    meanwhile: (url) => open(url, "bert")
  }
} satisfies Record<string, Scenario>

/** Has a service of this build take a transfer, and kills it where the scenario says. Returns the database. */
const cutOff = (dist: string, { held, meanwhile, prepare, reached: [accountId, place] }: Scenario) =>
  Effect.gen(function* () {
    const db = `sqlite:${join(yield* temporaryFolder, "d.db")}`
    const { ended, process, url } = yield* Recording.serve(dist, db)
    yield* open(url, "anna")
    yield* ask(`${url}/accounts/anna/deposits`, { body: { amount: "20" } })
    if (prepare !== undefined) yield* prepare(url)
    yield* HeldSteps.hold(db, held)
    // The service will not be there to answer.
    yield* Effect.fork(Effect.ignore(tryAsk(`${url}/transfers`, { body: transfer, key: "rent" })))
    yield* Effect.repeat(placeOf(url, accountId), { until: (now) => now === place })
    if (meanwhile !== undefined) yield* meanwhile(url)
    process.kill("SIGKILL")
    assert.strictEqual(yield* ended, "SIGKILL")
    yield* HeldSteps.release(db)
    return db
  })

/**
 * The transfer comes to its end in a service of this build, which a client asks as often as it takes, within reason.
 */
const assertEnds = (dist: string, db: string, { balances, end, legs }: Scenario) =>
  Effect.gen(function* () {
    const { url } = yield* Recording.serve(dist, db)
    const asking = ask(`${url}/transfers`, { body: transfer, key: "rent" })
    const answer = yield* Effect.repeat(asking, { until: ({ status }) => status !== 202, times: 3 })
    assert.deepStrictEqual([answer.status, answer.json.code ?? answer.json.status], end, answer.text)
    assert.strictEqual(answer.headers.get("idempotency-replayed"), "true")
    const found = yield* Effect.forEach(Object.values(accounts), (id) => ask(`${url}/accounts/${id}`))
    assert.deepStrictEqual<ReadonlyArray<string>>(
      found.map(({ json }) => json.balance),
      balances
    )
    const { json } = yield* ask(`${url}/events?limit=1000`)
    const types: ReadonlyArray<string> = json.events.map(({ type }: { readonly type: string }) => type)
    assert.deepStrictEqual(
      types.filter((type) => /^Transfer(Debited|Credited|Refunded)$/.test(type)),
      legs
    )
  })

const cannot = Releases.isMissing(Releases.before)

/** What the release after this one may have done to what transfers send, by what its notes would say. */
const changes = {
  "the fields of a leg in another order and one more, which is optional": [
    fields("Leg", leg, `${reversed(leg)}${optional}`)
  ],
  "one more field of a leg, which has a default": [fields("Leg", leg, `${defaulted}${leg.join("")}`)],
  "the fields of a request in another order": [fields("Request", request, reversed(request))],
  "more fields of everything, in another order": everything
}

/** Each scenario with each change; in the short form three of them with the first one. */
const cases = Object.entries(scenarios)
  .filter(([where]) => isLong || where.startsWith("after"))
  .flatMap(([where, scenario]) =>
    Object.entries(changes)
      .slice(0, isLong ? undefined : 1)
      .map(([what, edits]) => ({ where, scenario, what, edits }))
  )

describe("a transfer that a kill cut off", () => {
  for (const { edits, scenario, what, where } of cases) {
    it.scopedLive.skipIf(cannot)(`${where} is ended by a release that has ${what} (CV1, CV8)`, () =>
      Effect.gen(function* () {
        const dist = yield* Releases.next(...edits)
        yield* assertEnds(dist, yield* cutOff(Releases.earlier(Releases.before), scenario), scenario)
      })
    )
  }

  it.scopedLive("under this release is ended by one with more fields, in another order (CV1, CV8)", () =>
    Effect.gen(function* () {
      const dist = yield* Releases.next(...everything)
      const scenario = scenarios["after its debit"]
      yield* assertEnds(dist, yield* cutOff(inject("dist"), scenario), scenario)
    })
  )
})

describe("commands get their answers from a release with more fields, in another order,", () => {
  for (const [door, check] of Object.entries(Recording.doors)) {
    it.scopedLive(`through ${door} (CV1, CV9)`, () =>
      Effect.gen(function* () {
        const dist = yield* Releases.next(...everything)
        const db = `sqlite:${join(yield* temporaryFolder, "d.db")}`
        copyFileSync(`${fixture}.db`, db.slice("sqlite:".length))
        yield* check(dist, db, Recording.read(`${fixture}.jsonl`))
      })
    )
  }

  it.scopedLive("through all doors where this release took them (CV1)", () =>
    Effect.gen(function* () {
      const dist = yield* Releases.next(...everything)
      const db = `sqlite:${join(yield* temporaryFolder, "d.db")}`
      yield* Recording.check(dist, db, yield* Recording.record(inject("dist"), db, 1))
    })
  )
})
