/**
 * A deploy in the middle of things: a service of the release before is killed while one of its transfers is under way, and the next
 * release, whose commands have other fields in another order, takes over. What a caller never said is no part of what it said, so
 * that retries from before stay retries, of clients and of reactions.
 */
import { copyFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ask, tryAsk } from "../http/Service.ts"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"
import * as HeldLegs from "./HeldLegs.ts"
import * as Recording from "./Recording.ts"
import * as Releases from "./Releases.ts"

const fixture = join(import.meta.dirname, "../fixtures/databases/0006-keyed-commands")
const file = "account/AccountTerms.ts"

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
const order = [
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

/** What the release after this one may have done, by what its notes would say. */
const releases: Readonly<Record<string, ReadonlyArray<Releases.Edit>>> = {
  "the fields of a leg in another order and one more, which is optional": [
    fields("Leg", leg, `${reversed(leg)}${optional}`)
  ],
  "one more field of a leg, which has a default": [fields("Leg", leg, `${defaulted}${leg.join("")}`)],
  "the fields of a transfer's request in another order": [fields("Request", order, reversed(order))]
}

/** All payloads at once: the fields in another order, an optional one more, and one with a default. */
const everything = [
  fields("Leg", leg, `${reversed(leg)}${optional}`),
  fields("Request", order, `${defaulted}${reversed(order)}`),
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
const request = (url: string) => ask(`${url}/transfers`, { body: transfer, key: "rent" })

/**
 * Has a service of the release before take a transfer, and kills it when the source has paid, in front of the next leg: the credit,
 * or the refund, where the target is closed. Gives the database.
 */
const cutOff = (dist: string, leg: "TransferCredited" | "TransferRefunded") =>
  Effect.gen(function* () {
    const db = `sqlite:${join(yield* temporaryFolder, "d.db")}`
    const { ended, process, url } = yield* Recording.serve(dist, db)
    for (const accountId of Object.values(accounts)) {
      yield* ask(`${url}/accounts`, { body: { accountId, owner: "A", currency: "EUR" } })
    }
    yield* ask(`${url}/accounts/anna/deposits`, { body: { amount: "20" } })
    if (leg === "TransferRefunded") yield* ask(`${url}/accounts/bert/close`, { method: "POST" })
    yield* HeldLegs.hold(db, leg)
    // The service will not be there to answer.
    yield* Effect.fork(Effect.ignore(tryAsk(`${url}/transfers`, { body: transfer, key: "rent" })))
    const isDebited = Effect.map(ask(`${url}/accounts/anna`), ({ json }) => json.balance === "14.50")
    yield* Effect.repeat(isDebited, { until: Boolean })
    process.kill("SIGKILL")
    assert.strictEqual(yield* ended, "SIGKILL")
    yield* HeldLegs.release(db)
    return db
  })

/** The end of the transfer, for which a client asks as often as it takes, within reason. */
const endOf = (url: string) => Effect.repeat(request(url), { until: ({ status }) => status !== 202, times: 3 })

const balances = (url: string) =>
  Effect.forEach(Object.values(accounts), (id) => Effect.map(ask(`${url}/accounts/${id}`), ({ json }) => json.balance))

/** How often the log has each type of event since the transfer was asked for. */
const legs = (url: string) =>
  Effect.map(ask(`${url}/events?limit=1000`), ({ json }) =>
    json.events
      .map(({ type }: { readonly type: string }) => type)
      .filter((type: string) => /^Transfer(Debited|Credited|Refunded)$/.test(type))
  )

describe.skipIf(Releases.isMissing(Releases.before))("a transfer that was cut off by a kill after its debit", () => {
  for (const [what, edits] of Object.entries(releases)) {
    it.scopedLive(`is completed by the next release, which has ${what} (CV1, CV8)`, () =>
      Effect.gen(function* () {
        const dist = yield* Releases.next(...edits)
        const { url } = yield* Recording.serve(
          dist,
          yield* cutOff(Releases.earlier(Releases.before), "TransferCredited")
        )
        const answer = yield* endOf(url)
        assert.strictEqual(answer.status, 201, answer.text)
        assert.strictEqual(answer.json.status, "completed")
        assert.strictEqual(answer.headers.get("idempotency-replayed"), "true")
        assert.deepStrictEqual(yield* balances(url), ["14.50", "5.50"])
        assert.deepStrictEqual(yield* legs(url), ["TransferDebited", "TransferCredited"])
      })
    )
  }

  it.scopedLive("is refunded by the next release, where its target is closed (CV1, CV8)", () =>
    Effect.gen(function* () {
      const dist = yield* Releases.next(...everything)
      const { url } = yield* Recording.serve(dist, yield* cutOff(Releases.earlier(Releases.before), "TransferRefunded"))
      const answer = yield* endOf(url)
      assert.deepStrictEqual([answer.status, answer.json.code], [409, "transfer-refused"], answer.text)
      assert.deepStrictEqual(yield* balances(url), ["20.00", "0.00"])
      assert.deepStrictEqual(yield* legs(url), ["TransferDebited", "TransferRefunded"])
    })
  )
})

describe("commands of an earlier release", () => {
  for (const [door, check] of Object.entries(Recording.doors)) {
    it.scopedLive(`get their answers through ${door} from one with more fields, in another order (CV1, CV9)`, () =>
      Effect.gen(function* () {
        const dist = yield* Releases.next(...everything)
        const db = `sqlite:${join(yield* temporaryFolder, "d.db")}`
        copyFileSync(`${fixture}.db`, db.slice("sqlite:".length))
        yield* check(dist, db, Recording.read(`${fixture}.jsonl`))
      })
    )
  }
})
