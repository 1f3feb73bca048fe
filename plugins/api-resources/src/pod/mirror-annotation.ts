import type { Pod } from '@timonel/sdk/kube';
import type { Findings } from '../validation/findings.ts';
import { objectOf, textOf } from '../validation/loose.ts';

/** On what stands in the API for a static pod of a node. Only the node that made it has a use for it. */
const key = 'kubernetes.io/config.mirror';
const path = `metadata.annotations[${key}]`;

const valueOf = (pod: Pod): unknown => objectOf(objectOf(pod.metadata).annotations)[key];

export function checkMirrorAnnotation(pod: Pod, found: Findings): void {
  const value = valueOf(pod);
  if (value === undefined || textOf(objectOf(pod.spec).nodeName) !== '') return;
  found.invalid(path, value, 'must set spec.nodeName if mirror pod annotation is set');
}

/** Whoever took it away would have the node run the pod a second time. */
export function checkMirrorAnnotationUpdate(pod: Pod, old: Pod, found: Findings): void {
  const [value, before] = [valueOf(pod), valueOf(old)];
  if (value === before) return;
  found.forbidden(path, `may not ${before === undefined ? 'add' : 'remove or update'} mirror pod annotation`);
}
