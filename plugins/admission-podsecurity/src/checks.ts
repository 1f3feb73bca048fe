/** How findings are told, in the words of Kubernetes. */
import { jsonIn, type Container, type Json, type PodFacts } from './pod.ts';

/** What a pod has that it must not have: `reason (detail)`. Undefined: nothing. */
export type Check = (pod: PodFacts) => string | undefined;

/** A check and the versions 1.N of the standards that have it: from `from` on, and no more from `until` on. */
export interface Rule {
  readonly check: Check;
  readonly from?: number;
  readonly until?: number;
}

export const isIn = ({ from = 0, until = Number.POSITIVE_INFINITY }: Rule, version: number): boolean =>
  from <= version && version < until;

/** A check of which each version of the standards has the one that came last. */
export const changing = (...history: readonly (readonly [from: number, check: Check])[]): readonly Rule[] =>
  history.map(([from, check], index) => ({ check, from, until: history[index + 1]?.[0] ?? Number.POSITIVE_INFINITY }));

/** What Windows does not know cannot be asked of its pods. */
export const notOfWindows =
  (check: Check): Check =>
  (pod) =>
    jsonIn(pod.spec['os'])['name'] === 'windows' ? undefined : check(pod);

/** Root in a user namespace of its own is nobody on the node. */
export const ofUsersOfTheHost =
  (check: Check): Check =>
  (pod) =>
    pod.spec['hostUsers'] === false ? undefined : check(pod);

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
