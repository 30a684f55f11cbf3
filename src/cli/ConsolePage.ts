/** `ConsolePage` gives the server the files of the console, which are read when somebody first asks for them. */
import { Effect, Layer } from "effect"
import * as Console from "../http/Console.ts"

export const layer: Layer.Layer<never> = Layer.succeed(
  Console.Console,
  Effect.promise(() => import("../console/Files.ts").then(({ files }) => files()))
)
