/**
 * What the read side promises about itself, on every store that has one, and beside another program on its database.
 */
import { ReadSideConformance, RollingDeployConformance } from "../../src/testing/Suites.ts"
import { shared } from "./shared.ts"
import { onEach, readSides } from "./stores.ts"

onEach("the read side", shared, ReadSideConformance)
onEach("the read side of two releases", readSides, RollingDeployConformance)
