/** What a directory takes of its filesystem. */
export interface Space {
  readonly bytes: number;
  /** With its own. */
  readonly inodes: number;
  /** There is more: counting took too long. */
  readonly isPartial?: boolean;
}

export const nothing: Space = { bytes: 0, inodes: 0 };
