/** `Routes` finds the endpoint of a request in a contract, or which methods its path takes. */
import * as HttpApi from "@effect/platform/HttpApi"
import { Context, Option, type Schema, SchemaAST } from "effect"
import * as Access from "./Access.ts"

export interface Route {
  readonly method: string
  /** As the contract writes it: `/things/:id`. */
  readonly path: string
  /** Names of the query's parameters. */
  readonly parameters: ReadonlySet<string>
  /** Those of them that may be named several times. */
  readonly lists: ReadonlySet<string>
  /** Whether it is about one thing that has a version, which `If-Match` may name. */
  readonly takesVersion: boolean
  readonly about: typeof Access.About.Service
}

/** A schema's fields, as they are sent. */
const fieldsOf = (schema: Option.Option<Schema.Schema.All>): ReadonlyArray<SchemaAST.PropertySignature> =>
  Option.match(schema, {
    onNone: () => [],
    onSome: ({ ast }) => SchemaAST.getPropertySignatures(SchemaAST.encodedAST(ast))
  })

const namesOf = (schema: Option.Option<Schema.Schema.All>): ReadonlySet<string> =>
  new Set(fieldsOf(schema).map(({ name }) => String(name)))

const isList = (ast: SchemaAST.AST): boolean =>
  SchemaAST.isTupleType(ast) || (SchemaAST.isUnion(ast) && ast.types.some(isList))

/** The names of the fields that may be lists, as they are sent. */
const listsOf = (schema: Option.Option<Schema.Schema.All>): ReadonlySet<string> =>
  new Set(
    fieldsOf(schema)
      .filter(({ type }) => isList(type))
      .map(({ name }) => String(name))
  )

interface Known {
  readonly pattern: RegExp
  readonly byMethod: Map<string, Route>
}

export interface Routes {
  /** The route; or the methods that the path takes, of which there are none when it leads nowhere. */
  readonly find: (method: string, url: string) => Route | ReadonlyArray<string>
}

export const make = (api: HttpApi.HttpApi.AnyWithProps): Routes => {
  const known = new Map<string, Known>()
  HttpApi.reflect(api, {
    onGroup: () => {},
    onEndpoint: ({ endpoint: { annotations, headersSchema, method, path, urlParamsSchema } }) => {
      const found = known.get(path)
      // Unencoded, the last two would end the path for the router, which drops the rest.
      const pattern = new RegExp(`^${path.replaceAll(".", "\\.").replace(/:\w+/g, "[^/;#]+")}$`)
      const { byMethod } = found ?? { byMethod: new Map<string, Route>() }
      const route = {
        method,
        path,
        parameters: namesOf(urlParamsSchema),
        lists: listsOf(urlParamsSchema),
        takesVersion: namesOf(headersSchema).has("if-match"),
        about: Context.get(annotations, Access.About)
      }
      byMethod.set(method, route)
      if (method === "GET") byMethod.set("HEAD", route)
      known.set(path, { pattern, byMethod })
    }
  })
  /** A path in words goes before one with a parameter in the same place. */
  const inOrder = [...known].sort(([left], [right]) => left.split(":").length - right.split(":").length)
  return {
    find: (method, url) => {
      const query = url.indexOf("?")
      const path = query === -1 ? url : url.slice(0, query)
      for (const [, { byMethod, pattern }] of inOrder) {
        if (pattern.test(path)) return byMethod.get(method) ?? [...byMethod.keys(), "OPTIONS"]
      }
      return []
    }
  }
}
