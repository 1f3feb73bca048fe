/** The standard `restricted`: what hardened pods look like. */
import { addedBeyond, baseline, capabilities as baselineCapabilities, seccomp as baselineSeccomp } from './baseline.ts';
import { counted, ofContainers, ofHolders, type Check } from './checks.ts';
import { itemsIn, jsonIn, type Container, type PodFacts } from './pod.ts';

const addable: ReadonlySet<string> = new Set(['NET_BIND_SERVICE']);
const volumeTypes: ReadonlySet<string> = new Set([
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
]);

const capabilities: Check = (pod) => {
  const keeps = pod.containers.filter(({ security }) => {
    const { drop } = jsonIn(security['capabilities']) as { drop?: unknown };
    return !(Array.isArray(drop) && drop.includes('ALL'));
  });
  const told: string[] = [];
  if (keeps.length > 0)
    told.push(
      `${counted(
        'container',
        keeps.map(({ name }) => name),
      )} must set securityContext.capabilities.drop=["ALL"]`,
    );
  const added = addedBeyond(pod, addable);
  if (added !== undefined) told.push(added);
  return told.length === 0 ? undefined : `unrestricted capabilities (${told.join('; ')})`;
};

const volumes: Check = ({ spec }) => {
  const wrong = itemsIn(spec['volumes']).flatMap(({ name, ...source }) => {
    const type = Object.keys(source).find((one) => source[one] !== undefined) ?? 'unknown';
    return volumeTypes.has(type) ? [] : [{ name: String(name), type }];
  });
  if (wrong.length === 0) return undefined;
  const types = [...new Set(wrong.map(({ type }) => type))];
  const use = `${wrong.length === 1 ? 'uses' : 'use'} restricted volume type${types.length === 1 ? '' : 's'}`;
  const which = types.map((type) => `"${type}"`).join(', ');
  return `restricted volume types (${counted(
    'volume',
    wrong.map(({ name }) => name),
  )} ${use} ${which})`;
};

/** Containers may say it themselves; otherwise the pod does for them. */
function orPod(holds: (security: Container['security']) => boolean | undefined) {
  return ({ security }: Container, pod: PodFacts): boolean => !(holds(security) ?? holds(pod.security) ?? false);
}

function said(reason: string, isWrong: (container: Container, pod: PodFacts) => boolean, must: string): Check {
  return (pod) => {
    const wrong = pod.containers.filter((one) => isWrong(one, pod)).map(({ name }) => name);
    return wrong.length === 0 ? undefined : `${reason} (pod or ${counted('container', wrong)} must set ${must})`;
  };
}

const nonRoot = (security: Container['security']): boolean | undefined =>
  typeof security['runAsNonRoot'] === 'boolean' ? security['runAsNonRoot'] : undefined;

const confined = (security: Container['security']): boolean | undefined => {
  const { type } = jsonIn(security['seccompProfile']);
  return type === undefined ? undefined : type === 'RuntimeDefault' || type === 'Localhost';
};

/** In the order in which Kubernetes tells of them: what is stricter than a check of `baseline` stands in its place. */
export const restricted: readonly Check[] = [
  ...baseline.filter((check) => check !== baselineCapabilities && check !== baselineSeccomp),
  ofContainers(
    'allowPrivilegeEscalation != false',
    ({ security }) => security['allowPrivilegeEscalation'] !== false,
    'must set securityContext.allowPrivilegeEscalation=false',
  ),
  capabilities,
  volumes,
  said('runAsNonRoot != true', orPod(nonRoot), 'securityContext.runAsNonRoot=true'),
  ofHolders('runAsUser=0', ({ security }) => (security['runAsUser'] === 0 ? 'must not set runAsUser=0' : undefined)),
  said('seccompProfile', orPod(confined), 'securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'),
];
