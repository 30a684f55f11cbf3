/** `HttpPart` makes the HTTP API that an application has beside what every service answers. */
import type * as HttpApi from "@effect/platform/HttpApi"
import type * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import type { Layer } from "effect"
import type { HttpPart } from "../projection/Application.ts"
import type * as Access from "./Access.ts"
import type { EventView } from "./EventView.ts"
import type { Lifecycle } from "./Lifecycle.ts"
import type { LogHeader } from "./LogHeader.ts"
import type { Places } from "./Places.ts"
import type { Readiness } from "./Readiness.ts"

/** What the server gives to handlers beside what the application gives. */
export type Provided =
  | Access.Read
  | Access.Write
  | Access.Admin
  | EventView
  | Lifecycle
  | LogHeader
  | Places
  | Readiness

export interface Options<Id extends string, Groups extends HttpApiGroup.HttpApiGroup.Any, E, R, Needs> {
  readonly api: HttpApi.HttpApi<Id, Groups, E, R>
  /** `HttpApiBuilder.group` makes one of a group; those that every service has are answered already. */
  readonly handlers: Layer.Layer<never, never, Needs>
  /** Codes of problems that are the application's own. */
  readonly problems?: ReadonlyArray<string>
  /** One sentence or two, for the document. */
  readonly description?: string
}

/** The application's own HTTP API with its handlers, for `http` of `Application.make`. */
export const make = <Id extends string, Groups extends HttpApiGroup.HttpApiGroup.Any, E, R, Needs>({
  api,
  description = "",
  handlers,
  problems = []
}: Options<Id, Groups, E, R, Needs>): HttpPart<Exclude<Needs, Provided>> => ({
  api: api as HttpApi.HttpApi.Any as HttpApi.HttpApi.AnyWithProps,
  // The server provides the rest.
  handlers: handlers as Layer.Layer<never, never, Exclude<Needs, Provided>>,
  problems,
  description
})
