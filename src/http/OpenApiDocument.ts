/**
 * A contract as OpenAPI 3.1, as people read it and generators and validators take it: each reference leads somewhere,
 * each operation has its summary, its errors as problems, its header fields and examples. What `HttpApi` has no place
 * for comes from annotations (`ApiParts.AnswerFields`) and from what holds for every request.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as OpenApi from "@effect/platform/OpenApi"
import { Context } from "effect"
import { AnswerFields } from "./ApiParts.ts"
import * as Problem from "./Problem.ts"

const header = (description: string, schema: object) => ({ description, schema })
const text = { type: "string" }

const retryAfter = { "Retry-After": header("Seconds to wait before the next try.", { type: "integer" }) }
const challenge = { "WWW-Authenticate": header("What the service asks for: a bearer token.", text) }
const position = {
  "Daybook-Position": header(
    "Place of the command in the log, or its end where nothing was decided; for `minPosition`.",
    {
      type: "integer"
    }
  )
}
const replayed = { "Idempotency-Replayed": header("`true` when the answer was given before to this key.", text) }
const produced = { ETag: header("The version that the command produced, for `If-Match`.", text) }
const ofAny = {
  "Daybook-Log": header("The log's id and epoch: positions are of this log alone.", text)
}
const location = { Location: header("What was made.", text) }
const etag = { ETag: header("The version of what was read, and what else the body depends on.", text) }

type Fields = typeof AnswerFields.defaultValue extends () => infer F ? F : never

const headersOf = (fields: Fields, status: number) => {
  const isDecided = status < 300 || status === 409
  const isCommand = fields.includes("command") || fields.includes("operation")
  return {
    ...ofAny,
    ...(isCommand && (isDecided || status === 400 || status === 404 || status === 412 || status === 422) && position),
    ...(isCommand && isDecided && { ...replayed, ...(fields.includes("command") && produced) }),
    ...(fields.includes("location") && (status === 201 || status === 202) && location),
    ...(fields.includes("etag") && (status === 200 || status === 304) && etag),
    ...((status === 401 || status === 403) && challenge),
    ...((status === 503 || status === 429) && retryAfter)
  }
}

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

type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [key: string]: Json }
interface Schema {
  readonly $ref?: string
  readonly anyOf?: ReadonlyArray<Schema>
  readonly examples?: ReadonlyArray<Json>
}
type Schemas = Readonly<Record<string, Schema>>
type Content = Readonly<Record<string, { readonly schema: Schema }>>

/** Without the ids that `effect` gives to schemas of anything: the same one twice is an error to validators. */
const clean = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(clean)
  if (typeof value !== "object" || value === null) return value
  if ("$id" in value && value.$id === "/schemas/unknown") return {}
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== "$id")
      .map(([key, inner]) => [key, clean(inner)])
  )
}

const nameOf = ({ $ref }: Schema): string | undefined => $ref?.split("/").at(-1)

/** What of a content `HttpApi` adds for its decoder, and Daybook answers with a problem. */
const ofDecoder = new Set(["HttpApiDecodeError", "Issue", "PropertyKey"])

/** The kinds of problem of a status, each with its example. */
const asProblem = (content: Content, schemas: Schemas) => {
  const [{ schema } = { schema: {} }] = Object.values(content)
  const isKept = (kind: Schema) => !ofDecoder.has(nameOf(kind) ?? "")
  // What an endpoint and its middleware declare both stands there twice.
  const kinds = [...new Map((schema.anyOf ?? [schema]).filter(isKept).map((kind) => [kind.$ref, kind])).values()]
  const examples = kinds.flatMap((kind) => {
    const name = nameOf(kind) ?? ""
    const [value] = schemas[name]?.examples ?? []
    return value === undefined ? [] : [[name, { value }] as const]
  })
  const [first] = kinds
  return {
    [Problem.contentType]: {
      schema: kinds.length === 1 && first !== undefined ? first : { anyOf: kinds },
      examples: Object.fromEntries(examples)
    }
  }
}

