/** What the bank's invariant finds, and that all which may happen passes it. */
import { assert, describe, it } from "@effect/vitest"
import { Either, Schema } from "effect"
import { Account } from "../../src/bank/account/Account.ts"
import type * as AccountEvents from "../../src/bank/account/AccountEvents.ts"
import * as Conservation from "../../src/bank/Conservation.ts"
import { Transfer } from "../../src/bank/transfer/Transfer.ts"
import type * as TransferEvents from "../../src/bank/transfer/TransferEvents.ts"
import * as EventCodec from "../../src/core/EventCodec.ts"
import type { StoredEvent } from "../../src/core/StoredEvent.ts"
import { StreamId } from "../../src/core/StreamId.ts"

type Line = readonly [stream: string, event: AccountEvents.AccountEvent | TransferEvents.TransferEvent]

const codec = EventCodec.make([...Account.events, ...Transfer.events])

const logOf = (lines: ReadonlyArray<Line>): ReadonlyArray<StoredEvent> => {
  const versions = new Map<string, number>()
  return lines.map(([stream, event], index) => {
    const version = (versions.get(stream) ?? 0) + 1
    versions.set(stream, version)
    const { data, schemaVersion, type } = Either.getOrThrow(codec.encode(event))
    return {
      streamId: Schema.decodeSync(StreamId)(stream),
      version,
      position: index + 1,
      commandId: `c${index}`,
      correlationId: `c${index}`,
      causationId: null,
      traceparent: null,
      recordedAt: 0,
      type,
      schemaVersion,
      data,
      previousHash: "",
      hash: "",
      sequence: index + 1,
      principal: null
    }
  })
}

const eur = (minor: number) => ({ minor: BigInt(minor), decimals: 2 })
const opened = (id: string, currency = "EUR", limit = 0): Line => [
  `account-${id}`,
  { _tag: "AccountOpened", accountId: id, owner: "Ada", currency, overdraftLimit: eur(limit) }
]
const of = (id: string, event: AccountEvents.AccountEvent): Line => [`account-${id}`, event]
const deposited = (id: string, minor: number) => of(id, { _tag: "Deposited", amount: eur(minor) })
const withdrawn = (id: string, minor: number) => of(id, { _tag: "Withdrawn", amount: eur(minor) })
const debited = (id: string, minor: number, transferId = "t") =>
  of(id, { _tag: "TransferDebited", transferId, amount: eur(minor), to: "bert" })
const credited = (id: string, minor: number, transferId = "t") =>
  of(id, { _tag: "TransferCredited", transferId, amount: eur(minor), from: "anna" })
const refunded = (id: string, minor: number, transferId = "t") =>
  of(id, { _tag: "TransferRefunded", transferId, amount: eur(minor) })
const held = (id: string, minor: number, holdId = "h") => of(id, { _tag: "HoldPlaced", holdId, amount: eur(minor) })
const holdEnds = (id: string, how: "HoldCaptured" | "HoldReleased" | "HoldExpired", holdId = "h") =>
  of(id, { _tag: how, holdId })
const closed = (id: string) => of(id, { _tag: "AccountClosed" })

const requested: Line = [
  "transfer-t",
  { _tag: "TransferRequested", transferId: "t", from: "anna", to: "bert", currency: "EUR", amount: eur(40) }
]
const step = (event: TransferEvents.TransferEvent): Line => ["transfer-t", event]
const completed = step({ _tag: "TransferCompleted" })
const refused = step({ _tag: "TransferRefused", reason: "source-closed" })
const returned = step({ _tag: "SourceRefunded" })

const twice = (line: Line): ReadonlyArray<Line> => [line, line]

const start = [opened("anna"), opened("bert"), deposited("anna", 100), requested]

const check = (...lines: ReadonlyArray<Line>) => Conservation.check(logOf(lines))

