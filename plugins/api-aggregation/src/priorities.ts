/** In which order clients prefer the groups and versions that are served here: as those of Kubernetes. */

const groups: Readonly<Record<string, number>> = {
  '': 18_000,
  apps: 17_800,
  'events.k8s.io': 17_750,
  'authentication.k8s.io': 17_700,
  'authorization.k8s.io': 17_600,
  autoscaling: 17_500,
  batch: 17_400,
  'certificates.k8s.io': 17_300,
  'networking.k8s.io': 17_200,
  policy: 17_100,
  'rbac.authorization.k8s.io': 17_000,
  'storage.k8s.io': 16_800,
  'apiextensions.k8s.io': 16_700,
  'admissionregistration.k8s.io': 16_700,
  'scheduling.k8s.io': 16_600,
  'coordination.k8s.io': 16_500,
  'node.k8s.io': 16_300,
  'discovery.k8s.io': 16_200,
  'resource.k8s.io': 16_200,
  'flowcontrol.apiserver.k8s.io': 16_100,
};
const otherGroups = 1000;
/** Kinds that objects define are put into order by their names alone. */
const definedByObjects = 100;

export interface Priorities {
  readonly groupPriorityMinimum: number;
  readonly versionPriority: number;
}

export function prioritiesOf(group: string, version: string): Priorities {
  if (!Object.hasOwn(groups, group)) return { groupPriorityMinimum: otherGroups, versionPriority: definedByObjects };
  const [, major = '1', stage] = /^v(\d+)(alpha|beta)?/.exec(version) ?? [];
  const ofStage = stage === 'alpha' ? 1 : stage === 'beta' ? 9 : 15 * Number(major);
  return { groupPriorityMinimum: groups[group] ?? otherGroups, versionPriority: group === '' ? 1 : ofStage };
}
