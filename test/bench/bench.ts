import type { Figure } from './figures.ts';

export interface BenchOptions {
  /** How often each thing is measured. */
  readonly rounds: number;
  /** Texts of which the name of a row must contain one; absent: all rows are measured. For benchmarks with rows. */
  readonly only?: readonly string[];
  /** Tells how far it is. */
  readonly note: (line: string) => void;
  /** For a table of its own, where figures alone do not say it. */
  readonly print?: (text: string) => void;
}

export interface Bench {
  readonly name: string;
  readonly description: string;
  readonly needsRoot: boolean;
  readonly defaultRounds: number;
  /** It can measure some of its rows. */
  readonly hasRows?: boolean;
  run(options: BenchOptions): Promise<readonly Figure[]>;
}
