/** The suites of `EventStore` and of its journal on every store. */
import { EventStoreConformance, JournalConformance } from "../../src/testing/Suites.ts"
import { onEach, stores } from "./stores.ts"

onEach("EventStore", stores, [...EventStoreConformance, ...JournalConformance])
