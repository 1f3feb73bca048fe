import {
  dnsLabelProblems,
  dnsSubdomainProblems,
  parseQuantity,
  qualifiedNameProblems,
  type Container,
  type ContainerPort,
  type EnvVar,
  type VolumeMount,
} from '@timonel/sdk/kube';
import type { Findings } from '../validation/findings.ts';
import { fieldOf, isObject, itemsOf, objectOf, shownText, textOf } from '../validation/loose.ts';
import { portNameProblems, portNumberProblems } from '../validation/ports.ts';
import { checkProbe } from './probe-validation.ts';
import { checkContainerSecurity } from './security-validation.ts';

export interface ContainerChecks {
  readonly volumes: ReadonlySet<string>;
  readonly hostNetwork: boolean;
  readonly hostUsers: boolean;
}

function checkPorts(
  ports: readonly ContainerPort[] | undefined,
  path: string,
  found: Findings,
  hostNetwork: boolean,
): void {
  const names = new Set<string>();
  for (const [index, item] of itemsOf(ports).entries()) {
    const at = `${path}[${index}]`;
    const { name, containerPort, hostPort, protocol } = objectOf(item);
    if (textOf(name) !== '') {
      found.problems(`${at}.name`, name, portNameProblems(textOf(name)));
      if (names.has(textOf(name))) found.duplicate(`${at}.name`, name);
      names.add(textOf(name));
    }
    if (containerPort === undefined || containerPort === 0) found.required(`${at}.containerPort`);
    else found.problems(`${at}.containerPort`, containerPort, portNumberProblems(containerPort));
    if (hostPort !== undefined && hostPort !== 0) {
      found.problems(`${at}.hostPort`, hostPort, portNumberProblems(hostPort));
      if (hostNetwork && hostPort !== containerPort)
        found.invalid(`${at}.hostPort`, hostPort, 'must match `containerPort` when `hostNetwork` is true');
    }
    found.oneOf(`${at}.protocol`, protocol, ['SCTP', 'TCP', 'UDP'], 'required');
  }
}

const envSources = ['fieldRef', 'resourceFieldRef', 'configMapKeyRef', 'secretKeyRef', 'fileKeyRef'];

function checkValueFrom(variable: Partial<EnvVar>, at: string, found: Findings): void {
  const { valueFrom } = variable;
  if (!isObject(valueFrom)) return;
  const given = envSources.filter((source) => isObject(valueFrom[source]));
  const path = `${at}.valueFrom`;
  if (given.length === 0)
    found.invalid(
      path,
      '',
      'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`',
    );
  if (given.length > 0 && textOf(variable.value) !== '')
    found.invalid(path, '', 'may not be specified when `value` is not empty');
  if (given.length > 1) found.invalid(path, '', 'may not have more than one field specified at a time');
  if (isObject(valueFrom['fieldRef']) && textOf(valueFrom['fieldRef']['fieldPath']) === '')
    found.required(`${path}.fieldRef.fieldPath`);
  if (isObject(valueFrom['resourceFieldRef']) && textOf(valueFrom['resourceFieldRef']['resource']) === '')
    found.required(`${path}.resourceFieldRef.resource`);
  for (const source of ['configMapKeyRef', 'secretKeyRef']) {
    if (isObject(valueFrom[source]) && textOf(fieldOf(valueFrom[source], 'key')) === '')
      found.required(`${path}.${source}.key`);
  }
}

// Since 1.34 any printable ASCII character but '=' is allowed.
const envName = /^[ -<>-~]+$/;

function checkEnv(env: readonly EnvVar[] | undefined, path: string, found: Findings): void {
  for (const [index, item] of itemsOf(env).entries()) {
    const at = `${path}[${index}]`;
    const variable = objectOf(item);
    const name = textOf(variable.name);
    if (name === '') found.required(`${at}.name`);
    else if (!envName.test(name))
      found.invalid(
        `${at}.name`,
        name,
        "a valid environment variable name must consist only of printable ASCII characters other than '='",
      );
    checkValueFrom(variable, at, found);
  }
}

function checkEnvFrom(container: Partial<Container>, path: string, found: Findings): void {
  for (const [index, item] of itemsOf(container.envFrom).entries()) {
    const at = `${path}[${index}]`;
    const given = ['configMapRef', 'secretRef'].filter((source) => isObject(fieldOf(item, source)));
    if (given.length === 0) found.invalid(at, '', 'must specify one of: `configMapRef` or `secretRef`');
    if (given.length > 1) found.invalid(at, '', 'may not have more than one field specified at a time');
    for (const source of given) {
      const name = textOf(fieldOf(fieldOf(item, source), 'name'));
      if (name === '') found.required(`${at}.${source}.name`);
      else found.problems(`${at}.${source}.name`, name, dnsSubdomainProblems(name));
    }
  }
}

function pathLeavesVolume(path: string): boolean {
  return path.split('/').includes('..');
}

function checkRecursiveReadOnly(mount: Partial<VolumeMount>, path: string, found: Findings): void {
  const { recursiveReadOnly, readOnly, mountPropagation } = mount;
  found.oneOf(path, recursiveReadOnly, ['Disabled', 'Enabled', 'IfPossible'], 'optional');
  if (recursiveReadOnly !== 'Enabled' && recursiveReadOnly !== 'IfPossible') return;
  if (readOnly !== true) found.forbidden(path, 'may only be specified when readOnly is true');
  if (textOf(mountPropagation) !== '' && mountPropagation !== 'None')
    found.forbidden(path, 'may only be specified when mountPropagation is None or not specified');
}

