/** The route of the application's own, beside those that every application has: its contract. */
import { HttpApi, HttpApiEndpoint, HttpApiGroup } from "@effect/platform"
import { Access, ApiParts, Problem } from "daybook/http"
import { Schema } from "effect"

export const Row = Schema.Struct({
  show: Schema.String,
  title: Schema.String,
  seats: Schema.Int,
  taken: Schema.Int,
  status: Schema.String
})

export const OccupancyApi = HttpApi.make("reservation").add(
  HttpApiGroup.make("occupancy").add(
    HttpApiEndpoint.get("list", "/occupancy")
      .setUrlParams(Schema.Struct({ minPosition: ApiParts.minPosition }))
      .addSuccess(Schema.Struct({ shows: Schema.Array(Row) }))
      .addError(Schema.Union(ApiParts.every, Problem.schema("view-behind"), Problem.schema("position-ahead")))
      .middleware(Access.Read)
  )
)
