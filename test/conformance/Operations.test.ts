/** What operators do, on every store that has a read side. */
import { OperationAtomicity, OperationConformance, OperatorConformance } from "../../src/testing/Suites.ts"
import { databases, onEach, readSides } from "./stores.ts"

onEach("operations", readSides, [...OperationConformance, ...OperatorConformance])
onEach("operations", databases, OperationAtomicity)
