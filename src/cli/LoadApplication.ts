/** `LoadApplication` finds the application in a module that a user names, as with `--app`. */
import { resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { Effect } from "effect"
import { type Application, isApplication } from "../projection/Application.ts"
import { UsageError } from "./UsageError.ts"

/** The one application that the module exports. */
export const load = (path: string): Effect.Effect<Application, UsageError> =>
  Effect.gen(function* () {
    const loaded = yield* Effect.tryPromise({
      try: () => import(pathToFileURL(resolve(path)).href) as Promise<Record<string, unknown>>,
      catch: (error) =>
        new UsageError({ reason: `${path} cannot be loaded: ${error instanceof Error ? error.message : error}` })
    })
    const [found, ...more] = new Set(Object.values(loaded).filter(isApplication))
    if (found === undefined || more.length > 0) {
      const how = found === undefined ? "no application" : "more than one application"
      return yield* new UsageError({ reason: `${path} exports ${how}; export what Application.make returns` })
    }
    return found
  })
