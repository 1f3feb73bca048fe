import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import type { LabelSelector } from '@timonel/sdk/kube';
import { selectorCell } from '../apps/template-cells.ts';
import { child, fill, items, type Json } from '../defaults.ts';
import { describedKind } from '../described-kind.ts';
import { ageColumn, nameColumn, shown, valueAt } from '../table/columns.ts';
import { cidrProblems, isInsideOf } from '../validation/addresses.ts';
import type { Part } from '../validation/part.ts';
import { portNameProblems } from '../validation/ports.ts';

function defaultPolicy(policy: Json): void {
  const spec = child(policy, 'spec');
  if (spec === undefined) return;
  for (const rule of [...items(spec, 'ingress'), ...items(spec, 'egress')])
    for (const port of items(rule, 'ports')) fill(port, { protocol: 'TCP' });
  const types = spec['policyTypes'];
  if (types !== undefined && types !== null && !(Array.isArray(types) && types.length === 0)) return;
  const egress = Array.isArray(spec['egress']) && spec['egress'].length > 0;
  spec['policyTypes'] = egress ? ['Ingress', 'Egress'] : ['Ingress'];
}

function checkPort(port: Part): void {
  port.oneOf('protocol', ['SCTP', 'TCP', 'UDP'], 'optional');
  const number = port.number('port');
  if (number !== undefined) port.within('port', 1, 65_535);
  else port.named('port', portNameProblems);
  const end = port.number('endPort');
  if (end === undefined) return;
  if (number === undefined)
    port.found.invalid(port.pathOf('endPort'), end, 'may not be specified when `port` is non-numeric or absent');
  else if (end < number) port.invalid('endPort', 'must be greater than or equal to `port`');
  else port.within('endPort', 1, 65_535);
}

function checkBlock(block: Part): void {
  block.named('cidr', cidrProblems, 'required');
  const cidr = block.text('cidr');
  for (const except of block.list('except')) {
    const text = typeof except.raw === 'string' ? except.raw : '';
    const problems = cidrProblems(text);
    except.found.problems(except.path, text, problems);
    if (problems.length === 0 && cidrProblems(cidr).length === 0 && !isInsideOf(cidr, text))
      except.wrong('must be a strict subset of `cidr`');
  }
}

function checkPeer(peer: Part): void {
  const block = peer.at('ipBlock');
  const selectors = ['podSelector', 'namespaceSelector'].filter((name) => peer.at(name).present);
  if (!block.present && selectors.length === 0) peer.found.required(peer.path, 'must specify a peer');
  if (block.present && selectors.length > 0)
    peer.found.forbidden(peer.path, 'may not specify both ipBlock and another peer');
  for (const name of selectors) peer.selector(name);
  if (block.present) checkBlock(block);
}

function check(policy: Part): void {
  const spec = policy.at('spec');
  spec.selector('podSelector');
  for (const [rules, peers] of [
    ['ingress', 'from'],
    ['egress', 'to'],
  ] as const) {
    for (const rule of spec.list(rules)) {
      for (const port of rule.list('ports')) checkPort(port);
      for (const peer of rule.list(peers)) checkPeer(peer);
    }
  }
  if (spec.list('policyTypes').length > 2) spec.invalid('policyTypes', 'may not specify more than two policyTypes');
  spec.eachOneOf('policyTypes', ['Egress', 'Ingress']);
}

export const networkPolicyKind: ResourceDefinition = describedKind({
  group: 'networking.k8s.io',
  kind: 'NetworkPolicy',
  resource: 'networkpolicies',
  shortNames: ['netpol'],
  generation: true,
  default(policy) {
    fill(child(policy, 'spec'), { podSelector: {} });
    defaultPolicy(policy);
  },
  check,
  columns: [
    nameColumn,
    shown('Pod-Selector', 'The pods it is about.', (policy) =>
      selectorCell(valueAt(policy, 'spec.podSelector') as LabelSelector | undefined),
    ),
    ageColumn,
  ],
});
