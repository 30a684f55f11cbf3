/** `daybook openapi`: the contract of the service as an OpenAPI document. */
import * as Command from "@effect/cli/Command"
import { Effect } from "effect"
import * as Output from "./Output.ts"

// Loaded when asked for: the other verbs need nothing of it.
export const command = Command.make("openapi", {}, () =>
  Effect.flatMap(
    Effect.promise(() => import("../http/OpenApiDocument.ts")),
    ({ document }) => Output.line(JSON.stringify(document(), undefined, 2))
  )
).pipe(Command.withDescription("Print the OpenAPI document of the service."))
