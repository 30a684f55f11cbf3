/**
 * `Setting` says of an option what people must know of it: what it does, its default, and the variable that gives it
 * too.
 */
export interface SettingFacts {
  /** The variable of the environment that is read where the option is not given. */
  readonly variable?: string
  /** What holds where nothing is given. */
  readonly standard?: string
}

/** The description of an option, in one form: a page is made of it, and a test reads it. */
export const described = (what: string, { standard, variable }: SettingFacts): string =>
  `${what} [${[`default: ${standard ?? "none"}`, ...(variable === undefined ? [] : [`variable: ${variable}`])].join("; ")}]`
