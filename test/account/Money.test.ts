/** The promises of `account/Money.ts`: an amount is what was written, to the last digit, or is refused. */
import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck, Schema } from "effect"
import * as Money from "../../src/account/Money.ts"

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
    const table = { EUR: 2, CZK: 2, JPY: 0, KWD: 3, CLF: 4, UYW: 4, XXX: undefined, eur: undefined, "": undefined }
    for (const [currency, decimals] of Object.entries(table)) assert.strictEqual(Money.decimalsOf(currency), decimals)
  })

  it("writes what it reads, negative balances and amounts beyond 2^53 too", () => {
    const money = FastCheck.record({
      minor: FastCheck.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }),
      decimals: FastCheck.constantFrom(0, 2, 3, 4)
    })
    const decode = Schema.decodeSync(Money.Stored)
    const encode = Schema.encodeSync(Money.Stored)
    FastCheck.assert(
      FastCheck.property(money, (amount) => {
        assert.deepStrictEqual(decode(encode(amount)), amount)
      })
    )
    assert.strictEqual(Money.format({ minor: -5n, decimals: 2 }), "-0.05")
  })
})
