/** A contract as OpenAPI 3.1, with the header fields of its answers, which `HttpApi` has no place for. */
import * as HttpApi from "@effect/platform/HttpApi"
import * as OpenApi from "@effect/platform/OpenApi"
import { Context } from "effect"
import { AnswerFields } from "./ApiParts.ts"
import * as Problem from "./Problem.ts"

const header = (description: string, schema: object) => ({ description, schema })
const text = { type: "string" }

const retryAfter = { "Retry-After": header("Seconds to wait before the next try.", { type: "integer" }) }
const challenge = { "WWW-Authenticate": header("What the service asks for: a bearer token.", text) }
const ofCommand = {
  "Daybook-Position": header("Place of the command in the log; for `minPosition`.", { type: "integer" }),
  "Idempotency-Replayed": header("`true` when the answer was given before to this key.", text),
  ETag: header("The version that the command produced, for `If-Match`.", text)
}
const ofAny = {
  "Daybook-Log": header("The log's id and epoch: positions are of this log alone.", text)
}
const location = { Location: header("What was made.", text) }
const etag = { ETag: header("The version of what was read.", text) }

type Fields = typeof AnswerFields.defaultValue extends () => infer F ? F : never

const headersOf = (fields: Fields, status: number) => ({
  ...ofAny,
  ...(fields.includes("command") && (status < 300 || status === 409) && ofCommand),
  ...(fields.includes("location") && (status === 201 || status === 202) && location),
  ...(fields.includes("etag") && status === 200 && etag),
  ...((status === 401 || status === 403) && challenge),
  ...(status === 503 && retryAfter)
})

/** The answer fields of each endpoint, by the id that the document has for it. */
const fieldsOf = (api: HttpApi.HttpApi.AnyWithProps): ReadonlyMap<string, Fields> => {
  const found = new Map<string, Fields>()
  HttpApi.reflect(api, {
    onGroup: () => {},
    onEndpoint: ({ endpoint, group }) => {
      const id = group.topLevel ? endpoint.name : `${group.identifier}.${endpoint.name}`
      found.set(id, Context.get(endpoint.annotations, AnswerFields))
    }
  })
  return found
}

interface Content {
  readonly schema: { readonly anyOf?: ReadonlyArray<{ readonly $ref?: string }> }
}

/** `HttpApi` adds to each endpoint the error of its decoder, in JSON; here that is a problem, as every other one. */
const asProblem = (content: Readonly<Record<string, Content>>) => {
  const [given] = Object.values(content)
  const anyOf = given?.schema.anyOf?.filter(({ $ref }) => $ref?.endsWith("/HttpApiDecodeError") !== true)
  const schema = anyOf === undefined ? given?.schema : anyOf.length === 1 ? anyOf[0] : { ...given?.schema, anyOf }
  return { [Problem.contentType]: { schema } }
}

/** What the document says beside the contract. */
export interface About {
  readonly title: string
  readonly description: string
  /** Codes of all problems that may be answered. */
  readonly codes: ReadonlyArray<string>
}

export const make = (api: HttpApi.HttpApi.AnyWithProps, { codes, description, title }: About) => {
  const fields = fieldsOf(api)
  const { components, paths, ...rest } = OpenApi.fromApi(api)
  const described = Object.entries(paths).map(([path, operations]) => [
    path,
    Object.fromEntries(
      Object.entries(operations).map(([method, operation]) => {
        const responses = Object.entries(operation.responses).map(([status, response]) => {
          const headers = headersOf(fields.get(operation.operationId) ?? [], Number(status))
          const content = "content" in response ? (response.content as Record<string, Content>) : undefined
          const described = {
            ...response,
            ...(content !== undefined && Number(status) >= 400 && { content: asProblem(content) }),
            headers
          }
          return [status, described]
        })
        return [method, { ...operation, responses: Object.fromEntries(responses) }]
      })
    )
  ])
  const info = {
    title,
    version: "0.1.0",
    description:
      `${description} Errors are problem details of RFC 9457; \`code\` is one of: ${codes.join(", ")}.`.trim()
  }
  const { HttpApiDecodeError: _, Issue: __, PropertyKey: ___, ...schemas } = components.schemas
  return { ...rest, info, paths: Object.fromEntries(described), components: { ...components, schemas } }
}
