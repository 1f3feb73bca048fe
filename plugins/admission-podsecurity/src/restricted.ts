/** The standard `restricted`: what hardened pods look like. */
import { addedBeyond, baselineUntil } from './baseline.ts';
import {
  changing,
  counted,
  notOfWindows,
  ofContainers,
  ofHolders,
  ofUsersOfTheHost,
  quoted,
  type Check,
  type Rule,
} from './checks.ts';
import { itemsIn, jsonIn, type Container, type Json } from './pod.ts';

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

type Say = (security: Container['security']) => boolean | undefined;

/** Nobody may say the wrong thing. Containers may say the right one themselves; otherwise the pod does for them. */
function said(reason: string, says: Say, must: string, mustNot: (wrong: readonly Json[]) => string): Check {
  return ({ security, containers }) => {
    const refusing = containers.filter((one) => says(one.security) === false);
    const pod = says(security);
    if (pod === false || refusing.length > 0) {
      const named = counted(
        'container',
        refusing.map(({ name }) => name),
      );
      const who = [...(pod === false ? ['pod'] : []), ...(refusing.length > 0 ? [named] : [])].join(' and ');
      const wrong = [...(pod === false ? [security] : []), ...refusing.map((one) => one.security)];
      return `${reason} (${who} must not set ${mustNot(wrong)})`;
    }
    const silent = pod === true ? [] : containers.filter((one) => says(one.security) === undefined);
    if (silent.length === 0) return undefined;
    const named = counted(
      'container',
      silent.map(({ name }) => name),
    );
    return `${reason} (pod or ${named} must set ${must})`;
  };
}

const nonRoot: Say = (security) =>
  typeof security['runAsNonRoot'] === 'boolean' ? security['runAsNonRoot'] : undefined;

const seccompIn = (security: Json): unknown => jsonIn(security['seccompProfile'])['type'];

const confined: Say = (security) => {
  const type = seccompIn(security);
  return type === undefined ? undefined : type === 'RuntimeDefault' || type === 'Localhost';
};

const privilegeEscalation = ofContainers(
  'allowPrivilegeEscalation != false',
  ({ security }) => security['allowPrivilegeEscalation'] !== false,
  'must set securityContext.allowPrivilegeEscalation=false',
);

const runAsNonRoot = said(
  'runAsNonRoot != true',
  nonRoot,
  'securityContext.runAsNonRoot=true',
  () => 'securityContext.runAsNonRoot=false',
);

const runAsUser = ofHolders('runAsUser=0', ({ security }) =>
  security['runAsUser'] === 0 ? 'must not set runAsUser=0' : undefined,
);

const seccomp = said(
  'seccompProfile',
  confined,
  'securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"',
  (wrong) =>
    `securityContext.seccompProfile.type to ${quoted([...new Set(wrong.map((one) => String(seccompIn(one))))])}`,
);

/** What is stricter than a check of `baseline` stands in its place. */
export const restricted: readonly Rule[] = [
  ...baselineUntil({ capabilities: 22, seccomp: 19 }),
  ...changing([8, privilegeEscalation], [25, notOfWindows(privilegeEscalation)]),
  ...changing([22, capabilities], [25, notOfWindows(capabilities)]),
  { check: volumes },
  ...changing([0, runAsNonRoot], [35, ofUsersOfTheHost(runAsNonRoot)]),
  ...changing([23, runAsUser], [35, ofUsersOfTheHost(runAsUser)]),
  ...changing([19, seccomp], [25, notOfWindows(seccomp)]),
];
