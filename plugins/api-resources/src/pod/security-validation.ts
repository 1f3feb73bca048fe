/** securityContext of pods and containers, and what shares the node's namespaces. */
import type { ConfinementProfile, PodSpec, SecurityContext } from '@timonel/sdk/kube';
import type { Findings } from '../validation/findings.ts';
import { isObject, itemsOf, objectOf, textOf } from '../validation/loose.ts';

const largestId = 2_147_483_647;

function checkId(value: unknown, path: string, found: Findings): void {
  if (typeof value === 'number' && (value < 0 || value > largestId))
    found.invalid(path, value, `must be between 0 and ${largestId}, inclusive`);
}

/** What a profile's name of one kind must look like. */
type CheckName = (name: string, path: string, found: Findings) => void;

function checkProfile(value: unknown, path: string, kind: string, checkName: CheckName, found: Findings): void {
  if (!isObject(value)) return;
  const { type, localhostProfile } = objectOf<ConfinementProfile>(value);
  const name = textOf(localhostProfile);
  if (textOf(type) === '') found.required(`${path}.type`, `type is required when ${kind}Profile is set`);
  else found.oneOf(`${path}.type`, type, ['Localhost', 'RuntimeDefault', 'Unconfined'], 'required');
  const label = kind === 'seccomp' ? kind : 'AppArmor';
  if (type === 'Localhost') {
    if (name.trim() === '') found.required(`${path}.localhostProfile`, `must be set when ${label} type is Localhost`);
    else checkName(name, `${path}.localhostProfile`, found);
  } else if (localhostProfile !== undefined && localhostProfile !== null)
    found.invalid(`${path}.localhostProfile`, name, `can only be set when ${label} type is Localhost`);
}

const checkSeccompName: CheckName = (name, path, found) => {
  if (name.startsWith('/')) found.invalid(path, name, 'must be a relative path');
  if (name.split('/').includes('..')) found.invalid(path, name, "must not contain '..'");
};

/** As the kernel keeps them. */
const appArmorNameBytes = 4095;

const checkAppArmorName: CheckName = (name, path, found) => {
  if (name !== name.trim()) found.invalid(path, name, 'must not be padded with whitespace');
  if (Buffer.byteLength(name) > appArmorNameBytes) found.tooLong(path, appArmorNameBytes);
};

function checkProfiles(context: unknown, path: string, found: Findings): void {
  const { seccompProfile, appArmorProfile } = objectOf<SecurityContext>(context as SecurityContext);
  checkProfile(seccompProfile, `${path}.seccompProfile`, 'seccomp', checkSeccompName, found);
  checkProfile(appArmorProfile, `${path}.appArmorProfile`, 'appArmor', checkAppArmorName, found);
}

const sysctlPattern = '^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$';
const sysctlName = new RegExp(sysctlPattern);
const sysctlNameBytes = 253;

function checkSysctls(spec: Partial<PodSpec>, path: string, found: Findings): void {
  const names = new Set<string>();
  for (const [index, item] of itemsOf(objectOf(spec.securityContext).sysctls).entries()) {
    const at = `${path}[${index}].name`;
    const name = textOf(objectOf(item).name);
    const dotted = name.replaceAll('/', '.');
    if (name === '') found.required(at);
    else if (name.length > sysctlNameBytes || !sysctlName.test(name))
      found.invalid(at, name, `must have at most ${sysctlNameBytes} characters and match regex ${sysctlPattern}`);
    else if (names.has(dotted)) found.duplicate(at, name);
    names.add(dotted);
    if (spec.hostNetwork === true && dotted.startsWith('net.'))
      found.invalid(at, name, "may not be specified when 'hostNetwork' is true");
    if (spec.hostIPC === true && /^(?:kernel\.(?:sem$|shm|msg)|fs\.mqueue\.)/.test(dotted))
      found.invalid(at, name, "may not be specified when 'hostIPC' is true");
  }
}

export function checkPodSecurity(spec: Partial<PodSpec>, path: string, found: Findings): void {
  const at = `${path}.securityContext`;
  const context = objectOf(spec.securityContext);
  checkId(context.fsGroup, `${at}.fsGroup`, found);
  checkId(context.runAsUser, `${at}.runAsUser`, found);
  checkId(context.runAsGroup, `${at}.runAsGroup`, found);
  for (const [index, group] of itemsOf(context.supplementalGroups).entries())
    checkId(group, `${at}.supplementalGroups[${index}]`, found);
  found.oneOf(`${at}.fsGroupChangePolicy`, context.fsGroupChangePolicy, ['Always', 'OnRootMismatch'], 'optional');
  found.oneOf(`${at}.supplementalGroupsPolicy`, context.supplementalGroupsPolicy, ['Merge', 'Strict'], 'optional');
  checkSysctls(spec, `${at}.sysctls`, found);
  checkProfiles(context, at, found);
  if (spec.hostPID === true && spec.shareProcessNamespace === true)
    found.invalid(`${path}.shareProcessNamespace`, true, 'ShareProcessNamespace and HostPID cannot both be enabled');
  if (spec.hostUsers !== false) return;
  for (const field of ['hostNetwork', 'hostPID', 'hostIPC'] as const)
    if (spec[field] === true) found.forbidden(`${path}.${field}`, 'when `hostUsers` is false');
}

export function checkContainerSecurity(
  value: SecurityContext | undefined,
  path: string,
  found: Findings,
  hostUsers: boolean,
): void {
  const context = objectOf(value);
  checkId(context.runAsUser, `${path}.runAsUser`, found);
  checkId(context.runAsGroup, `${path}.runAsGroup`, found);
  checkProfiles(context, path, found);
  found.oneOf(`${path}.procMount`, context.procMount, ['Default', 'Unmasked'], 'optional');
  if (hostUsers && context.procMount === 'Unmasked')
    found.invalid(`${path}.procMount`, 'Unmasked', '`hostUsers` must be false to use `Unmasked`');
  if (context.allowPrivilegeEscalation !== false) return;
  if (context.privileged === true)
    found.invalid(path, context, 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true');
  const added = itemsOf(objectOf(context.capabilities).add);
  if (added.includes('CAP_SYS_ADMIN'))
    found.invalid(path, context, 'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN');
}
