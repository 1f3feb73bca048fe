import type { Figure } from './figures.ts';

export interface BenchOptions {
  /** How often each thing is measured. */
  readonly rounds: number;
  /** Of a benchmark with rows, those that are measured; absent: all. */
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
  /** Names of the rows, of a benchmark that can measure some of them. */
  readonly rows?: readonly string[];
  run(options: BenchOptions): Promise<readonly Figure[]>;
}
