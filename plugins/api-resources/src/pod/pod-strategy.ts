import type { Strategy } from '@timonel/sdk/contracts/api-server';
import type { FieldError, Pod } from '@timonel/sdk/kube';
import { Findings } from '../validation/findings.ts';
import { onUpdate } from '../validation/on-update.ts';
import { isObject, itemsOf, numberOf, objectOf, textOf } from '../validation/loose.ts';
import { checkMirrorAnnotation, checkMirrorAnnotationUpdate } from './mirror-annotation.ts';
import { admitPod } from './pod-admission.ts';
import { podCells } from './pod-cells.ts';
import { defaultPod } from './pod-defaults.ts';
import { checkPodUpdate } from './pod-update.ts';
import { checkPodSpec } from './pod-validation.ts';
import { podWarnings } from './pod-warnings.ts';
import { qosClass } from './qos.ts';

function prepareForCreate(pod: Pod): void {
  const spec = isObject(pod.spec) ? pod.spec : undefined;
  if (spec !== undefined) admitPod(pod);
  pod.status = { phase: 'Pending', qosClass: qosClass(spec) };
  if (itemsOf(spec?.schedulingGates).length > 0) {
    pod.status.conditions = [
      {
        type: 'PodScheduled',
        status: 'False',
        reason: 'SchedulingGated',
        message: 'Scheduling is blocked due to non-empty scheduling gates',
      },
    ];
  }
}

function prepareForUpdate(pod: Pod, old: Pod): void {
  if (old.status === undefined) delete pod.status;
  else pod.status = old.status;
}

function validate(pod: Pod): FieldError[] {
  const found = new Findings();
  checkPodSpec(pod.spec, 'spec', found);
  checkMirrorAnnotation(pod, found);
  return found.all();
}

function updateFindings(pod: Pod, old: Pod): FieldError[] {
  const found = new Findings();
  checkPodUpdate(pod, old, found);
  checkMirrorAnnotationUpdate(pod, old, found);
  return found.all();
}

function prepareStatusUpdate(pod: Pod, old: Pod): void {
  const status = objectOf(pod.status);
  pod.status = { ...status, qosClass: objectOf(old.status).qosClass ?? qosClass(pod.spec) };
}

const phases = ['Pending', 'Running', 'Succeeded', 'Failed', 'Unknown'];

function validateStatusUpdate(pod: Pod): FieldError[] {
  const found = new Findings();
  const status = objectOf(pod.status);
  found.oneOf('status.phase', status.phase, phases, 'optional');
  for (const [index, item] of itemsOf(status.conditions).entries()) {
    const at = `status.conditions[${index}]`;
    const condition = objectOf(item);
    if (textOf(condition.type) === '') found.required(`${at}.type`);
    found.oneOf(`${at}.status`, condition.status, ['False', 'True', 'Unknown'], 'required');
  }
  return found.all();
}

function selectableFields(pod: Pod): Record<string, string> {
  const spec = objectOf(pod.spec);
  const status = objectOf(pod.status);
  return {
    'spec.nodeName': textOf(spec.nodeName),
    'spec.restartPolicy': textOf(spec.restartPolicy),
    'spec.schedulerName': textOf(spec.schedulerName),
    'spec.serviceAccountName': textOf(spec.serviceAccountName),
    'spec.hostNetwork': String(spec.hostNetwork === true),
    'status.phase': textOf(status.phase),
    'status.podIP': textOf(status.podIP),
    'status.nominatedNodeName': textOf(status.nominatedNodeName),
  };
}

/** Nothing to wait for when no node has started the pod, or when it has ended. */
function gracePeriodSeconds(pod: Pod, requestedSeconds: number | undefined): number {
  const spec = objectOf(pod.spec);
  const phase = objectOf(pod.status).phase;
  if (textOf(spec.nodeName) === '' || phase === 'Failed' || phase === 'Succeeded') return 0;
  const seconds = requestedSeconds ?? numberOf(spec.terminationGracePeriodSeconds) ?? 30;
  return seconds < 0 ? 1 : seconds;
}

export const podStrategy: Strategy<Pod> = {
  default: defaultPod,
  prepareForCreate,
  prepareForUpdate,
  validate,
  validateUpdate: onUpdate(validate, updateFindings),
  prepareStatusUpdate,
  validateStatusUpdate,
  warnings: podWarnings,
  selectableFields,
  gracePeriodSeconds,
  cells: podCells,
};
