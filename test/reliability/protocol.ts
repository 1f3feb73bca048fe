/** What a node and its test say to one another. */
import type { StepMoment } from '@timonel/testkit/fault-steps';

export type Victim = 'agent' | 'runtime';

/** Where, and who is ended there. */
export interface Cut {
  readonly step: string;
  /** From 1: how often the step has come since. */
  readonly time: number;
  readonly moment: StepMoment;
  readonly victim: Victim;
}

export interface NodeSettings {
  readonly nodeName: string;
  readonly dataDir: string;
  readonly server: string;
  readonly caFile: string;
  readonly tokenFile: string;
  readonly podCidr: string;
  /** Directory that the image of the pods is made of. */
  readonly root: string;
}

/** To the node: it begins to count from nothing. */
export interface Watch {
  /** Absent: nobody is ended. */
  readonly cut?: Cut;
  /** In the command lines of the runtime's processes that end. */
  readonly words: readonly string[];
  /** In calls that are not counted: they are about another pod. */
  readonly others: readonly string[];
}

export type Told =
  | { readonly type: 'ready' }
  | { readonly type: 'watching' }
  /** `ended`: how many processes of the runtime. */
  | { readonly type: 'cut'; readonly ended: number }
  | { readonly type: 'failed'; readonly message: string }
  | { readonly type: 'steps'; readonly steps: readonly string[] };

export type Asked =
  | { readonly type: 'watch'; readonly watch: Watch }
  | { readonly type: 'steps' }
  /** Ends it as an operator does. */
  | { readonly type: 'stop' };