/** A body with the example of its schema. */
const withExample = (content: Content, schemas: Schemas) =>
  Object.fromEntries(
    Object.entries(content).map(([type, { schema }]) => {
      const [example] = schema.examples ?? schemas[nameOf(schema) ?? ""]?.examples ?? []
      return [type, { schema, ...(example !== undefined && { example }) }]
    })
  )

/** Bodies that may be left out, by their schemas: `HttpApi` would ask for each. */
const leftOut: ReadonlySet<string> = new Set(["Why"])

const isRequired = (content: Content): boolean =>
  Object.values(content).every(({ schema }) => !leftOut.has(nameOf(schema) ?? ""))

const ifNoneMatch = {
  name: "if-none-match",
  in: "header",
  required: false,
  schema: text,
  description: "The `ETag` of an answer that the client has: 304 where it is still the same."
}

/** What a browser has in place of a token once it has signed in. `HttpApi` would ask for each kind of its own. */
const cookie = {
  type: "apiKey",
  in: "cookie",
  name: "daybook-session",
  description:
    "Of a browser that has signed in by `PUT /session`; over TLS its name begins with `__Host-`. A request that changes anything repeats the session's `csrf` in the field `Daybook-Csrf`."
}

/** Where a token is asked for, the cookie does too. */
const securityOf = (security: ReadonlyArray<object>): ReadonlyArray<object> =>
  security.length === 0 ? security : [...security, { session: [] }]

type Operation = OpenApi.OpenAPISpecOperation

const describe = (operation: Operation, fields: Fields, schemas: Schemas) => {
  const responses: Array<readonly [status: string, response: object]> = Object.entries(operation.responses).map(
    ([status, { content: given, description, ...response }]) => {
      const content = given as Content | undefined
      const isProblem = Number(status) >= 400
      return [
        status,
        {
          ...response,
          description,
          headers: headersOf(fields, Number(status)),
          ...(content !== undefined && {
            content: isProblem ? asProblem(content, schemas) : withExample(content, schemas)
          })
        }
      ]
    }
  )
  const isTagged = fields.includes("etag")
  const isDeclared = operation.parameters.some(({ name }) => name === ifNoneMatch.name)
  if (isTagged) responses.push(["304", { description: "The client has it.", headers: headersOf(fields, 304) }])
  const { requestBody } = operation
  const body = requestBody?.content as Content | undefined
  return {
    ...operation,
    security: securityOf(operation.security),
    parameters: [...operation.parameters, ...(isTagged && !isDeclared ? [ifNoneMatch] : [])],
    ...(body !== undefined && {
      requestBody: { ...requestBody, required: isRequired(body), content: withExample(body, schemas) }
    }),
    responses: Object.fromEntries(responses)
  }
}

/** What the document says beside the contract. */
export interface About {
  readonly title: string
  readonly description: string
  /** Codes of all problems that may be answered. */
  readonly codes: ReadonlyArray<string>
}

/** The OpenAPI document of the contract. */
export const make = (api: HttpApi.HttpApi.AnyWithProps, { codes, description, title }: About) => {
  const fields = fieldsOf(api)
  const { components, paths, security: _, ...rest } = clean(OpenApi.fromApi(api)) as OpenApi.OpenAPISpec
  const schemas = Object.fromEntries(
    Object.entries(components.schemas as Schemas).filter(([name]) => !ofDecoder.has(name))
  )
  const operations = Object.entries(paths).map(([path, found]) => [
    path,
    Object.fromEntries(
      Object.entries(found as Readonly<Record<string, Operation>>).map(([method, operation]) => [
        method,
        describe(operation, fields.get(operation.operationId) ?? [], schemas)
      ])
    )
  ])
  const info = {
    title,
    version: "0.1.0",
    license: { name: "MIT", identifier: "MIT" },
    description:
      `${description} Errors are problem details of RFC 9457; \`code\` is one of: ${codes.join(", ")}.`.trim()
  }
  const servers = [{ url: "/", description: "The service that this document comes from." }]
  const securitySchemes = { ...components.securitySchemes, session: cookie }
  const described = { ...components, schemas, securitySchemes }
  return { ...rest, info, servers, paths: Object.fromEntries(operations), components: described }
}
