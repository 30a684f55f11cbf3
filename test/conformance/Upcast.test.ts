/** The suite of old events on every store. */
import { UpcastConformance } from "../../src/testing/Suites.ts"
import { onEach, stores } from "./stores.ts"

onEach("old events", stores, UpcastConformance)
