/**
 * `MissingPackage` recognizes that a package is not installed. Those that only some uses need are optional peers, so
 * that an application with Daybook on SQLite inside installs none for a server or a command line.
 */

/** The package that could not be loaded; undefined where something else went wrong. */
export const nameOf = (error: unknown): string | undefined => {
  if (!(error instanceof Error) || !("code" in error)) return undefined
  if (error.code !== "ERR_MODULE_NOT_FOUND" && error.code !== "MODULE_NOT_FOUND") return undefined
  return /'((?:@[\w.-]+\/)?[\w.-]+)(?:\/[^']*)?'/.exec(error.message)?.[1]
}

/** What is missing, and what it is needed for, in one line; undefined where something else went wrong. */
export const describe = (error: unknown, what: string): string | undefined => {
  const name = nameOf(error)
  return (
    name &&
    `${what} needs the package ${name}, which is not installed; install the version that daybook names as its peer`
  )
}
