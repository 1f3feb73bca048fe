import {
  dnsLabelProblems,
  dnsSubdomainProblems,
  qualifiedNameProblems,
  type Container,
  type PodSpec,
  type PodTemplateSpec,
} from '@timonel/sdk/kube';
import type { Findings } from '../validation/findings.ts';
import { checkAnnotations, checkLabels } from '../validation/labels.ts';
import { isObject, itemsOf, objectOf, textOf } from '../validation/loose.ts';
import { checkContainer, type ContainerChecks } from './container-validation.ts';
import { checkResizePolicies } from './resize-policy-validation.ts';
import { checkRestartRules } from './restart-rules-validation.ts';
import { checkAffinity, checkSpreadConstraints, checkTolerations } from './placement-validation.ts';
import { checkPodSecurity } from './security-validation.ts';
import { checkVolumes } from './volume-validation.ts';

function checkNames(item: unknown, at: string, found: Findings, names: Set<string>): void {
  const name = textOf(objectOf<Container>(item as Container).name);
  if (name !== '' && names.has(name)) found.duplicate(`${at}.name`, name);
  names.add(name);
}

const initContainerForbids = ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const;

function checkInitContainer(item: unknown, at: string, found: Findings): void {
  const container = objectOf<Container>(item as Container);
  const isSidecar = container.restartPolicy === 'Always';
  checkRestartRules(item, at, isSidecar, found);
  if (isSidecar) return;
  for (const field of initContainerForbids) {
    if (isObject(container[field]))
      found.forbidden(`${at}.${field}`, 'may not be set for init containers without restartPolicy=Always');
  }
}

function checkContainers(spec: Partial<PodSpec>, path: string, found: Findings, checks: ContainerChecks): void {
  const names = new Set<string>();
  if (itemsOf(spec.containers).length === 0) found.required(`${path}.containers`);
  for (const [index, item] of itemsOf(spec.containers).entries()) {
    const at = `${path}.containers[${index}]`;
    checkContainer(item, at, found, checks);
    checkNames(item, at, found, names);
    checkRestartRules(item, at, false, found);
  }
  for (const [index, item] of itemsOf(spec.initContainers).entries()) {
    const at = `${path}.initContainers[${index}]`;
    checkContainer(item, at, found, checks);
    checkNames(item, at, found, names);
    checkInitContainer(item, at, found);
  }
  for (const [index, item] of itemsOf(spec.ephemeralContainers).entries()) {
    const at = `${path}.ephemeralContainers[${index}]`;
    checkContainer(item, at, found, checks);
    checkNames(item, at, found, names);
  }
  checkResizePolicies(spec, path, found);
}

function optionalName(value: unknown, path: string, found: Findings, problems: (name: string) => string[]): void {
  if (textOf(value) !== '') found.problems(path, value, problems(textOf(value)));
}

function checkIdentity(spec: Partial<PodSpec>, path: string, found: Findings): void {
  optionalName(spec.serviceAccountName, `${path}.serviceAccountName`, found, dnsSubdomainProblems);
  optionalName(spec.nodeName, `${path}.nodeName`, found, dnsSubdomainProblems);
  optionalName(spec.hostname, `${path}.hostname`, found, dnsLabelProblems);
  checkHostnameOverride(spec, path, found);
  optionalName(spec.subdomain, `${path}.subdomain`, found, dnsLabelProblems);
  optionalName(spec.priorityClassName, `${path}.priorityClassName`, found, dnsSubdomainProblems);
  optionalName(spec.runtimeClassName, `${path}.runtimeClassName`, found, dnsSubdomainProblems);
  optionalName(spec.schedulerName, `${path}.schedulerName`, found, dnsSubdomainProblems);
}

const hostnameLimit = 64;

function checkHostnameOverride(spec: Partial<PodSpec>, path: string, found: Findings): void {
  const name = spec['hostnameOverride'];
  if (name === undefined) return;
  const at = `${path}.hostnameOverride`;
  found.problems(at, name, dnsSubdomainProblems(textOf(name)));
  if (textOf(name).length > hostnameLimit) found.tooLong(at, hostnameLimit);
  if (spec.hostNetwork === true) found.forbidden(at, 'hostnameOverride cannot be set when hostNetwork is true');
  if (spec['setHostnameAsFQDN'] === true)
    found.forbidden(at, 'setHostnameAsFQDN and hostnameOverride cannot be set at the same time');
}

