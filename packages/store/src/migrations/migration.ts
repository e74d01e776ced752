/** A step of the schema. Once released it is never changed: what was applied is compared by checksum. */
export interface Migration {
  /** Counts up from 1, without gaps. */
  readonly id: number;
  readonly name: string;
  readonly sql: string;
}
