/** The contract as OpenAPI 3.1, with the header fields of its answers, which `HttpApi` has no place for. */
import * as OpenApi from "@effect/platform/OpenApi"
import { AccountsApi } from "../bank/http/AccountsApi.ts"
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
const etag = { ETag: header("The version of the account or transfer.", text) }

const isCommand = (method: string, path: string) => method === "post" && /^\/(?:accounts|transfers)/.test(path)

const headersOf = (method: string, path: string, status: number) => ({
  ...ofAny,
  ...(isCommand(method, path) && (status < 300 || status === 409) && ofCommand),
  ...(/^\/(?:accounts|transfers|accounts\/\{id\}\/holds)$/.test(path) &&
    (status === 201 || status === 202) &&
    location),
  ...(method === "get" && /^\/(?:accounts|transfers)\/\{id\}$/.test(path) && status === 200 && etag),
  ...((status === 401 || status === 403) && challenge),
  ...(status === 503 && retryAfter)
})

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

const summaries: Readonly<Record<string, string>> = {
  "accounts.open": "Open an account",
  "accounts.deposit": "Deposit money",
  "accounts.withdraw": "Withdraw money",
  "accounts.close": "Close an account whose balance is zero",
  "accounts.get": "An account as its actor knows it, now, at a version or at a time",
  "accounts.summary": "Totals of an account, from the read model",
  "accounts.list": "Accounts, page by page, from the read model",
  "accounts.events": "The events of an account",
  "holds.place": "Reserve money of an account",
  "holds.capture": "Take money that a hold reserves, all or a part, and end the hold",
  "holds.release": "End a hold and take nothing",
  "transfers.request": "Transfer money from one account to another, and wait a moment for the end",
  "transfers.get": "A transfer, and how far it has come",
  "log.page": "The log, page by page",
  "log.stream": "The log as server-sent events, and then each new event",
  "projections.list": "Health of the read models",
  "projections.rebuild": "Build a read model anew",
  "operations.live": "Whether the process runs",
  "operations.ready": "Whether the service takes commands",
  "operations.metrics": "Metrics in the text format of Prometheus",
  "operations.openapi": "This document",
  "operations.docs": "This document for people"
}

const build = () => {
  const { components, paths, ...rest } = OpenApi.fromApi(AccountsApi)
  const described = Object.entries(paths).map(([path, operations]) => [
    path,
    Object.fromEntries(
      Object.entries(operations).map(([method, operation]) => {
        const responses = Object.entries(operation.responses).map(([status, response]) => {
          const headers = headersOf(method, path, Number(status))
          const content = "content" in response ? (response.content as Record<string, Content>) : undefined
          const described = {
            ...response,
            ...(content !== undefined && Number(status) >= 400 && { content: asProblem(content) }),
            headers
          }
          return [status, described]
        })
        const summary = summaries[operation.operationId]
        return [method, { ...operation, summary, responses: Object.fromEntries(responses) }]
      })
    )
  ])
  const info = {
    title: "Daybook",
    version: "0.1.0",
    description: `Accounts on an event log. Amounts are decimal text in the account's currency. Errors are problem details of RFC 9457; \`code\` is one of: ${Object.keys(Problem.codes).join(", ")}.`
  }
  const { HttpApiDecodeError: _, Issue: __, PropertyKey: ___, ...schemas } = components.schemas
  return { ...rest, info, paths: Object.fromEntries(described), components: { ...components, schemas } }
}

let built: ReturnType<typeof build> | undefined

/** Made when first asked for: it takes longer than the server takes to start. */
export const document = (): ReturnType<typeof build> => {
  built ??= build()
  return built
}
