/**
 * `WholeNumber` is a number on the command line or in a variable, as HTTP takes one in a query: digits alone, within
 * its bounds. What is none, such as `1e3`, `0x10`, `-1` or nothing at all, is a mistake in the call and not some other
 * number.
 */
import * as Args from "@effect/cli/Args"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as Options from "@effect/cli/Options"
import * as ValidationError from "@effect/cli/ValidationError"
import { Config, Either } from "effect"

export interface Bounds {
  readonly least: number
  /** Default: none but what a double holds. */
  readonly most?: number
}

/** A port of TCP; 0 stands for a free one. */
export const ports: Bounds = { least: 0, most: 65_535 }

/** The number that a text is; or what it should have been. */
export const read = (
  text: string,
  { least, most = Number.MAX_SAFE_INTEGER }: Bounds
): Either.Either<number, string> => {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return Either.right(value)
  const bounds = most === Number.MAX_SAFE_INTEGER ? `, ${least} or more` : ` from ${least} to ${most}`
  return Either.left(`is a whole number${bounds}`)
}

interface OptionBounds extends Bounds {
  /** The variable of the environment that is read where the option is not given. */
  readonly variable?: string
}

export const option = (name: string, { variable, ...bounds }: OptionBounds): Options.Options<number> => {
  const text = Options.text(name).pipe(Options.withPseudoName("integer"))
  const given = variable === undefined ? text : Options.withFallbackConfig(text, Config.string(variable))
  const from = variable === undefined ? `--${name}` : `--${name} (${variable})`
  return Options.mapEffect(given, (value) =>
    Either.mapLeft(read(value, bounds), (wrong) => ValidationError.invalidValue(HelpDoc.p(`${from} ${wrong}`)))
  )
}

export const argument = (name: string, bounds: Bounds): Args.Args<number> =>
  Args.mapEffect(Args.text({ name }), (value) =>
    Either.mapLeft(read(value, bounds), (wrong) => HelpDoc.p(`${name} ${wrong}`))
  )
