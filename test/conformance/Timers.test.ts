/** Timers, on every store that has a read side. */
import { TimerConformance } from "../../src/testing/Suites.ts"
import { onEach, readSides } from "./stores.ts"

onEach("timers", readSides, TimerConformance)
