/** Which webhooks are asked about which requests. */
import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { dnsSubdomainProblems } from '@timonel/sdk/kube';
import { child, fill, items, type Json } from '../defaults.ts';
import { describedKind, type KindDescription } from '../described-kind.ts';
import { ageColumn, counted, listAt, nameColumn } from '../table/columns.ts';
import type { Part } from '../validation/part.ts';
import { checkMatchConditions, checkRule, defaultRules, defaultSelectors } from './webhook-rules.ts';

const shared = {
  group: 'admissionregistration.k8s.io',
  namespaced: false,
  generation: true,
  categories: ['api-extensions'],
  columns: [
    nameColumn,
    counted('Webhooks', 'The number of webhooks.', (object) => listAt(object, 'webhooks').length),
    ageColumn,
  ],
} satisfies Partial<KindDescription>;

function defaultWebhooks(configuration: Json, own: Json): void {
  for (const webhook of items(configuration, 'webhooks')) {
    fill(webhook, { failurePolicy: 'Fail', timeoutSeconds: 10, ...own });
    defaultSelectors(webhook);
    defaultRules(webhook, 'rules');
    fill(child(child(webhook, 'clientConfig'), 'service'), { port: 443 });
  }
}

function nameProblems(name: string): string[] {
  const problems = dnsSubdomainProblems(name);
  if (problems.length === 0 && name.split('.').length < 3)
    return ['should be a domain with at least three segments separated by dots'];
  return problems;
}

function urlProblems(url: string): string[] {
  if (!URL.canParse(url)) return ['url must be a valid URL'];
  const { protocol, host, username, search, hash } = new URL(url);
  const problems: string[] = [];
  if (protocol !== 'https:')
    problems.push(`'https' is the only allowed URL scheme; desired format: https://host[/path]`);
  if (host === '') problems.push('host must be specified; desired format: https://host[/path]');
  if (username !== '') problems.push('user information is not permitted in the URL');
  if (search !== '') problems.push('query parameters are not permitted in the URL');
  if (hash !== '') problems.push('fragments are not permitted in the URL');
  return problems;
}

function checkClient(client: Part): void {
  const service = client.at('service');
  if (client.has('url') === service.present)
    client.found.required(client.path, 'exactly one of url or service is required');
  client.named('url', urlProblems);
  if (!service.present) return;
  service.require('namespace', 'name');
  service.within('port', 1, 65_535);
  if (service.has('path') && !service.text('path').startsWith('/')) service.invalid('path', "must start with a '/'");
}

function checkWebhook(webhook: Part): void {
  webhook.named('name', nameProblems, 'required');
  webhook.requireItems('admissionReviewVersions', 'must specify one of v1, v1beta1');
  webhook.distinct('admissionReviewVersions');
  webhook.oneOf('failurePolicy', ['Fail', 'Ignore'], 'optional');
  webhook.oneOf('matchPolicy', ['Equivalent', 'Exact'], 'optional');
  webhook.oneOf('sideEffects', ['None', 'NoneOnDryRun']);
  webhook.oneOf('reinvocationPolicy', ['IfNeeded', 'Never'], 'optional');
  webhook.selector('namespaceSelector');
  webhook.selector('objectSelector');
  const seconds = webhook.number('timeoutSeconds');
  if (seconds !== undefined && (seconds < 1 || seconds > 30))
    webhook.invalid('timeoutSeconds', 'the timeout value must be between 1 and 30 seconds');
  for (const rule of webhook.list('rules')) checkRule(rule);
  checkClient(webhook.at('clientConfig'));
  checkMatchConditions(webhook);
}

function check(configuration: Part): void {
  configuration.distinct('webhooks', 'name');
  for (const webhook of configuration.list('webhooks')) checkWebhook(webhook);
}

export const validatingWebhookConfigurationKind: ResourceDefinition = describedKind({
  ...shared,
  kind: 'ValidatingWebhookConfiguration',
  resource: 'validatingwebhookconfigurations',
  default: (configuration) => defaultWebhooks(configuration, {}),
  check,
});

export const mutatingWebhookConfigurationKind: ResourceDefinition = describedKind({
  ...shared,
  kind: 'MutatingWebhookConfiguration',
  resource: 'mutatingwebhookconfigurations',
  default: (configuration) => defaultWebhooks(configuration, { reinvocationPolicy: 'Never' }),
  check,
});
