/**
 * `ConsoleApi` is what the console asks beside what every client may ask: the page and its files, how the service is in
 * one look, where something is in the log. All of it reads, and changes nothing.
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import * as Access from "./Access.ts"
import { AnswerFields, after, always, digits, every, limit, optional } from "./ApiParts.ts"
import {
  AggregatePage,
  ApplicationView,
  Found,
  HeadView,
  JournalPage,
  Nodes,
  Overview,
  StoreView
} from "./ConsoleViews.ts"
import * as Problem from "./Problem.ts"

const html = (contentType: string, example: string) =>
  Schema.String.annotations({ examples: [example] }).pipe(HttpApiSchema.withEncoding({ kind: "Text", contentType }))

const missing = Problem.schema("route-not-found")
const fileErrors = Schema.Union(always, missing, Problem.schema("shutting-down"))

export class ConsoleData extends HttpApiGroup.make("console")
  .annotate(OpenApi.Description, "The page that shows what the log knows, and what it asks. It changes nothing.")
  .add(
    HttpApiEndpoint.get("page", "/console")
      .annotate(OpenApi.Summary, "The console")
      .annotate(AnswerFields, ["etag"])
      .addSuccess(html("text/html", "<!doctype html>…"))
      .addError(fileErrors)
  )
  .add(
    HttpApiEndpoint.get("asset", "/console/assets/:file")
      .annotate(OpenApi.Summary, "A file of the console")
      .annotate(AnswerFields, ["etag"])
      .setPath(Schema.Struct({ file: Schema.String }))
      .addSuccess(html("text/javascript", "…"))
      .addError(fileErrors)
  )
  .add(
    HttpApiEndpoint.get("overview", "/console/overview")
      .annotate(OpenApi.Summary, "How the service is now, in one look")
      .addSuccess(Overview)
      .addError(every)
      .middleware(Access.Read)
  )
  .add(
    HttpApiEndpoint.get("search", "/console/search")
      .annotate(OpenApi.Summary, "Find an aggregate, a command, a conversation, a position or a trace")
      .setUrlParams(
        Schema.Struct({
          q: Schema.String.pipe(Schema.minLength(1), Schema.maxLength(512)),
          before: optional(digits(1))
        })
      )
      .addSuccess(Found)
      .addError(every)
      .middleware(Access.Read)
  )
  .add(
    HttpApiEndpoint.get("application", "/console/application")
      .annotate(OpenApi.Summary, "What the application is made of, in its words")
      .addSuccess(ApplicationView)
      .addError(every)
      .middleware(Access.Read)
  )
  .add(
    HttpApiEndpoint.get("aggregates", "/console/aggregates/:name")
      .annotate(OpenApi.Summary, "The aggregates of a kind")
      .setPath(Schema.Struct({ name: Schema.String }))
      .setUrlParams(
        Schema.Struct({
          after: optional(Schema.String.pipe(Schema.minLength(1), Schema.maxLength(512))),
          limit,
          prefix: optional(Schema.String.pipe(Schema.minLength(1), Schema.maxLength(512)))
        })
      )
      .addSuccess(AggregatePage)
      .addError(Schema.Union(every, missing))
      .middleware(Access.Read)
  )
  .add(
    HttpApiEndpoint.get("journal", "/console/journal")
      .annotate(OpenApi.Summary, "The journal: what was decided, by whom")
      .setUrlParams(Schema.Struct({ after, limit }))
      .addSuccess(JournalPage)
      .addError(every)
      .middleware(Access.Read)
  )
  .add(
    HttpApiEndpoint.get("head", "/console/head")
      .annotate(OpenApi.Summary, "Where the log ends, with a check of its newest entries")
      .addSuccess(HeadView)
      .addError(every)
      .middleware(Access.Read)
  )
  .add(
    HttpApiEndpoint.get("store", "/console/store")
      .annotate(OpenApi.Summary, "Where the log is, how large, and how the service was set up")
      .addSuccess(StoreView)
      .addError(every)
      .middleware(Access.Read)
  )
  .add(
    HttpApiEndpoint.get("nodes", "/console/nodes")
      .annotate(OpenApi.Summary, "The nodes of the cluster")
      .addSuccess(Nodes)
      .addError(every)
      .middleware(Access.Read)
  ) {}
