import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient, type ApiClient, type ObjectName } from '@timonel/sdk/contracts/api';
import { apiEndpoint, type ApiEndpoint } from '@timonel/sdk/contracts/api-server';
import { serviceAccountTokens, type ServiceAccountTokens } from '@timonel/sdk/contracts/auth';
import { controller } from '@timonel/sdk/contracts/controller';
import { leadership } from '@timonel/sdk/contracts/leadership';
import { explainers } from '@timonel/sdk/contracts/why';
import { controllerPart, keysFrom, keysOfAuthorityChanges, runControllers } from '@timonel/sdk/controller';
import {
  isNotFound,
  namespaces,
  objectKey,
  secrets,
  serviceAccounts,
  type Secret,
  type ServiceAccount,
} from '@timonel/sdk/kube';
import { defaultAccount, explainNamespace, reconcileNamespace } from './accounts.ts';
import { accountNameOf, explainSecret, isOfAnother, lacksToken, reconcileSecret, tokenType } from './token-secrets.ts';

/** Such tokens end with their secret, and otherwise as good as never. */
const tokenSeconds = 10 * 365 * 24 * 3600;

const component = 'serviceaccount-controller';

const accounts = controllerPart({
  name: 'controller-serviceaccount',
  component,
  subject: namespaces,
  inputs: ({ informers }) => ({
    namespaces: informers.for(namespaces),
    accounts: informers.for(serviceAccounts),
  }),
  sources: (inputs) => [
    keysFrom(inputs.namespaces, ({ metadata }) => [metadata.name ?? '']),
    keysFrom(inputs.accounts, ({ metadata }) => (metadata.name === defaultAccount ? [metadata.namespace ?? ''] : [])),
  ],
  observe(key, inputs, now) {
    const subject = inputs.namespaces.get(key);
    if (subject === undefined) return undefined;
    return { ...now, subject, account: inputs.accounts.get(`${key}/${defaultAccount}`) };
  },
  // A namespace that is gone or going refuses by itself.
  confirm: false,
  reconcile: reconcileNamespace,
  explain: explainNamespace,
});

/** The cache may lag: what looks gone is read anew, for the token would go for good. @throws what the API throws */
async function accountOf(
  secret: Secret,
  name: ObjectName,
  cached: ServiceAccount | undefined,
  api: ApiClient,
): Promise<ServiceAccount | undefined> {
  if (cached !== undefined && !isOfAnother(secret, cached)) return cached;
  try {
    return await api.get(serviceAccounts, name);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

type Parts = { readonly endpoint: ApiEndpoint; readonly tokens: ServiceAccountTokens };

async function tokenFor(
  { tokens }: Parts,
  secret: Secret,
  account: ServiceAccount | undefined,
): Promise<string | undefined> {
  if (account === undefined || isOfAnother(secret, account) || !lacksToken(secret)) return undefined;
  const { namespace = '', name = '', uid = '' } = account.metadata;
  const boundTo = { kind: 'Secret', name: secret.metadata.name ?? '', uid: secret.metadata.uid ?? '' } as const;
  const claims = { namespace, name, uid, audiences: [], lifetimeSeconds: tokenSeconds, boundTo };
  return (await tokens.issue(claims)).token;
}

const tokenSecrets = controllerPart({
  name: 'controller-serviceaccount',
  component,
  subject: secrets,
  inputs({ informers, env, deps }) {
    const ofAccounts = informers.for(secrets, {
      fieldSelector: `type=${tokenType}`,
      indexes: { account: (secret) => [`${secret.metadata.namespace ?? ''}/${accountNameOf(secret) ?? ''}`] },
    });
    const { endpoint } = deps as unknown as Parts;
    return {
      accounts: informers.for(serviceAccounts),
      secrets: ofAccounts,
      authorities: keysOfAuthorityChanges(env, endpoint, ofAccounts, objectKey),
    };
  },
  sources: (inputs) => [
    keysFrom(inputs.secrets, (secret) => [objectKey(secret)]),
    keysFrom(inputs.accounts, (account) => inputs.secrets.byIndex('account', objectKey(account)).map(objectKey)),
    inputs.authorities,
  ],
  async observe(key, inputs, now, { api, deps }) {
    const parts = deps as unknown as Parts;
    const subject = inputs.secrets.get(key);
    const name = subject === undefined ? undefined : accountNameOf(subject);
    if (subject === undefined || name === undefined) return undefined;
    const { namespace = '' } = subject.metadata;
    const account = await accountOf(subject, { namespace, name }, inputs.accounts.get(`${namespace}/${name}`), api);
    const token = await tokenFor(parts, subject, account);
    return { ...now, subject, account, token, authorityPem: parts.endpoint.caCertificate() };
  },
  reconcile: reconcileSecret,
  explain: explainSecret,
});

const plugin: AnyPlugin = definePlugin({
  name: 'controller-serviceaccount',
  version: '0.1.0',
  apiVersion: 1,
  description:
    'Keeps a ServiceAccount default in every namespace, and fills Secrets that ask for a token of an account.',
  provides: { controller, explainers },
  requires: { api: apiClient, endpoint: apiEndpoint, tokens: serviceAccountTokens },
  optional: { leadership },
  setup: (ctx) => runControllers(ctx, [accounts, tokenSecrets]),
});

export default plugin;
