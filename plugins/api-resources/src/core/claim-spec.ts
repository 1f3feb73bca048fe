/** The spec of a PersistentVolumeClaim, also where it stands in a template. */
import { dnsSubdomainProblems } from '@timonel/sdk/kube';
import { child, fill, type Json } from '../defaults.ts';
import { canonicalizeQuantities } from '../quantity/canonical.ts';
import { Part } from '../validation/part.ts';
import { checkAccessModes } from './access-modes.ts';

export function defaultClaimSpec(spec: Json | undefined): void {
  fill(spec, { volumeMode: 'Filesystem' });
  const resources = child(spec, 'resources');
  canonicalizeQuantities(resources?.['requests']);
  canonicalizeQuantities(resources?.['limits']);
}

/** `dataSource` and `dataSourceRef` say the same where the older one can say it. */
export function alignDataSources(spec: Json | undefined): void {
  const source = child(spec, 'dataSource');
  const reference = child(spec, 'dataSourceRef');
  if (spec === undefined) return;
  if (source !== undefined && reference === undefined) spec['dataSourceRef'] = { ...source };
  const plain = reference !== undefined && !reference['namespace'];
  if (source === undefined && plain) spec['dataSource'] = { ...reference };
}

export function checkClaimSpec(spec: Part): void {
  checkAccessModes(spec);
  spec.selector('selector');
  // Kubernetes leaves `requests` out of the path.
  const requests = new Part(spec.below('resources.requests').raw, spec.pathOf('resources'), spec.found, true);
  requests.require('storage');
  requests.quantity('storage', 'positive');
  spec.oneOf('volumeMode', ['Block', 'Filesystem'], 'optional');
  spec.named('storageClassName', dnsSubdomainProblems);
  spec.named('volumeAttributesClassName', dnsSubdomainProblems);
  for (const name of ['dataSource', 'dataSourceRef']) {
    if (spec.at(name).present) spec.at(name).require('kind', 'name');
  }
}
