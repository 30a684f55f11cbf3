/** The suite of transfers on every store. "On memory" is `sqlite::memory:`, which has read models too. */
import { TransferConformance } from "../../src/bank/testing/TransferConformance.ts"
import { TransferOperations } from "../../src/bank/testing/TransferOperations.ts"
import { databases, onEach } from "./stores.ts"

onEach("transfers", databases, [...TransferConformance, ...TransferOperations])
