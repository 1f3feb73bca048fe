import type { ResourceDefinition, Strategy, TableContext } from '@timonel/sdk/contracts/api-server';
import { labelValueProblems, nodes, qualifiedNameProblems, type FieldError, type Node } from '@timonel/sdk/kube';
import { defineKind } from '../definition.ts';
import { canonicalizeQuantities } from '../quantity/canonical.ts';
import { ageColumn, column, nameColumn, none, orNone, wideColumn } from '../table/columns.ts';
import { age } from '../table/time.ts';
import { Findings, sameJson } from '../validation/findings.ts';
import { onUpdate } from '../validation/on-update.ts';
import { isObject, itemsOf, objectOf, textEntries, textOf } from '../validation/loose.ts';

const rolePrefix = 'node-role.kubernetes.io/';

function statusText(node: Node): string {
  const ready = itemsOf(objectOf(node.status).conditions)
    .map((item) => objectOf(item))
    .find((one) => one.type === 'Ready');
  const state = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady';
  return objectOf(node.spec).unschedulable === true ? `${state},SchedulingDisabled` : state;
}

function roles(node: Node): string {
  const found = new Set<string>();
  for (const [key, value] of textEntries(node.metadata.labels)) {
    if (key.startsWith(rolePrefix) && key.length > rolePrefix.length) found.add(key.slice(rolePrefix.length));
    if (key === 'kubernetes.io/role' && value !== '') found.add(value);
  }
  return found.size === 0 ? none : [...found].sort().join(',');
}

function address(node: Node, type: string): string {
  const item = itemsOf(objectOf(node.status).addresses)
    .map((one) => objectOf(one))
    .find((one) => one.type === type);
  return orNone(item?.address);
}

function info(node: Node, field: string): string {
  const text = textOf(objectOf(objectOf(node.status).nodeInfo)[field]);
  return text === '' ? '<unknown>' : text;
}

function cells(node: Node, context: TableContext): string[] {
  return [
    textOf(node.metadata.name),
    statusText(node),
    roles(node),
    age(node, context),
    textOf(objectOf(objectOf(node.status).nodeInfo)['kubeletVersion']),
    address(node, 'InternalIP'),
    address(node, 'ExternalIP'),
    info(node, 'osImage'),
    info(node, 'kernelVersion'),
    info(node, 'containerRuntimeVersion'),
  ];
}

function validate(node: Node): FieldError[] {
  const found = new Findings();
  const seen = new Set<string>();
  for (const [index, item] of itemsOf(objectOf(node.spec).taints).entries()) {
    const at = `spec.taints[${index}]`;
    const { key, value, effect } = objectOf(item);
    found.problems(`${at}.key`, textOf(key), qualifiedNameProblems(textOf(key)));
    found.problems(`${at}.value`, textOf(value), labelValueProblems(textOf(value)));
    found.oneOf(`${at}.effect`, effect, ['NoSchedule', 'PreferNoSchedule', 'NoExecute'], 'required');
    const identity = `${textOf(key)}:${textOf(effect)}`;
    if (seen.has(identity)) found.duplicate(at, item);
    seen.add(identity);
  }
  return found.all();
}

function updateFindings(node: Node, old: Node): FieldError[] {
  const found = new Findings();
  const now = objectOf(node.spec);
  const before = objectOf(old.spec);
  if (itemsOf(before.podCIDRs).length > 0 && !sameJson(now.podCIDRs, before.podCIDRs))
    found.forbidden('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid');
  if (textOf(before.podCIDR) !== '' && now.podCIDR !== before.podCIDR)
    found.forbidden('spec.podCIDR', 'node updates may not change podCIDR except from "" to valid');
  if (textOf(before.providerID) !== '' && now.providerID !== before.providerID)
    found.forbidden('spec.providerID', 'node updates may not change providerID except from "" to valid');
  return found.all();
}

const strategy: Strategy<Node> = {
  default(node) {
    node.spec ??= {};
    const podCIDR = textOf(objectOf(node.spec).podCIDR);
    if (podCIDR !== '') node.spec.podCIDRs ??= [podCIDR];
    const { status } = node;
    if (!isObject(status)) return;
    canonicalizeQuantities(status['capacity']);
    canonicalizeQuantities(status['allocatable']);
    if (isObject(status['capacity'])) status['allocatable'] ??= { ...status['capacity'] };
  },
  // The status of a new node stays: an agent registers itself with it.
  prepareForUpdate(node, old) {
    if (old.status === undefined) delete node.status;
    else node.status = old.status;
  },
  validate,
  validateUpdate: onUpdate(validate, updateFindings),
  selectableFields: (node) => ({ 'spec.unschedulable': String(objectOf(node.spec).unschedulable === true) }),
  cells,
};

export const nodeKind: ResourceDefinition<Node> = defineKind({
  type: nodes,
  schema: 'io.k8s.api.core.v1.Node',
  shortNames: ['no'],
  status: true,
  columns: [
    nameColumn,
    column('Status', 'Whether the node is ready, and whether it takes new pods.'),
    column('Roles', 'The roles of the node.'),
    ageColumn,
    column('Version', 'Version of the node agent.'),
    wideColumn('Internal-IP', 'The address inside of the cluster.'),
    wideColumn('External-IP', 'The address outside of the cluster.'),
    wideColumn('OS-Image', 'The operating system.'),
    wideColumn('Kernel-Version', 'The version of the kernel.'),
    wideColumn('Container-Runtime', 'The container runtime and its version.'),
  ],
  strategy,
});
