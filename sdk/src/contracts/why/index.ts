/** Why an object is in the state in which it is: causes for programs and for people, the root cause first. */
import { defineService, type ServiceToken } from '../../kernel/index.ts';

/** A kind of objects. `group` is '' for the core group; `resource` is its plural name. */
export interface ExplainedKind {
  readonly group: string;
  readonly resource: string;
}

export interface ExplainedObject extends ExplainedKind {
  /** Absent: cluster-scoped. */
  readonly namespace?: string;
  readonly name: string;
}

/** Nodes that have the same cause. */
export interface NodeGroup {
  readonly count: number;
  /** Some of them. */
  readonly names: readonly string[];
}

export interface Cause {
  /** What says so: `scheduler`, `scheduler-host`, `node`, … */
  readonly component: string;
  /** The plugin of the component, if it has any: `NodeResourcesFit`. */
  readonly plugin?: string;
  /** For programs: `insufficient-cpu`. */
  readonly code: string;
  /** For people: `Insufficient cpu`. */
  readonly text: string;
  readonly nodes?: NodeGroup;
  /** Nodes that nothing but this cause keeps out. Absent: not known. */
  readonly alone?: number;
  /** Figures and names; the shape depends on `code`. */
  readonly detail?: Readonly<Record<string, unknown>>;
  /** The smallest change that would help. */
  readonly unblock?: string;
  /** What would be in the way next, once this is resolved. */
  readonly next?: string;
}

/** What a node was worth. */
export interface ExplainedScore {
  readonly nodeName: string;
  /** The weighted sum. */
  readonly total: number;
  /** By plugin, without its weight. */
  readonly scores: Readonly<Record<string, number>>;
}

export interface PastDecision {
  /** RFC 3339. */
  readonly time: string;
  /** The plugin that decided. */
  readonly by: string;
  /** Of schedulers: `bind`, `unschedulable`, `preempt`, `error`; of controllers: what was done, as `create`. */
  readonly outcome: string;
  readonly text: string;
  /** The chosen node first, then the runners-up. */
  readonly scores?: readonly ExplainedScore[];
}

/** Where something waits for its turn. */
export interface QueuePlace {
  /** `active`, `backoff`, `unschedulable`, `gated`, `deciding`. */
  readonly part: string;
  readonly attempts: number;
  /** RFC 3339. */
  readonly since?: string;
  /** When it leaves this part by itself, at the latest. */
  readonly until?: string;
}

/** Something that is so, whether or not anything is wrong. */
export interface Fact {
  readonly name: string;
  readonly text: string;
}

export interface Why {
  readonly object: ExplainedObject & { readonly uid?: string };
  /** `Pending`, `Scheduled`, `Running`, … */
  readonly state: string;
  /** One line, as kubectl shows it. */
  readonly summary: string;
  /** The root cause first. Empty: nothing is wrong. */
  readonly causes: readonly Cause[];
  /** How it is set up, and what there is of it. */
  readonly facts?: readonly Fact[];
  readonly queue?: QueuePlace;
  /** The last one first. */
  readonly decisions: readonly PastDecision[];
  /** The best choices at this moment, for what still waits. */
  readonly scores?: readonly ExplainedScore[];
  /** What preemption would do, or why it can do nothing. */
  readonly preemption?: string;
  /** What was left out to keep the answer short: `causes: 12 more`. */
  readonly cut?: readonly string[];
}

/** Explains objects of some kinds. */
export interface Explainer {
  kinds(): readonly ExplainedKind[];
  /** undefined: it knows of no such object. Must cost little: it is asked by people. */
  explain(object: ExplainedObject): Promise<Why | undefined>;
}

/** Token of the explainers. Several may explain one kind: the causes of all are shown. */
export const explainers: ServiceToken<Explainer, 'many'> = defineService<Explainer, 'many'>('why.explainers', {
  major: 1,
  cardinality: 'many',
  sync: ['kinds'],
});

export * from './bounded.ts';
export type * from './traffic.ts';
