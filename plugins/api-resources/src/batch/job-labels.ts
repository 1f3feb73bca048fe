/** The labels by which a Job finds its pods, and its selector: the server makes both. */
import { child, made, type Json } from '../defaults.ts';
import { textOf } from '../validation/loose.ts';

/** The two newer names, and the two of before version 1.27. */
const names = {
  uid: ['batch.kubernetes.io/controller-uid', 'controller-uid'],
  name: ['batch.kubernetes.io/job-name', 'job-name'],
} as const;

export function makeSelector(job: Json): void {
  const spec = child(job, 'spec');
  const labels = made(made(child(spec, 'template'), 'metadata'), 'labels');
  const { uid, name } = {
    uid: textOf(child(job, 'metadata')?.['uid']),
    name: textOf(child(job, 'metadata')?.['name']),
  };
  if (spec === undefined || labels === undefined) return;
  for (const label of names.uid) labels[label] = uid;
  for (const label of names.name) labels[label] = name;
  const wanted = made(made(spec, 'selector'), 'matchLabels');
  if (wanted !== undefined) wanted[names.uid[0]] = uid;
}

/** A job without labels of its own has those of its pods. */
export function labelLikeTemplate(job: Json): void {
  const labels = child(child(child(child(job, 'spec'), 'template'), 'metadata'), 'labels');
  const metadata = child(job, 'metadata');
  if (labels === undefined || metadata === undefined || Object.keys(labels).length === 0) return;
  const own = child(metadata, 'labels');
  if (own === undefined || Object.keys(own).length === 0) metadata['labels'] = { ...labels };
}
