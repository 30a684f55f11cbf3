/** How reactions come into a log and are renamed, on every store that has a read side. */
import { BirthConformance } from "../../src/testing/Suites.ts"
import { onEach, readSides } from "./stores.ts"

onEach("births of reactions", readSides, BirthConformance)
