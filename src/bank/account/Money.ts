/** `Money` is an amount in minor units of a currency of ISO 4217, and its text with exactly the currency's decimals. */
import { Either, Schema } from "effect"

/** Amounts are whole numbers of minor units: 1250n with 2 decimals is "12.50". Never a float. */
export interface Money {
  readonly minor: bigint
  /** How many of the digits stand behind the point. */
  readonly decimals: number
}

/**
 * Active currencies and funds by their decimals; metals, baskets and test codes have none and are left out. ISO 4217
 * list one, as published by SIX on behalf of ISO, 2025-05-12.
 */
const byDecimals: ReadonlyArray<readonly [decimals: number, codes: string]> = [
  [0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"],
  [
    2,
    `AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY
     COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR
     IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD
     NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP
     SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG`
  ],
  [3, "BHD IQD JOD KWD LYD OMR TND"],
  [4, "CLF UYW"]
]

const decimalsByCurrency: ReadonlyMap<string, number> = new Map(
  byDecimals.flatMap(([decimals, codes]) => codes.split(/\s+/).map((code) => [code, decimals] as const))
)

/** How many decimals the currency has; undefined when ISO 4217 has no such currency. */
export const decimalsOf = (currency: string): number | undefined => decimalsByCurrency.get(currency)

/**
 * The text of an amount: at most 15 digits before the point, up to the 4 decimals that a currency may have, no sign, no
 * exponent, no leading zero. Bounded, so that only short text becomes a number.
 */
export const amountPattern = /^(?:0|[1-9]\d{0,14})(?:\.\d{1,4})?$/

/** The same amount without the zeros at its end: `12.5` for `12.50`, `12` for `12.00`. */
export const shortest = (text: string): string =>
  text.replace(/\.(\d*?)0*$/, (_, digits) => (digits === "" ? "" : `.${digits}`))

/** What keeps a text from being an amount of this currency. */
export type Misfit = "malformed" | "tooManyDecimals"

/** Reads an amount; a missing decimal is 0. */
export const parse = (text: string, decimals: number): Either.Either<bigint, Misfit> => {
  if (!amountPattern.test(text)) return Either.left("malformed")
  const [whole = "", fraction = ""] = text.split(".")
  if (fraction.length > decimals) return Either.left("tooManyDecimals")
  return Either.right(BigInt(whole + fraction.padEnd(decimals, "0")))
}

/** `-0.05` for -5n with 2 decimals, `12` for 12n without. */
export const format = ({ decimals, minor }: Money): string => {
  const sign = minor < 0n ? "-" : ""
  const digits = (minor < 0n ? -minor : minor).toString().padStart(decimals + 1, "0")
  if (decimals === 0) return sign + digits
  return `${sign}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`
}

/**
 * Money as events store it. The text shows the decimals, so that it reads the same whatever becomes of the currency.
 * Each amount has one spelling (no sign, no leading zero), so that what was read is written back byte for byte.
 */
export const Stored = Schema.transform(
  Schema.String.pipe(Schema.pattern(/^(?:0|[1-9]\d{0,39})(?:\.\d{1,4})?$/)),
  Schema.Struct({ minor: Schema.BigIntFromSelf, decimals: Schema.Int.pipe(Schema.between(0, 4)) }),
  {
    strict: true,
    decode: (text) => {
      const point = text.indexOf(".")
      return { minor: BigInt(text.replace(".", "")), decimals: point === -1 ? 0 : text.length - point - 1 }
    },
    encode: format
  }
)