describe("conservation of money", () => {
  it("holds while transfers and holds come and go, and says what is under way", () => {
    const log = [
      ...start,
      held("anna", 30),
      held("anna", 20, "other"),
      debited("anna", 40),
      holdEnds("anna", "HoldCaptured"),
      withdrawn("anna", 25)
    ]
    const found = check(...log)
    assert.isUndefined(found.violation)
    assert.deepStrictEqual([found.inFlight, found.pending], [["t"], ["t"]])
    assert.deepStrictEqual([...found.holds], [["anna", ["other"]]])
    assert.strictEqual(found.balances.get("anna"), 35n)
    const ended = check(...log, credited("bert", 40), completed, holdEnds("anna", "HoldExpired", "other"))
    assert.deepInclude(ended, { violation: undefined, inFlight: [], pending: [], holds: new Map() })
    assert.isUndefined(check(...start, debited("anna", 40), refunded("anna", 40), returned).violation)
    // No account knows of it.
    assert.isUndefined(check(...start, completed).violation)
    assert.isUndefined(check(opened("anna", "EUR", 50), withdrawn("anna", 50)).violation)
  })

  const wrong: ReadonlyArray<readonly [what: string, says: RegExp, ...log: ReadonlyArray<Line>]> = [
    ["an account that was never opened", /never opened/, deposited("anna", 1)],
    ["one that is opened twice", /opened twice/, opened("anna"), opened("anna")],
    ["money out of nothing", /below the limit$/, opened("anna"), withdrawn("anna", 1)],
    ["a limit that is passed", /below the limit$/, opened("anna", "EUR", 50), withdrawn("anna", 51)],
    ["held money that is spent", /what holds reserve/, ...start, held("anna", 80), withdrawn("anna", 21)],
    ["more held than there is", /what holds reserve/, ...start, held("anna", 60), held("anna", 41, "other")],
    ["a hold that is placed twice", /placed twice/, ...start, held("anna", 1), held("anna", 1)],
    ["a hold that ends twice", /not open/, ...start, held("anna", 1), ...twice(holdEnds("anna", "HoldExpired"))],
    ["a hold of another account", /not open/, ...start, held("anna", 1), holdEnds("bert", "HoldReleased")],
    [
      "more captured than was held",
      /more was captured/,
      ...start,
      held("anna", 30),
      holdEnds("anna", "HoldCaptured"),
      withdrawn("anna", 31)
    ],
    [
      "a capture that takes nothing",
      /nothing was taken/,
      ...start,
      held("anna", 30),
      holdEnds("anna", "HoldCaptured"),
      deposited("anna", 1)
    ],
    ["a transfer that is debited twice", /debited twice/, ...start, ...twice(debited("anna", 40))],
    ["one that is credited twice", /not in flight/, ...start, debited("anna", 40), ...twice(credited("bert", 40))],
    [
      "one that is credited and refunded",
      /not in flight/,
      ...start,
      debited("anna", 40),
      credited("bert", 40),
      refunded("anna", 40)
    ],
    ["a credit of another amount", /another amount/, ...start, debited("anna", 40), credited("bert", 41)],
    ["a refund to another account", /another account/, ...start, debited("anna", 40), refunded("bert", 40)],
    ["a credit of nothing", /not in flight/, ...start, credited("bert", 40)],
    ["an end that comes too early", /and is in flight/, ...start, debited("anna", 40), completed],
    ["a refusal after the debit", /and is in flight/, ...start, debited("anna", 40), refused],
    [
      "an end that is not that of its money",
      /was credited/,
      ...start,
      debited("anna", 40),
      credited("bert", 40),
      returned
    ],
    [
      "a completed transfer that was refunded",
      /was refunded/,
      ...start,
      debited("anna", 40),
      refunded("anna", 40),
      completed
    ],
    ["a transfer that ends twice", /ended twice/, ...start, ...twice(refused)],
    ["an account that closes with money", /money on it/, ...start, closed("anna")],
    ["one that closes with a hold", /open hold/, opened("anna", "EUR", 9), held("anna", 9), closed("anna")],
    ["one that closes with money in flight", /in flight/, ...start, debited("anna", 100), closed("anna")],
    ["a booking on a closed account", /closed before/, opened("anna"), closed("anna"), deposited("anna", 1)],
    [
      "money that changes its currency on the way",
      /in USD are not what was paid in/,
      opened("anna"),
      opened("bert", "USD"),
      deposited("anna", 100),
      debited("anna", 40),
      credited("bert", 40)
    ]
  ]
  for (const [what, says, ...log] of wrong) {
    it(`finds ${what}`, () => {
      const { violation } = check(...log)
      assert.match(violation ?? "nothing is wrong", says)
      // It may be read where no amount is to stand.
      assert.notMatch(violation ?? "", /\d\.\d/)
    })
  }

  it("compares amounts of one currency whose decimals were others when an account was opened", () => {
    const whole = { minor: 100n, decimals: 0 }
    const { violation } = check(
      [
        "account-old",
        { _tag: "AccountOpened", accountId: "old", owner: "Ada", currency: "EUR", overdraftLimit: whole }
      ],
      opened("bert"),
      of("old", { _tag: "Deposited", amount: whole }),
      of("old", { _tag: "TransferDebited", transferId: "t", amount: { minor: 1n, decimals: 0 }, to: "bert" }),
      credited("bert", 100)
    )
    assert.isUndefined(violation)
  })
})