/** A pod that takes no names of the cluster has to bring its own. */
function checkDns(spec: Partial<PodSpec>, path: string, found: Findings): void {
  const config = objectOf(spec['dnsConfig'] as { nameservers?: unknown } | undefined);
  if (spec.dnsPolicy === 'None' && itemsOf(config.nameservers as unknown[] | undefined).length === 0)
    found.required(
      `${path}.dnsConfig.nameservers`,
      'must provide at least one DNS nameserver when `dnsPolicy` is None',
    );
}

function checkGates(spec: Partial<PodSpec>, path: string, found: Findings): void {
  const names = new Set<string>();
  for (const [index, item] of itemsOf(spec.schedulingGates).entries()) {
    const name = textOf(objectOf(item).name);
    found.problems(`${path}.schedulingGates[${index}]`, name, qualifiedNameProblems(name));
    if (names.has(name)) found.duplicate(`${path}.schedulingGates[${index}]`, name);
    names.add(name);
  }
  for (const [index, item] of itemsOf(spec.readinessGates).entries()) {
    const type = textOf(objectOf(item).conditionType);
    found.problems(`${path}.readinessGates[${index}].conditionType`, type, qualifiedNameProblems(type));
  }
  if (names.size > 0 && textOf(spec.nodeName) !== '')
    found.forbidden(`${path}.nodeName`, 'cannot be set until all schedulingGates have been cleared');
}

export function checkPodSpec(value: PodSpec | undefined, path: string, found: Findings): void {
  const spec = objectOf(value);
  const volumes = checkVolumes(spec.volumes, `${path}.volumes`, found);
  const hostUsers = spec.hostUsers !== false;
  checkContainers(spec, path, found, { volumes, hostNetwork: spec.hostNetwork === true, hostUsers });
  checkPodSecurity(spec, path, found);
  found.oneOf(`${path}.restartPolicy`, spec.restartPolicy, ['Always', 'Never', 'OnFailure'], 'required');
  found.oneOf(
    `${path}.dnsPolicy`,
    spec.dnsPolicy,
    ['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None'],
    'required',
  );
  checkDns(spec, path, found);
  found.nonNegative(`${path}.terminationGracePeriodSeconds`, spec.terminationGracePeriodSeconds);
  const deadline = spec.activeDeadlineSeconds;
  if (typeof deadline === 'number' && (deadline < 1 || deadline > 2_147_483_647))
    found.invalid(`${path}.activeDeadlineSeconds`, deadline, 'must be between 1 and 2147483647, inclusive');
  checkLabels(spec.nodeSelector, `${path}.nodeSelector`, found);
  checkIdentity(spec, path, found);
  checkGates(spec, path, found);
  checkTolerations(spec.tolerations, `${path}.tolerations`, found);
  checkAffinity(spec.affinity, `${path}.affinity`, found);
  checkSpreadConstraints(spec['topologySpreadConstraints'], `${path}.topologySpreadConstraints`, found);
  for (const [index, item] of itemsOf(spec['hostAliases'] as unknown[]).entries()) {
    if (!isObject(item) || textOf(item['ip']) === '') found.required(`${path}.hostAliases[${index}].ip`);
  }
}

/** A pod template, without rules of the kind it belongs to. */
export function checkTemplate(template: PodTemplateSpec | undefined, path: string, found: Findings): void {
  const { metadata, spec } = objectOf(template);
  checkLabels(objectOf(metadata).labels, `${path}.metadata.labels`, found);
  checkAnnotations(objectOf(metadata).annotations, `${path}.metadata.annotations`, found);
  checkPodSpec(spec, `${path}.spec`, found);
  if (itemsOf(objectOf(spec).ephemeralContainers).length > 0)
    found.forbidden(`${path}.spec.ephemeralContainers`, 'ephemeral containers not allowed in pod template');
}

/** A pod template, of a kind whose pods must restart for ever. */
export function checkPodTemplate(
  template: PodTemplateSpec | undefined,
  path: string,
  owner: string,
  found: Findings,
): void {
  checkTemplate(template, path, found);
  const { restartPolicy, activeDeadlineSeconds } = objectOf(objectOf(template).spec);
  if (restartPolicy === 'OnFailure' || restartPolicy === 'Never')
    found.notSupported(`${path}.spec.restartPolicy`, restartPolicy, ['Always']);
  if (typeof activeDeadlineSeconds === 'number')
    found.forbidden(`${path}.spec.activeDeadlineSeconds`, `activeDeadlineSeconds in ${owner} is not Supported`);
}
