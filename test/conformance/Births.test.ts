/** How reactions come into a log, are renamed and raised, on every store that has a read side. */
import { Raises } from "../../src/testing/reaction/Raises.ts"
import { BirthConformance } from "../../src/testing/Suites.ts"
import { onEach, readSides } from "./stores.ts"

onEach("births of reactions", readSides, BirthConformance)
onEach("reactions that are raised", readSides, Raises)
