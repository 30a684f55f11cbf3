/** `TextFile` reads a small file that an option names, whole; what stands in the way of that is in its error. */
import { readFile } from "node:fs/promises"
import { Effect } from "effect"
import { Finding } from "./UsageError.ts"

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EACCES: "it may not be read by this user",
  EISDIR: "it is a folder"
}

/** The text of the file at this path, which is `what`, such as `the file of tokens`. */
export const read = (what: string, path: string): Effect.Effect<string, Finding> =>
  Effect.tryPromise({
    try: () => readFile(path, "utf8"),
    catch: (error) => {
      const { code, message } = error as NodeJS.ErrnoException
      return new Finding({ reason: `${what} ${path} cannot be read: ${reasons[code ?? ""] ?? code ?? message}` })
    }
  })
