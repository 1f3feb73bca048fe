/** The pods of a target, and who else scales by them. */
import type { Informer } from '@timonel/sdk/controller';
import {
  matchesSelector,
  objectKey,
  parseLabelSelector,
  type HorizontalPodAutoscaler,
  type Pod,
  type Selector,
} from '@timonel/sdk/kube';
import type { Memory } from './memory.ts';
import type { SelectorProblem, Sight } from './observed.ts';

export interface PodsInputs {
  readonly autoscalers: Informer<HorizontalPodAutoscaler>;
  readonly pods: Informer<Pod>;
  readonly memories: ReadonlyMap<string, Memory>;
}

type Selected = Pick<Sight, 'pods' | 'selector' | 'selectorProblem'>;

function parsed(text: string): Selector | string {
  try {
    return parseLabelSelector(text);
  } catch (error) {
    return (error as Error).message;
  }
}

const groupOf = (apiVersion: string = ''): string => apiVersion.split('/').at(-2) ?? '';

function haveOneTarget({ spec: a }: HorizontalPodAutoscaler, { spec: b }: HorizontalPodAutoscaler): boolean {
  const [one, other] = [a.scaleTargetRef, b.scaleTargetRef];
  const isSame = one.kind === other.kind && one.name === other.name;
  return isSame && groupOf(one.apiVersion) === groupOf(other.apiVersion);
}

/** Other autoscalers of these pods, as far as is known what they select. */
function rivals(inputs: PodsInputs, subject: HorizontalPodAutoscaler, pods: readonly Pod[]): string[] {
  const { namespace = '', name } = subject.metadata;
  const others = inputs.autoscalers.byIndex('namespace', namespace).filter(({ metadata }) => metadata.name !== name);
  const found = others.filter((other) => {
    if (haveOneTarget(subject, other)) return true;
    const memory = inputs.memories.get(objectKey(other));
    const selector = memory?.uid === other.metadata.uid ? memory?.selector : undefined;
    return selector !== undefined && pods.some((pod) => matchesSelector(selector, pod.metadata.labels));
  });
  return found.map(objectKey);
}

const problem = (event: string, reason: string, message: string): SelectorProblem => ({ event, reason, message });

export function selectPods(inputs: PodsInputs, subject: HorizontalPodAutoscaler, text: string | undefined): Selected {
  const none = { pods: [], selector: undefined };
  if (text === undefined || text === '') {
    const message = "the HPA target's scale is missing a selector";
    return { ...none, selectorProblem: problem('SelectorRequired', 'InvalidSelector', message) };
  }
  const selector = parsed(text);
  if (typeof selector === 'string') {
    const message = `couldn't convert selector into a corresponding internal selector object: ${selector}`;
    return { ...none, selectorProblem: problem('InvalidSelector', 'InvalidSelector', message) };
  }
  const { namespace = '' } = subject.metadata;
  const pods = inputs.pods
    .byIndex('namespace', namespace)
    .filter((pod) => matchesSelector(selector, pod.metadata.labels));
  const others = rivals(inputs, subject, pods);
  if (others.length === 0) return { pods, selector, selectorProblem: undefined };
  const all = [objectKey(subject), ...others].toSorted().join(' ');
  const message = `pods by selector ${text} are controlled by multiple HPAs: [${all}]`;
  return { pods, selector, selectorProblem: problem('AmbiguousSelector', 'AmbiguousSelector', message) };
}
