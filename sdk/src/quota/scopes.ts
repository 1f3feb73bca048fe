/** Which pods and claims a quota with scopes counts. */
import type { Container, PersistentVolumeClaim, Pod, ResourceQuota, ScopeRequirement } from '../kube/index.ts';
import { parseAmount } from './amount.ts';

/** The scopes of a quota as requirements, all of which must hold. */
export function requirementsOf({ spec }: ResourceQuota): readonly ScopeRequirement[] {
  const plain = (spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists' }));
  return [...plain, ...(spec?.scopeSelector?.matchExpressions ?? [])];
}

function isSelected(value: string, { operator, values = [] }: ScopeRequirement): boolean {
  const isGiven = value !== '';
  switch (operator) {
    case 'Exists':
      return isGiven;
    case 'DoesNotExist':
      return !isGiven;
    case 'In':
      return isGiven && values.includes(value);
    case 'NotIn':
      return !isGiven || !values.includes(value);
    default:
      return false;
  }
}

function isBestEffort({ spec, status }: Pod): boolean {
  if (status?.qosClass !== undefined) return status.qosClass === 'BestEffort';
  const asks = ({ resources }: Pick<Container, 'resources'>): boolean =>
    [resources?.requests, resources?.limits].some((list) =>
      ['cpu', 'memory'].some((name) => parseAmount(list?.[name]).nanos > 0n),
    );
  const whole = { resources: spec['resources'] as Container['resources'] } as Pick<Container, 'resources'>;
  return ![...(spec.initContainers ?? []), ...(spec.containers ?? []), whole].some(asks);
}

interface Term {
  readonly namespaces?: readonly string[];
  readonly namespaceSelector?: unknown;
}

interface PodAffinity {
  readonly requiredDuringSchedulingIgnoredDuringExecution?: readonly Term[];
  readonly preferredDuringSchedulingIgnoredDuringExecution?: readonly { readonly podAffinityTerm?: Term }[];
}

function crossesNamespaces({ spec }: Pod): boolean {
  const { podAffinity, podAntiAffinity } = spec.affinity ?? {};
  return [podAffinity, podAntiAffinity].some((given) => {
    const affinity = given as PodAffinity | undefined;
    const preferred = affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    const terms = [
      ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
      ...preferred.map(({ podAffinityTerm }) => podAffinityTerm),
    ];
    return terms.some(
      (term) => (term?.namespaces ?? []).length > 0 || (term?.namespaceSelector ?? undefined) !== undefined,
    );
  });
}

const isTerminating = ({ spec }: Pod): boolean => (spec.activeDeadlineSeconds ?? -1) >= 0;

export function podHasScope(pod: Pod, requirement: ScopeRequirement): boolean {
  switch (requirement.scopeName) {
    case 'Terminating':
      return isTerminating(pod);
    case 'NotTerminating':
      return !isTerminating(pod);
    case 'BestEffort':
      return isBestEffort(pod);
    case 'NotBestEffort':
      return !isBestEffort(pod);
    case 'PriorityClass':
      return isSelected(pod.spec.priorityClassName ?? '', requirement);
    case 'CrossNamespacePodAffinity':
      return crossesNamespaces(pod);
    default:
      return false;
  }
}

export function claimHasScope({ spec, status }: PersistentVolumeClaim, requirement: ScopeRequirement): boolean {
  if (requirement.scopeName !== 'VolumeAttributesClass') return false;
  const current = status?.['currentVolumeAttributesClassName'];
  const names = [spec?.volumeAttributesClassName, current].filter((name) => typeof name === 'string' && name !== '');
  if (names.length === 0) return isSelected('', requirement);
  return names.some((name) => isSelected(name as string, requirement));
}
