/** A session, and which connection it is of: handles of objects are good for one connection. */
export interface Session {
  readonly handle: bigint;
  readonly connection: number;
}
