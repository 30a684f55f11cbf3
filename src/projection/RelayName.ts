/**
 * `RelayName` is the name under which the store of the read side keeps a relay: that of a reaction, beginning with
 * `relay:`, which no real reaction's name can. So a relay has a checkpoint, dead letters, a lease and a pause as a
 * reaction has, and the two are told apart.
 */
const prefix = "relay:"

export const of = (relay: string): string => `${prefix}${relay}`

export const is = (name: string): boolean => name.startsWith(prefix)

/** 1 to 64 of small letters, digits and underscores. */
export const isValid = (relay: string): boolean => /^[a-z0-9_]{1,64}$/.test(relay)
