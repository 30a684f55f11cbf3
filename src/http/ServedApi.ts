/**
 * `ServedApi` is the contract of the service that runs: the application's own and the part that every service has, as
 * one.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import type * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import { Context, Effect } from "effect"
import type * as Metadata from "../core/Metadata.ts"
import { type Application, type HttpPart, InvalidApplication } from "../projection/Application.ts"
import { Timer } from "../projection/Timer.ts"
import * as AggregatesApi from "./AggregatesApi.ts"
import * as OpenApiDocument from "./OpenApiDocument.ts"
import * as Problem from "./Problem.ts"
import * as Routes from "./Routes.ts"
import { ServiceApi } from "./ServiceApi.ts"
import * as TimersApi from "./TimersApi.ts"

/** A contract whose groups are known to the router alone. */
type Api = (typeof HttpApi.Api)["Service"]["api"]
type Document = ReturnType<typeof OpenApiDocument.make>

export class ServedApi extends Context.Tag("daybook/http/ServedApi")<
  ServedApi,
  {
    readonly api: Api
    readonly routes: Routes.Routes
    /** What may be noted with commands. */
    readonly metadata: Metadata.Any | undefined
    /** Made when first asked for: it takes longer than the server takes to start. */
    readonly document: () => Document
  }
>() {}

const anyOf = (api: HttpApi.HttpApi.Any) => api as HttpApi.HttpApi.AnyWithProps

const combined = (own: HttpApi.HttpApi.AnyWithProps | undefined): HttpApi.HttpApi.AnyWithProps => {
  const service = anyOf(ServiceApi)
  const groups: HttpApi.HttpApi.AnyWithProps["groups"] = service.groups
  for (const [name, group] of Object.entries(own?.groups ?? {})) {
    // An API to which the service's own was added has copies of its groups.
    if (!Object.hasOwn(groups, name) || groups[name]?.endpoints === group.endpoints) continue
    throw new InvalidApplication(`every service has a group ${name} of its own; give the application's another name`)
  }
  const empty = anyOf(HttpApi.make("daybook"))
  return (own === undefined ? empty : empty.addHttpApi(own))
    .addHttpApi(service)
    .addHttpApi(anyOf(AggregatesApi.AggregatesApi))
}

/** Takes the place of the group of timers where an application has none. */
const withoutTimers = TimersApi.listing as HttpApiGroup.HttpApiGroup.Any as HttpApiGroup.HttpApiGroup.AnyWithProps

/** The contract as the document shows it: without verbs for what the application does not have. */
const shown = (api: HttpApi.HttpApi.AnyWithProps, { aggregates }: Application): HttpApi.HttpApi.AnyWithProps => {
  const hasTimers = aggregates.some(({ contract }) => contract === Timer)
  return AggregatesApi.describe(
    hasTimers ? api : anyOf(api.add(withoutTimers)),
    aggregates.map(({ published }) => published)
  )
}

/** The contract of an application. Throws `InvalidApplication` where its API has a group that every service has. */
export const make = (app: Application, part: HttpPart | undefined): ServedApi["Type"] => {
  const api = combined(part?.api)
  let built: Document | undefined
  return {
    api: api as HttpApi.HttpApi.Any as Api,
    routes: Routes.make(api),
    metadata: app.metadata,
    document: () => {
      built ??= OpenApiDocument.make(shown(api, app), {
        title: app.name,
        description: part?.description ?? app.description,
        codes: [...Object.keys(Problem.codes), ...(part?.problems ?? [])]
      })
      return built
    }
  }
}

/** The application's own part, where it has one. */
export const load = (app: Application): Effect.Effect<HttpPart | undefined> => Effect.promise(async () => app.http?.())
