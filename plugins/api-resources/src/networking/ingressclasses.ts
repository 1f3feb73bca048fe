import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { dnsLabelProblems, type KubeObject } from '@timonel/sdk/kube';
import { child, fill } from '../defaults.ts';
import { describedKind } from '../described-kind.ts';
import { ageColumn, nameColumn, none, shown, textAt } from '../table/columns.ts';
import { prefixedPathProblems } from '../validation/prefixed-path.ts';
import type { Part } from '../validation/part.ts';

function checkParameters(parameters: Part): void {
  parameters.require('kind', 'name');
  parameters.oneOf('scope', ['Cluster', 'Namespace']);
  if (parameters.text('scope') === 'Namespace') parameters.named('namespace', dnsLabelProblems, 'required');
  else if (parameters.has('namespace')) parameters.forbid('namespace', "`parameters.scope` is set to 'Cluster'");
}

function parametersCell(ingressClass: KubeObject): string {
  const kind = textAt(ingressClass, 'spec.parameters.kind');
  if (kind === '') return none;
  const group = textAt(ingressClass, 'spec.parameters.apiGroup');
  return `${group === '' ? kind : `${kind}.${group}`}/${textAt(ingressClass, 'spec.parameters.name')}`;
}

export const ingressClassKind: ResourceDefinition = describedKind({
  group: 'networking.k8s.io',
  kind: 'IngressClass',
  resource: 'ingressclasses',
  namespaced: false,
  generation: true,
  default: (ingressClass) => fill(child(child(ingressClass, 'spec'), 'parameters'), { scope: 'Cluster' }),
  check(ingressClass) {
    const spec = ingressClass.at('spec');
    spec.named('controller', prefixedPathProblems, 'required');
    if (spec.at('parameters').present) checkParameters(spec.at('parameters'));
  },
  immutable: ['spec.controller'],
  columns: [
    nameColumn,
    shown('Controller', 'Who implements its ingresses.', (object) => textAt(object, 'spec.controller')),
    shown('Parameters', 'An object with more settings.', parametersCell),
    ageColumn,
  ],
});
