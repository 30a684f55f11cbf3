/** `daybook/console`: the built page of the console, for a program that serves it itself. */
export * as Files from "./Files.ts"
