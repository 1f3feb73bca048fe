/** Why no node takes a pod: the refusals of the scheduler, weighed by what would happen without each of them. */
import type { Clock } from '@timonel/sdk';
import type { ExplainedRejection, NodeRejection, PodExplanation } from '@timonel/sdk/contracts/scheduler';
import type { Cause } from '@timonel/sdk/contracts/why';
import type { Node, Pod } from '@timonel/sdk/kube';
import { byRoot, isHealth, textOf, type Weighed } from './root-cause.ts';
import { whatIf, type WhatIf } from './what-if.ts';

/** Questions beside the first one; each costs about as much as a decision. They take their time from the scheduler. */
const questionLimit = 8;
const questionsLimitMs = 40;
/** Of so many different refusals each question is dear, and says little. */
const weighedLimit = 200;

export interface Questions {
  readonly clock: Clock;
  /** What the scheduler says of a pod like this. */
  readonly ask: (pod: Pod) => Promise<PodExplanation>;
  readonly nodeNamed: (name: string) => Node | undefined;
}

class Experiments {
  readonly #questions: Questions;
  readonly #answers = new Map<string, PodExplanation | undefined>();
  readonly #limit: number;
  readonly #endMs: number;

  constructor(questions: Questions, refusals: number) {
    this.#questions = questions;
    this.#limit = refusals > weighedLimit ? 0 : questionLimit;
    this.#endMs = questions.clock.monotonic() + questionsLimitMs;
  }

  /** undefined: it was not tried. */
  async of(change: WhatIf | undefined): Promise<PodExplanation | undefined> {
    if (change === undefined) return undefined;
    const { key, pod } = change;
    if (this.#answers.has(key) || this.#isOver()) return this.#answers.get(key);
    const answer = await this.#questions.ask(pod).catch(() => undefined);
    this.#answers.set(key, answer);
    return answer;
  }

  #isOver(): boolean {
    return this.#answers.size >= this.#limit || this.#questions.clock.monotonic() >= this.#endMs;
  }
}

const unweighed = (rejection: ExplainedRejection): Weighed => ({
  rejection,
  alone: undefined,
  aloneByPlugin: undefined,
});

async function weigh(
  pod: Pod,
  rejection: ExplainedRejection,
  tries: Experiments,
  { nodeNamed }: Questions,
): Promise<Weighed> {
  const alone = (await tries.of(whatIf(pod, rejection, nodeNamed)))?.feasibleNodes;
  return { rejection, alone, aloneByPlugin: undefined };
}

async function weighByPlugin(
  pod: Pod,
  weighed: Weighed,
  tries: Experiments,
  { nodeNamed }: Questions,
): Promise<Weighed> {
  const aloneByPlugin = (await tries.of(whatIf(pod, weighed.rejection, nodeNamed, true)))?.feasibleNodes;
  return { ...weighed, aloneByPlugin };
}

const healthAdvice: Readonly<Record<string, string>> = {
  'node.kubernetes.io/not-ready': 'bring it back: it is not ready',
  'node.kubernetes.io/unreachable': 'bring it back: nothing is heard of it',
  'node.kubernetes.io/unschedulable': 'uncordon it',
  'node.kubernetes.io/memory-pressure': 'relieve it: its memory is short',
  'node.kubernetes.io/disk-pressure': 'relieve it: its disk is full',
  'node.kubernetes.io/pid-pressure': 'relieve it: it has too many processes',
  'node.kubernetes.io/network-unavailable': 'bring its network up',
};

function healthUnblock(rejection: ExplainedRejection): string | undefined {
  if (!isHealth(rejection)) return undefined;
  const { nodeCount, nodes, detail, plugin } = rejection;
  const key = plugin === 'NodeUnschedulable' ? 'node.kubernetes.io/unschedulable' : textOf(detail['key']);
  if (!Object.hasOwn(healthAdvice, key)) return undefined;
  const which = nodeCount === 1 ? `node ${nodes[0]}` : `one of ${nodeCount} nodes`;
  return `${which}: ${healthAdvice[key]}`;
}

const adviceByCode: Readonly<Record<string, string>> = {
  'claim-missing': 'create the claim that the pod names',
  'claim-unbound': 'provide volumes for the claims of the pod, or wait until their storage class does',
  'claim-lost': 'make the claim anew: its volume is gone',
  'claim-deleted': 'wait until the claim is gone, and make it anew',
  'volume-missing': 'bring back the volume that the claim is bound to',
  'pre-filter':
    'change the node affinity of the pod: it means other nodes by their names, or add the node that it means',
  'node-affinity-conflict': 'change the node affinity of the pod: its terms name no node together',
};

function unblockOf(rejection: ExplainedRejection): string {
  const { code, unblock } = rejection;
  const isPlain = unblock === '' || unblock.startsWith('change the pod or the nodes');
  const advice = isPlain && Object.hasOwn(adviceByCode, code) ? adviceByCode[code] : undefined;
  return healthUnblock(rejection) ?? advice ?? unblock;
}

function causeOf({ rejection, alone }: Weighed): Cause {
  const { plugin, code, reason, nodeCount, nodes, detail } = rejection;
  const unblock = unblockOf(rejection);
  return {
    component: 'scheduler',
    plugin,
    code,
    text: reason,
    nodes: { count: nodeCount, names: nodes },
    ...(alone === undefined ? {} : { alone: Math.min(alone, nodeCount) }),
    ...(Object.keys(detail).length === 0 ? {} : { detail }),
    ...(unblock === '' ? {} : { unblock }),
  };
}

/** What is in the way once the root cause is gone; undefined: nothing, or not known. */
async function nextObstacle(
  pod: Pod,
  root: Weighed,
  tries: Experiments,
  { nodeNamed }: Questions,
): Promise<string | undefined> {
  const after = await tries.of(whatIf(pod, root.rejection, nodeNamed));
  if (after === undefined || after.feasibleNodes > 0) return undefined;
  return byRoot(after.rejections.map((rejection) => ({ rejection, alone: 0, aloneByPlugin: 0 })))
    .map(({ rejection }) => `${rejection.nodeCount} ${rejection.reason}`)
    .join(', ');
}

/** The root cause first. `explanation`: what the scheduler says of the pod as it is. */
export async function nodeCauses(
  pod: Pod,
  explanation: PodExplanation,
  questions: Questions,
): Promise<readonly Cause[]> {
  const tries = new Experiments(questions, explanation.rejections.length);
  let weighed: Weighed[] = [];
  // Those that are the likeliest come first, for there may not be time for all.
  for (const { rejection } of byRoot(explanation.rejections.map(unweighed))) {
    weighed.push(await weigh(pod, rejection, tries, questions));
  }
  if (!weighed.some(({ alone }) => alone === undefined || alone > 0)) {
    const again: Weighed[] = [];
    for (const each of weighed) again.push(await weighByPlugin(pod, each, tries, questions));
    weighed = again;
  }
  const [root, ...others] = byRoot(weighed);
  if (root === undefined) return [];
  const next = await nextObstacle(pod, root, tries, questions);
  return [{ ...causeOf(root), ...(next === undefined ? {} : { next }) }, ...others.map(causeOf)];
}

/** Of a decision that was made before: without figures. */
export function plainCauses(rejections: readonly NodeRejection[]): readonly Cause[] {
  return byRoot(rejections.map((rejection) => unweighed({ ...rejection, detail: {}, unblock: '' }))).map(causeOf);
}
