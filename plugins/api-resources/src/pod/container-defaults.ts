import type { Container, Probe } from '@timonel/sdk/kube';
import { canonicalizeQuantities } from '../quantity/canonical.ts';
import { fieldOf, isObject, objectItems } from '../validation/loose.ts';
import { pullPolicyOf } from './image.ts';

function defaultHttpGet(action: unknown): void {
  if (!isObject(action)) return;
  action['path'] ||= '/';
  action['scheme'] ||= 'HTTP';
}

function defaultProbe(probe: Probe | undefined): void {
  if (!isObject(probe)) return;
  defaultHttpGet(probe['httpGet']);
  if (isObject(probe['grpc'])) probe['grpc']['service'] ??= '';
  probe['timeoutSeconds'] ||= 1;
  probe['periodSeconds'] ||= 10;
  probe['successThreshold'] ||= 1;
  probe['failureThreshold'] ||= 3;
}

/** `fieldRef` and `resourceFieldRef`, in the environment and in downward API volumes. */
export function defaultFieldSources(source: unknown): void {
  const fieldRef = fieldOf(source, 'fieldRef');
  if (isObject(fieldRef)) fieldRef['apiVersion'] ||= 'v1';
  const resourceRef = fieldOf(source, 'resourceFieldRef');
  if (isObject(resourceRef)) resourceRef['divisor'] ??= '0';
}

export function defaultContainer(container: Container): void {
  container.imagePullPolicy ||= pullPolicyOf(container.image);
  container.terminationMessagePath ||= '/dev/termination-log';
  container.terminationMessagePolicy ||= 'File';
  container.resources ??= {};
  if (isObject(container.resources)) {
    canonicalizeQuantities(container.resources['limits']);
    canonicalizeQuantities(container.resources['requests']);
  }
  for (const port of objectItems(container.ports)) port.protocol ||= 'TCP';
  for (const variable of objectItems(container.env)) defaultFieldSources(variable.valueFrom);
  for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe]) defaultProbe(probe);
  defaultHttpGet(fieldOf(fieldOf(container.lifecycle, 'postStart'), 'httpGet'));
  defaultHttpGet(fieldOf(fieldOf(container.lifecycle, 'preStop'), 'httpGet'));
}

/** A resource that has a limit and no request is requested at its limit. In pods only, not in templates. */
export function defaultRequestsFromLimits(container: Container): void {
  const { resources } = container;
  if (!isObject(resources) || !isObject(resources['limits']) || Object.keys(resources['limits']).length === 0) return;
  const requests = isObject(resources['requests']) ? resources['requests'] : {};
  resources['requests'] = { ...resources['limits'], ...requests };
}

/** On the host's network a container's ports are the host's. */
export function defaultHostPorts(container: Container): void {
  for (const port of objectItems(container.ports)) {
    if (port.hostPort === undefined || port.hostPort === 0) port.hostPort = port.containerPort;
  }
}
