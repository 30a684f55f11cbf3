/** `daybook openapi`: the contract of the service as an OpenAPI document. */
import * as Command from "@effect/cli/Command"
import { Effect } from "effect"
import type { Application } from "../projection/Application.ts"
import * as Output from "./Output.ts"

// Loaded when asked for: the other verbs need nothing of it.
export const command = (app: Application) =>
  Command.make("openapi", {}, () =>
    Effect.gen(function* () {
      const ServedApi = yield* Effect.promise(() => import("../http/ServedApi.ts"))
      const document = ServedApi.make(app, yield* ServedApi.load(app)).document()
      yield* Output.write(`${JSON.stringify(document, undefined, 2)}\n`)
    })
  ).pipe(Command.withDescription("Print the OpenAPI document of the service."))
