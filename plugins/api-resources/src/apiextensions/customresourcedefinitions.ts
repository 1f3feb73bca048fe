import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { dnsLabelProblems, dnsSubdomainProblems } from '@timonel/sdk/kube';
import { child, fill, items, type Json } from '../defaults.ts';
import { describedKind } from '../described-kind.ts';
import { textOf } from '../validation/loose.ts';
import type { Part } from '../validation/part.ts';

function defaultDefinition(definition: Json): void {
  const spec = child(definition, 'spec');
  fill(spec, { conversion: { strategy: 'None' } });
  const names = child(spec, 'names');
  const kind = textOf(names?.['kind']);
  if (kind !== '') fill(names, { singular: kind.toLowerCase(), listKind: `${kind}List` });
  fill(child(child(child(child(spec, 'conversion'), 'webhook'), 'clientConfig'), 'service'), { port: 443 });
}

/** Its own versions count as stored from the beginning; who serves them says the rest. */
function prepare(definition: Json): void {
  const stored = items(child(definition, 'spec'), 'versions').filter((version) => version['storage'] === true);
  definition['status'] = {
    acceptedNames: { plural: '', kind: '' },
    storedVersions: stored.map((version) => textOf(version['name'])),
  };
}

function checkVersions(spec: Part): void {
  const versions = spec.list('versions');
  if (versions.length === 0) spec.missing('versions');
  for (const version of versions) {
    version.named('name', dnsLabelProblems, 'required');
    if (!version.below('schema.openAPIV3Schema').present)
      version.at('schema').missing('openAPIV3Schema', 'schemas are required');
  }
  spec.distinct('versions', 'name');
  const stored = versions.filter((version) => version.get('storage') === true).length;
  if (versions.length > 0 && stored !== 1)
    spec.invalid('versions', 'must have exactly one version marked as storage version');
}

function check(definition: Part): void {
  const spec = definition.at('spec');
  spec.named('group', dnsSubdomainProblems, 'required');
  spec.oneOf('scope', ['Cluster', 'Namespaced']);
  checkVersions(spec);
  const names = spec.at('names');
  names.named('plural', dnsLabelProblems, 'required');
  names.named('singular', dnsLabelProblems);
  if (!names.has('kind')) names.missing('kind');
  for (const field of ['kind', 'listKind'])
    names.named(field, (text) =>
      dnsLabelProblems(text.toLowerCase()).map(
        (problem) => `may have mixed case, but should otherwise match: ${problem}`,
      ),
    );
  const expected = `${names.text('plural')}.${spec.text('group')}`;
  const name = definition.at('metadata').text('name');
  if (name !== expected) definition.found.invalid('metadata.name', name, `must be spec.names.plural+"."+spec.group`);
  spec.at('conversion').oneOf('strategy', ['None', 'Webhook'], 'optional');
}

/** Custom resource definitions. They are kept; nothing serves the kinds they describe as yet. */
export const customResourceDefinitionKind: ResourceDefinition = describedKind({
  group: 'apiextensions.k8s.io',
  kind: 'CustomResourceDefinition',
  resource: 'customresourcedefinitions',
  schema: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition',
  namespaced: false,
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  generation: true,
  status: {},
  default: defaultDefinition,
  prepare,
  check,
  immutable: ['spec.group', 'spec.names.plural'],
  checkUpdate(definition, old) {
    const conditions = old.at('status').list('conditions');
    const established = conditions.some(
      (item) => item.text('type') === 'Established' && item.text('status') === 'True',
    );
    if (!established) return;
    definition.at('spec').unchanged(old.at('spec'), 'scope');
    definition.below('spec.names').unchanged(old.below('spec.names'), 'kind');
  },
});