function checkVolumeMounts(
  container: Partial<Container>,
  path: string,
  found: Findings,
  volumes: ReadonlySet<string>,
): void {
  const mountPaths = new Set<string>();
  for (const [index, item] of itemsOf(container.volumeMounts).entries()) {
    const at = `${path}[${index}]`;
    const { name, mountPath, subPath, mountPropagation } = objectOf(item);
    if (textOf(name) === '') found.required(`${at}.name`);
    else if (!volumes.has(textOf(name))) found.notFound(`${at}.name`, name);
    if (textOf(mountPath) === '') found.required(`${at}.mountPath`);
    else if (mountPaths.has(textOf(mountPath))) found.invalid(`${at}.mountPath`, mountPath, 'must be unique');
    mountPaths.add(textOf(mountPath));
    if (textOf(subPath).startsWith('/')) found.invalid(`${at}.subPath`, subPath, 'must be a relative path');
    if (pathLeavesVolume(textOf(subPath))) found.invalid(`${at}.subPath`, subPath, "must not contain '..'");
    checkRecursiveReadOnly(objectOf(item), `${at}.recursiveReadOnly`, found);
    found.oneOf(`${at}.mountPropagation`, mountPropagation, ['Bidirectional', 'HostToContainer', 'None'], 'optional');
  }
}

function quantityOf(value: unknown): number | undefined {
  return typeof value === 'string' || typeof value === 'number' ? parseQuantity(value) : undefined;
}

const standardResource = /^(?:cpu|memory|ephemeral-storage|hugepages-.+)$/;

function checkResourceName(name: string, path: string, found: Findings): void {
  found.problems(path, name, qualifiedNameProblems(name));
  if (name.includes('/') || standardResource.test(name)) return;
  found.invalid(path, name, 'must be a standard resource type or fully qualified');
  found.invalid(path, name, 'must be a standard resource for containers');
}

/** They are never shared: what is asked for is what is given. */
function checkHugePages(limits: unknown, requests: unknown, path: string, found: Findings): void {
  const namesOf = (list: unknown): string[] => (isObject(list) ? Object.keys(list) : []);
  const all = new Set([...namesOf(limits), ...namesOf(requests)]);
  const huge = [...all].filter((name) => name.startsWith('hugepages-'));
  if (huge.length > 0 && !all.has('cpu') && !all.has('memory'))
    found.forbidden(path, 'HugePages require cpu or memory');
  for (const name of huge) {
    const [limit, request] = [fieldOf(limits, name), fieldOf(requests, name)];
    if (limit === undefined) found.required(`${path}.limits`, 'Limit must be set for non overcommitable resources');
    else if (request !== undefined && quantityOf(request) !== quantityOf(limit))
      found.invalid(`${path}.requests`, shownText(request), `must be equal to ${name} limit of ${shownText(limit)}`);
  }
}

/** A resource list: names, amounts, and requests within limits. */
function checkResources(resources: unknown, path: string, found: Findings): void {
  for (const part of ['limits', 'requests']) {
    const list = fieldOf(resources, part);
    if (!isObject(list)) continue;
    for (const [name, value] of Object.entries(list)) {
      const at = `${path}.${part}[${name}]`;
      checkResourceName(name, `${path}.${part}`, found);
      const quantity = quantityOf(value);
      if (quantity === undefined)
        found.invalid(
          at,
          value,
          "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        );
      else if (quantity < 0) found.invalid(at, value, 'must be greater than or equal to 0');
    }
  }
  const limits = fieldOf(resources, 'limits');
  const requests = fieldOf(resources, 'requests');
  checkHugePages(limits, requests, path, found);
  if (!isObject(limits) || !isObject(requests)) return;
  for (const [name, request] of Object.entries(requests)) {
    const limit = Object.hasOwn(limits, name) ? limits[name] : undefined;
    const wanted = quantityOf(request);
    const most = quantityOf(limit);
    if (wanted !== undefined && most !== undefined && wanted > most)
      found.invalid(
        `${path}.requests`,
        shownText(request),
        `must be less than or equal to ${name} limit of ${shownText(limit)}`,
      );
  }
}

function checkImage(image: unknown, path: string, found: Findings): void {
  const text = textOf(image);
  if (text === '') found.required(path);
  else if (text !== text.trim()) found.invalid(path, text, 'must not have leading or trailing whitespace');
}

/** What holds for every kind of container; the name is checked first. */
export function checkContainer(item: unknown, at: string, found: Findings, checks: ContainerChecks): void {
  const container = objectOf<Container>(item as Container);
  const name = textOf(container.name);
  if (name === '') found.required(`${at}.name`);
  else found.problems(`${at}.name`, name, dnsLabelProblems(name));
  checkImage(container.image, `${at}.image`, found);
  found.oneOf(`${at}.imagePullPolicy`, container.imagePullPolicy, ['Always', 'IfNotPresent', 'Never'], 'required');
  found.oneOf(
    `${at}.terminationMessagePolicy`,
    container.terminationMessagePolicy,
    ['FallbackToLogsOnError', 'File'],
    'required',
  );
  checkPorts(container.ports, `${at}.ports`, found, checks.hostNetwork);
  checkEnv(container.env, `${at}.env`, found);
  checkEnvFrom(container, `${at}.envFrom`, found);
  checkVolumeMounts(container, `${at}.volumeMounts`, found, checks.volumes);
  checkResources(container.resources, `${at}.resources`, found);
  checkContainerSecurity(container.securityContext, `${at}.securityContext`, found, checks.hostUsers);
  checkProbe(container.livenessProbe, `${at}.livenessProbe`, found, 'liveness');
  checkProbe(container.readinessProbe, `${at}.readinessProbe`, found, 'readiness');
  checkProbe(container.startupProbe, `${at}.startupProbe`, found, 'startup');
}
