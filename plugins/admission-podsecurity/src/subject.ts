/** Where the pods stand that a request is about. */
import type { AdmissionContext } from '@timonel/sdk/contracts/api-server';
import { itemsIn, jsonIn, type Json, type PodTemplate } from './pod.ts';

/** Where the pods of those who make pods stand. */
const templates: Readonly<Record<string, readonly string[]>> = {
  pods: [],
  podtemplates: ['template'],
  cronjobs: ['spec', 'jobTemplate', 'spec', 'template'],
  ...Object.fromEntries(
    ['replicationcontrollers', 'replicasets', 'deployments', 'statefulsets', 'daemonsets', 'jobs'].map((resource) => [
      resource,
      ['spec', 'template'],
    ]),
  ),
};
const groups: ReadonlySet<string> = new Set(['', 'apps', 'batch']);

export type Asked = Pick<AdmissionContext, 'group' | 'resource' | 'subresource' | 'operation' | 'oldObject'>;

/** Undefined: the request is about no pod. */
export function pathOf({ group, resource, subresource, operation }: Asked): readonly string[] | undefined {
  if (operation !== 'CREATE' && operation !== 'UPDATE') return undefined;
  const isPart = subresource !== '' && !(resource === 'pods' && subresource === 'ephemeralcontainers');
  if (isPart || !groups.has(group) || !Object.hasOwn(templates, resource)) return undefined;
  return templates[resource];
}

export const isNamespace = ({ group, resource, subresource, operation }: Asked): boolean =>
  group === '' && resource === 'namespaces' && subresource === '' && (operation === 'CREATE' || operation === 'UPDATE');

export function templateAt(object: unknown, path: readonly string[]): PodTemplate {
  const { metadata, spec } = path.reduce<Json>((value, name) => jsonIn(value[name]), jsonIn(object));
  return { metadata: jsonIn(metadata), spec: jsonIn(spec) };
}

const imagesOf = ({ spec }: PodTemplate): readonly unknown[] =>
  ['initContainers', 'containers'].flatMap((list) => itemsIn(spec[list]).map(({ image }) => image));

/** Of a pod that is there already only its images can change: others must be able to go, whatever they are. */
export function isOldNews({ resource, subresource, operation, oldObject }: Asked, object: unknown): boolean {
  if (resource !== 'pods' || operation !== 'UPDATE' || subresource !== '') return false;
  const [now, before] = [object, oldObject].map((one) => imagesOf(templateAt(one, [])));
  return JSON.stringify(now) === JSON.stringify(before);
}
