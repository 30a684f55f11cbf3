/** `SchemaParts` looks through the schemas that a schema is made of, each once, even where they are recursive. */
import type { SchemaAST } from "effect"

type Condition = (ast: SchemaAST.AST) => boolean

const partsOf = (ast: SchemaAST.AST): ReadonlyArray<SchemaAST.AST> => {
  switch (ast._tag) {
    case "TypeLiteral":
      return [...ast.propertySignatures, ...ast.indexSignatures].map(({ type }) => type)
    case "TupleType":
      return [...ast.elements, ...ast.rest].map(({ type }) => type)
    case "Union":
      return ast.types
    case "Refinement":
      return [ast.from]
    case "Transformation":
      return [ast.from, ast.to]
    case "Suspend":
      return [ast.f()]
    case "Declaration":
      return ast.typeParameters
    default:
      return []
  }
}

const look = (ast: SchemaAST.AST, condition: Condition, seen: Set<SchemaAST.AST>): boolean => {
  if (seen.has(ast)) return false
  seen.add(ast)
  return condition(ast) || partsOf(ast).some((part) => look(part, condition, seen))
}

/** Whether the schema, or one of its parts, meets the condition. */
export const some = (ast: SchemaAST.AST, condition: Condition): boolean => look(ast, condition, new Set())

/** The same of its parts alone. */
export const someWithin = (ast: SchemaAST.AST, condition: Condition): boolean =>
  partsOf(ast).some((part) => look(part, condition, new Set([ast])))
