/** How findings are told, in the words of Kubernetes. */
import type { Container, Json, PodFacts } from './pod.ts';

/** What a pod has that it must not have: `reason (detail)`. Undefined: nothing. */
export type Check = (pod: PodFacts) => string | undefined;

export const quoted = (names: readonly string[]): string => names.map((name) => JSON.stringify(name)).join(', ');

export const counted = (word: string, names: readonly string[]): string =>
  `${word}${names.length === 1 ? '' : 's'} ${quoted(names)}`;

/** One finding for all containers of which `isWrong` says so. */
export function ofContainers(
  reason: string,
  isWrong: (container: Container, pod: PodFacts) => boolean,
  must: string,
): Check {
  return (pod) => {
    const wrong = pod.containers.filter((container) => isWrong(container, pod)).map(({ name }) => name);
    return wrong.length === 0 ? undefined : `${reason} (${counted('container', wrong)} ${must})`;
  };
}

export interface Holder {
  /** `pod`, `container "web"`. */
  readonly who: string;
  readonly security: Json;
}

/** The pod, and then all its containers. */
export const holdersOf = ({ security, containers }: PodFacts): readonly Holder[] => [
  { who: 'pod', security },
  ...containers.map((container) => ({ who: `container "${container.name}"`, security: container.security })),
];

/** One finding for the pod and containers of which `tell` says something. */
export function ofHolders(reason: string, tell: (holder: Holder) => string | undefined): Check {
  return (pod) => {
    const told = holdersOf(pod).flatMap((holder) => {
      const text = tell(holder);
      return text === undefined ? [] : [`${holder.who} ${text}`];
    });
    return told.length === 0 ? undefined : `${reason} (${told.join(', ')})`;
  };
}
