/** The promises of `bank/account/Money.ts`: an amount is what was written, to the last digit, or is refused. */
import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck, Schema } from "effect"
import * as Money from "../../src/bank/account/Money.ts"

describe("Money", () => {
  it("reads amounts in the decimals of the currency", () => {
    const table: ReadonlyArray<readonly [string, number, bigint | Money.Misfit]> = [
      ["12.50", 2, 1_250n],
      ["12.5", 2, 1_250n],
      ["12", 2, 1_200n],
      ["0.01", 2, 1n],
      ["12", 0, 12n],
      ["999999999999999.99", 2, 99_999_999_999_999_999n],
      ["12.505", 2, "tooManyDecimals"],
      ["12.0", 0, "tooManyDecimals"]
    ]
    for (const [text, decimals, expected] of table) {
      assert.strictEqual(Either.merge(Money.parse(text, decimals)), expected, text)
    }
    for (const bad of [
      "",
      ".5",
      "5.",
      "012",
      "+1",
      "-1",
      "1e3",
      "1,5",
      " 1",
      "1\n",
      "0x1",
      "٣",
      "1".repeat(16),
      "NaN"
    ]) {
      assert.strictEqual(Either.merge(Money.parse(bad, 2)), "malformed", JSON.stringify(bad))
    }
  })

  it("knows the decimals of currencies, and which are none", () => {
    const table = {
      EUR: 2,
      CZK: 2,
      JPY: 0,
      KWD: 3,
      CLF: 4,
      UYW: 4,
      XAD: 2,
      XXX: undefined,
      XAU: undefined,
      eur: undefined,
      "": undefined
    }
    for (const [currency, decimals] of Object.entries(table)) assert.strictEqual(Money.decimalsOf(currency), decimals)
  })

  it("writes what it reads, with all the decimals of the currency", () => {
    const amount = FastCheck.record({
      minor: FastCheck.bigInt({ min: 0n, max: 10n ** 15n - 1n }),
      decimals: FastCheck.constantFrom(0, 2, 3, 4)
    })
    FastCheck.assert(
      FastCheck.property(amount, (money) => {
        const text = Money.format(money)
        assert.strictEqual(Either.merge(Money.parse(text, money.decimals)), money.minor)
        assert.strictEqual(text.split(".")[1]?.length ?? 0, money.decimals)
      })
    )
    assert.strictEqual(Money.format({ minor: 12n, decimals: 0 }), "12")
  })

  it("writes negative balances, and balances beyond any integer of the machine", () => {
    assert.strictEqual(Money.format({ minor: -5n, decimals: 2 }), "-0.05")
    assert.strictEqual(Money.format({ minor: -12n, decimals: 0 }), "-12")
    assert.strictEqual(Money.format({ minor: -(10n ** 30n), decimals: 3 }), `-1${"0".repeat(27)}.000`)
  })

  it("stores each amount in one spelling, which comes back byte for byte", () => {
    const stored = FastCheck.record({
      minor: FastCheck.bigInt({ min: 0n, max: 10n ** 30n }),
      decimals: FastCheck.constantFrom(0, 2, 3, 4)
    })
    const decode = Schema.decodeSync(Money.Stored)
    const encode = Schema.encodeSync(Money.Stored)
    FastCheck.assert(
      FastCheck.property(stored, (amount) => {
        const text = encode(amount)
        assert.deepStrictEqual(decode(text), amount)
        assert.strictEqual(encode(decode(text)), text)
      })
    )
    for (const other of ["012.50", "-0.00", "-1", "+1", "1e3", "12.", ".5", "12.50000", "1\n", ""]) {
      assert.throws(() => decode(other), undefined, undefined, JSON.stringify(other))
    }
    assert.throws(() => encode({ minor: -1n, decimals: 2 }))
  })
})
