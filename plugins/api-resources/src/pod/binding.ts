import type { Clock } from '@timonel/sdk';
import type { SubresourceAccess, SubresourceHandler } from '@timonel/sdk/contracts/api-server';
import { ApiError, dnsSubdomainProblems, nodes, topologyLabelsOf, type Condition, type Pod } from '@timonel/sdk/kube';
import { fieldOf, isObject, itemsOf, objectOf, textEntries, textOf } from '../validation/loose.ts';

interface WantedBinding {
  readonly nodeName: string;
  readonly uid: string;
  readonly labels: readonly [string, string][];
  readonly annotations: readonly [string, string][];
}

function invalid(name: string, field: string, message: string, reason: string): ApiError {
  return new ApiError('Invalid', `Binding "${name}" is invalid: ${field}: ${message}`, {
    name,
    kind: 'Binding',
    causes: [{ reason, message, field }],
  });
}

function readBinding(name: string, body: unknown): WantedBinding {
  const target = fieldOf(body, 'target');
  const kind = textOf(fieldOf(target, 'kind'));
  if (kind !== '' && kind !== 'Node')
    throw invalid(
      name,
      'target.kind',
      `Unsupported value: "${kind}": supported values: "Node", ""`,
      'FieldValueNotSupported',
    );
  const nodeName = textOf(fieldOf(target, 'name'));
  if (nodeName === '') throw invalid(name, 'target.name', 'Required value', 'FieldValueRequired');
  const [problem] = dnsSubdomainProblems(nodeName);
  if (problem !== undefined)
    throw invalid(name, 'target.name', `Invalid value: ${JSON.stringify(nodeName)}: ${problem}`, 'FieldValueInvalid');
  const metadata = fieldOf(body, 'metadata');
  const metaName = textOf(fieldOf(metadata, 'name'));
  if (metaName !== '' && metaName !== name)
    throw new ApiError('BadRequest', `name in URL (${name}) does not match name in Binding object (${metaName})`);
  return {
    nodeName,
    uid: textOf(fieldOf(metadata, 'uid')),
    labels: textEntries(fieldOf(metadata, 'labels')),
    annotations: textEntries(fieldOf(metadata, 'annotations')),
  };
}

function conflict(name: string, problem: string): ApiError {
  return new ApiError('Conflict', `Operation cannot be fulfilled on pods/binding "${name}": ${problem}`, {
    name,
    kind: 'pods/binding',
  });
}

function checkBindable(pod: Pod, wanted: WantedBinding): void {
  const name = textOf(pod.metadata.name);
  const uid = textOf(pod.metadata.uid);
  if (wanted.uid !== '' && wanted.uid !== uid)
    throw conflict(name, `Precondition failed: UID in precondition: ${wanted.uid}, UID in object meta: ${uid}`);
  if (pod.metadata.deletionTimestamp)
    throw conflict(name, `pod ${name} is being deleted, cannot be assigned to a host`);
  const { nodeName, schedulingGates } = objectOf(pod.spec);
  if (textOf(nodeName) !== '') throw conflict(name, `pod ${name} is already assigned to node "${textOf(nodeName)}"`);
  if (itemsOf(schedulingGates).length > 0) throw conflict(name, `pod ${name} has non-empty .spec.schedulingGates`);
}

function markScheduled(pod: Pod, timestamp: string): void {
  const conditions = itemsOf(pod.status?.conditions).filter((item) => objectOf(item).type !== 'PodScheduled');
  const scheduled: Condition = {
    type: 'PodScheduled',
    status: 'True',
    lastProbeTime: null,
    lastTransitionTime: timestamp,
  };
  pod.status = { ...pod.status, conditions: [...conditions, scheduled] };
}

function addEntries(
  target: Record<string, string> | undefined,
  entries: readonly [string, string][],
): Record<string, string> {
  return Object.fromEntries([...Object.entries(isObject(target) ? target : {}), ...entries]) as Record<string, string>;
}

/** None of a node that there is not: whether a pod may be bound to it is not decided here. */
async function topologyLabels(access: SubresourceAccess<Pod>, nodeName: string): Promise<readonly [string, string][]> {
  const name = { name: nodeName };
  const node = (await access.find(nodes, name, 'atHand')) ?? (await access.find(nodes, name));
  return node === undefined ? [] : Object.entries(topologyLabelsOf(node));
}

/** POST pods/NAME/binding: gives a pod its node, once. */
export function bindingHandler(clock: Clock): SubresourceHandler<Pod> {
  return {
    methods: ['POST'],
    kind: 'Binding',
    async handle(request, access) {
      const wanted = readBinding(request.name, request.body);
      const labels = [...wanted.labels, ...(await topologyLabels(access, wanted.nodeName))];
      await access.update((pod) => {
        checkBindable(pod, wanted);
        pod.spec.nodeName = wanted.nodeName;
        if (labels.length > 0) pod.metadata.labels = addEntries(pod.metadata.labels, labels);
        if (wanted.annotations.length > 0)
          pod.metadata.annotations = addEntries(pod.metadata.annotations, wanted.annotations);
        markScheduled(pod, clock.timestamp());
      });
      return {
        kind: 'object',
        status: 201,
        object: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 },
      };
    },
  };
}
